"""Deterministic keys of everything derived from a photograph, so that any step can run twice.

A stem is `reefsteps.surveys.SurveyKey.stem`; docs/reference/keys-and-buckets.md has the table of buckets.
"""

from __future__ import annotations


def picture_key(stem: str) -> str:
    """Return the key of the treated picture, the reframed picture or the overlay, each in its own bucket."""
    return f"{stem}.jpg"


def thumbnail_key(stem: str) -> str:
    """Return the key of the thumbnail beside a picture."""
    return f"thumbnails/{stem}.jpg"


def record_key(stem: str) -> str:
    """Return the key of the step's record beside its picture."""
    return f"results/{stem}.json"


def corners_key(stem: str) -> str:
    """Return the key, in the reframed bucket, of corners and hidden areas that a person has set."""
    return f"corners/{stem}.json"


def no_quadrat_key(stem: str) -> str:
    """Return the key, in the reframed bucket, of a person's word on whether the photograph shows a quadrat."""
    return f"no-quadrat/{stem}.json"


DECISION_KEYS = {"corners": corners_key, "no-quadrat": no_quadrat_key}
"""What a person can decide about a photograph, and where that lies in the reframed bucket."""


def mask_key(stem: str) -> str:
    """Return the key, in the masks bucket, of the binary coral mask."""
    return f"{stem}.png"


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
