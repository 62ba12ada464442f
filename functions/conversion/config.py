"""What a checkpoint does not say of itself: anchors, normalisation, test sizes, thresholds.

The values come from the configuration that detectron2's trainer dumps: ``config.yaml`` in its output folder, uploaded
as ``<name>.yaml`` beside the checkpoint. Without it they come from one of two named configurations.
"""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from reefsteps.errors import UnsupportedModelError
from reefsteps.model_roles import ModelRole

MAX_YAML_BYTES = 1 << 20
LEVELS = 5  # p2 to p6
_POOLED = ("p2", "p3", "p4", "p5")


@dataclass(frozen=True)
class ModelConfig:
    """The values that the graph and the manifest need; defaults are detectron2's mask_rcnn_R_*_FPN_3x."""

    origin: str
    depth: int | None  # as configured; None when only the weights say it
    class_names: tuple[str, ...]
    pixel_mean: tuple[float, ...] = (103.53, 116.28, 123.675)
    pixel_std: tuple[float, ...] = (1.0, 1.0, 1.0)
    rgb: bool = False
    min_size_test: int = 800
    max_size_test: int = 1333
    stride_in_1x1: bool = True
    fuse_by_average: bool = False
    anchor_sizes: tuple[tuple[float, ...], ...] = ((32.0,), (64.0,), (128.0,), (256.0,), (512.0,))
    anchor_ratios: tuple[tuple[float, ...], ...] = ((0.5, 1.0, 2.0),) * LEVELS
    anchor_offset: float = 0.0
    rpn_pre_nms: int = 1000
    rpn_post_nms: int = 1000
    rpn_nms: float = 0.7
    rpn_weights: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    pooled_levels: tuple[int, ...] = (2, 3, 4, 5)  # of the pyramid: where the heads look at a box
    box_resolution: int = 7
    box_sampling: int = 0
    box_weights: tuple[float, ...] = (10.0, 10.0, 5.0, 5.0)
    mask_resolution: int = 14
    mask_sampling: int = 0
    score_threshold: float = 0.05
    nms_threshold: float = 0.5
    detections_per_image: int = 100


NAMED = {role.model_name: ModelConfig(role.architecture, role.depth, (role.class_name,)) for role in ModelRole}

# What the graph builder takes for granted, by the dump's key.
_REQUIRED: dict[str, tuple[Any, ...]] = {
    "MODEL.META_ARCHITECTURE": ("GeneralizedRCNN",),
    "MODEL.BACKBONE.NAME": ("build_resnet_fpn_backbone",),
    "MODEL.PROPOSAL_GENERATOR.NAME": ("RPN",),
    "MODEL.PROPOSAL_GENERATOR.MIN_SIZE": (0,),
    "MODEL.ANCHOR_GENERATOR.NAME": ("DefaultAnchorGenerator",),
    "MODEL.FPN.IN_FEATURES": (["res2", "res3", "res4", "res5"],),
    "MODEL.RPN.IN_FEATURES": ([*_POOLED, "p6"],),
    "MODEL.RPN.HEAD_NAME": ("StandardRPNHead",),
    "MODEL.ROI_HEADS.NAME": ("StandardROIHeads",),
    "MODEL.ROI_BOX_HEAD.NAME": ("FastRCNNConvFCHead",),
    "MODEL.ROI_BOX_HEAD.POOLER_TYPE": ("ROIAlignV2",),
    "MODEL.ROI_MASK_HEAD.NAME": ("MaskRCNNConvUpsampleHead",),
    "MODEL.ROI_MASK_HEAD.POOLER_TYPE": ("ROIAlignV2",),
    "MODEL.MASK_ON": (True,),
    "MODEL.KEYPOINT_ON": (False,),
    "MODEL.RESNETS.NUM_GROUPS": (1,),
    "MODEL.RESNETS.RES5_DILATION": (1,),
    "MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE": (False,),
}


def model_config(name: str, dump: Path | None) -> ModelConfig:
    """Return the configuration of the model ``name``: from its dump, else the named one.

    Raises UnsupportedModelError when there is neither, or when the dump asks for what cannot be converted.
    """
    if dump is not None:
        return _from_dump(name, dump)
    if name in NAMED:
        return NAMED[name]
    raise UnsupportedModelError(
        f"The configuration of '{name}' is unknown. Upload the config.yaml that detectron2's trainer wrote as "
        f"{name}.yaml beside it, or name the checkpoint {' or '.join(NAMED)}."
    )


