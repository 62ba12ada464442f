"""Keys of the files of a model in its bucket; docs/reference/keys-and-buckets.md has the table."""

from __future__ import annotations


def checkpoint_key(model_name: str) -> str:
    """Return the key of the operator's weights in a model bucket."""
    return f"{model_name}.pth"


def zoo_checkpoint_key(model_name: str) -> str:
    """Return the key of weights in the format of detectron2's model zoo (numpy arrays in a pickle)."""
    return f"{model_name}.pkl"


def model_classes_key(model_name: str) -> str:
    """Return the key of the file that names a model's classes and says which of them count."""
    return f"{model_name}.classes.json"


def model_config_key(model_name: str) -> str:
    """Return the key of the optional detectron2 configuration beside the weights."""
    return f"{model_name}.yaml"


def model_evaluation_key(model_name: str) -> str:
    """Return the key of the optional measured errors beside the weights."""
    return f"{model_name}.evaluation.json"


def model_key(model_name: str) -> str:
    """Return the key of the converted model."""
    return f"{model_name}.onnx"


def model_card_key(model_name: str) -> str:
    """Return the key of the converted model's description."""
    return f"{model_name}.json"