def _from_dump(name: str, path: Path) -> ModelConfig:
    values = _Dump(path)
    for key, supported in _REQUIRED.items():
        if values.get(key, supported[0]) not in supported:
            raise UnsupportedModelError(
                f"{path.name}: {key} is {_shown(values.get(key))}; supported is {' or '.join(map(repr, supported))} "
                "(ResNet-FPN Mask R-CNN)."
            )
    count = values.integer("MODEL.ROI_HEADS.NUM_CLASSES", 1, 10_000)
    ratios = values.table("MODEL.ANCHOR_GENERATOR.ASPECT_RATIOS")
    known = NAMED[name].class_names if name in NAMED and count == 1 else None
    return ModelConfig(
        origin=path.name,
        depth=values.integer("MODEL.RESNETS.DEPTH", 1, 1000),
        class_names=known or tuple(f"class_{i}" for i in range(count)),
        pixel_mean=values.numbers("MODEL.PIXEL_MEAN", 3),
        pixel_std=values.numbers("MODEL.PIXEL_STD", 3, positive=True),
        rgb=values.choice("INPUT.FORMAT", ("BGR", "RGB")) == "RGB",
        min_size_test=values.integer("INPUT.MIN_SIZE_TEST", 32, 4096),
        max_size_test=values.integer("INPUT.MAX_SIZE_TEST", 32, 8192),
        stride_in_1x1=values.choice("MODEL.RESNETS.STRIDE_IN_1X1", (True, False)),
        fuse_by_average=values.choice("MODEL.FPN.FUSE_TYPE", ("sum", "avg")) == "avg",
        anchor_sizes=values.table("MODEL.ANCHOR_GENERATOR.SIZES"),
        anchor_ratios=ratios,
        anchor_offset=values.number("MODEL.ANCHOR_GENERATOR.OFFSET", 0, 1),
        rpn_pre_nms=values.integer("MODEL.RPN.PRE_NMS_TOPK_TEST", 1, 20_000),
        rpn_post_nms=values.integer("MODEL.RPN.POST_NMS_TOPK_TEST", 1, 20_000),
        rpn_nms=values.number("MODEL.RPN.NMS_THRESH", 0, 1),
        rpn_weights=values.numbers("MODEL.RPN.BBOX_REG_WEIGHTS", 4, positive=True),
        pooled_levels=values.pooled_levels("MODEL.ROI_HEADS.IN_FEATURES"),
        box_resolution=values.integer("MODEL.ROI_BOX_HEAD.POOLER_RESOLUTION", 1, 64),
        box_sampling=values.integer("MODEL.ROI_BOX_HEAD.POOLER_SAMPLING_RATIO", 0, 16),
        box_weights=values.numbers("MODEL.ROI_BOX_HEAD.BBOX_REG_WEIGHTS", 4, positive=True),
        mask_resolution=values.integer("MODEL.ROI_MASK_HEAD.POOLER_RESOLUTION", 1, 64),
        mask_sampling=values.integer("MODEL.ROI_MASK_HEAD.POOLER_SAMPLING_RATIO", 0, 16),
        score_threshold=values.number("MODEL.ROI_HEADS.SCORE_THRESH_TEST", 0, 1),
        nms_threshold=values.number("MODEL.ROI_HEADS.NMS_THRESH_TEST", 0, 1),
        detections_per_image=values.integer("TEST.DETECTIONS_PER_IMAGE", 1, 1000),
    )


class _Dump:
    """A configuration dump, read without building any object but lists, dicts, numbers and text."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        if path.stat().st_size > MAX_YAML_BYTES:
            raise UnsupportedModelError(f"{path.name} is larger than a configuration can be.")
        try:
            self._tree = yaml.safe_load(path.read_text("utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            raise UnsupportedModelError(f"{path.name} is no plain YAML ({str(error)[:200]}).") from error
        if not isinstance(self._tree, dict) or "_BASE_" in self._tree or "MODEL" not in self._tree:
            raise UnsupportedModelError(
                f"{path.name} is no complete configuration: upload the config.yaml that detectron2's trainer writes "
                "into its output folder (all values, no _BASE_)."
            )

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value at a dotted key, ``default`` where the dump does not have it."""
        value: Any = self._tree
        for part in key.split("."):
            if not isinstance(value, dict) or part not in value:
                return default
            value = value[part]
        return value

    def number(self, key: str, low: float, high: float) -> float:
        value = self.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self._wrong(key, value, f"a number from {low} to {high}")
        return float(value)

    def integer(self, key: str, low: int, high: int) -> int:
        value = self.number(key, low, high)
        if value != int(value):
            raise self._wrong(key, value, "a whole number")
        return int(value)

    def pooled_levels(self, key: str) -> tuple[int, ...]:
        """Return the pyramid levels of a list such as [p2, p3, p4, p5]: neighbours, in order."""
        value = self.get(key, list(_POOLED))
        for first in range(len(_POOLED)):
            for end in range(first + 1, len(_POOLED) + 1):
                if value == list(_POOLED[first:end]):
                    return tuple(range(first + 2, end + 2))
        raise self._wrong(key, value, "neighbouring levels of p2, p3, p4, p5")

    def choice(self, key: str, supported: tuple[Any, ...]) -> Any:
        value = self.get(key, supported[0])
        if value not in supported:
            raise self._wrong(key, value, " or ".join(map(repr, supported)))
        return value

    def numbers(self, key: str, count: int, *, positive: bool = False) -> tuple[float, ...]:
        value = self.get(key)
        if not _is_numbers(value) or len(value) != count or (positive and min(value) <= 0):
            raise self._wrong(key, value, f"{count} {'positive ' if positive else ''}numbers")
        return tuple(float(number) for number in value)

    def table(self, key: str) -> tuple[tuple[float, ...], ...]:
        """Return one row of positive numbers for each pyramid level; a single row holds for all."""
        value = self.get(key)
        rows = value * LEVELS if isinstance(value, list) and len(value) == 1 else value
        if (
            not isinstance(rows, list)
            or len(rows) != LEVELS
            or not all(_is_numbers(row) and 0 < len(row) <= 16 and min(row) > 0 for row in rows)
        ):
            raise self._wrong(key, value, f"one list of positive numbers, or {LEVELS}")
        return tuple(tuple(float(number) for number in row) for row in rows)

    def _wrong(self, key: str, value: Any, wanted: str) -> UnsupportedModelError:
        return UnsupportedModelError(f"{self._name}: {key} is {_shown(value)}; expected is {wanted}.")


_LARGEST = 1e30  # of a number in a configuration; NaN is not below it either


def _shown(value: Any) -> str:
    """Return the start of a value: aliases can make a small file's value endless."""
    return reprlib.repr(value)[:200]


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, int | float) and not isinstance(item, bool) and abs(item) < _LARGEST for item in value
    )
