"""Recognises a ResNet-FPN Mask R-CNN by the names and shapes of its tensors."""

from __future__ import annotations

import re
from dataclasses import dataclass

from conversion.checkpoint import Weights
from conversion.config import ModelConfig
from reefsteps.errors import UnsupportedModelError

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
SUPPORTED = "detectron2's Mask R-CNN with a ResNet-18, 34, 50 or 101 FPN backbone and one box and mask head"

# Tensor names that tell other architectures, in the order of asking.
_OTHERS = (
    (r"backbone\.body\.|^rpn\.head\.", "torchvision's Mask R-CNN"),
    (r"^model\.\d+\.", "a YOLO network"),
    (r"sem_seg_head\.|transformer|^detr\.", "a transformer or panoptic network"),
    (r"^backbone\.net\.|\.attn\.", "a vision transformer backbone"),
    (r"^head\.cls_subnet", "RetinaNet"),
    (r"^roi_heads\.box_head\.\d|^roi_heads\.box_predictor\.\d", "Cascade R-CNN"),
    (r"^roi_heads\.keypoint_head\.", "Keypoint R-CNN"),
    (r"^roi_heads\.res5\.", "a C4 or DC5 backbone without FPN"),
    (r"conv2_offset", "deformable convolutions"),
    (r"^(layer\d|fc|conv1|bn1)\.", "a classification network"),
)


@dataclass(frozen=True)
class Architecture:
    """What the tensors say of the network."""

    depth: int
    bottleneck: bool
    norm: str  # of the backbone: BN (which FrozenBN and SyncBN cannot be told from), GN or none
    fpn_channels: int
    box_convs: int
    box_fcs: int
    mask_convs: int
    class_count: int

    def __str__(self) -> str:
        return f"Mask R-CNN, ResNet-{self.depth}-FPN ({self.fpn_channels} channels, {self.norm})"


def recognise(weights: Weights, config: ModelConfig) -> Architecture:
    """Return the architecture; raises UnsupportedModelError saying what was found and what is supported."""
    needed = ("backbone.fpn_lateral2.weight", "roi_heads.box_predictor.cls_score.weight", "roi_heads.mask_head.")
    missing = [part for part in needed if not any(name.startswith(part) for name in weights)]
    if missing:
        raise UnsupportedModelError(f"This is {_found(weights)} (no '{missing[0]}'). Only {SUPPORTED} is supported.")
    bottleneck = "backbone.bottom_up.res2.0.conv3.weight" in weights
    blocks = tuple(_count(weights, rf"backbone\.bottom_up\.res{stage}\.(\d+)\.conv1\.weight") for stage in range(2, 6))
    depth = next((d for d, b in BLOCKS.items() if b == blocks and (d >= 50) == bottleneck), None)
    if depth is None:
        kind = "bottleneck" if bottleneck else "basic"
        raise UnsupportedModelError(f"The backbone has {blocks} {kind} blocks a stage. Only {SUPPORTED} is supported.")
    if config.depth not in (None, depth):
        raise UnsupportedModelError(
            f"The backbone is a ResNet-{depth}, the configuration ({config.origin}) says ResNet-{config.depth}. "
            "Upload the config.yaml that belongs to this checkpoint as <name>.yaml beside it."
        )
    class_count = _outputs(weights, "roi_heads.box_predictor.cls_score.weight", 2) - 1
    if class_count != len(config.class_names):
        raise UnsupportedModelError(
            f"The model tells {class_count} classes apart, the configuration ({config.origin}) "
            f"{len(config.class_names)}. Train it for one class, or upload its config.yaml as <name>.yaml beside it."
        )
    return Architecture(
        depth=depth,
        bottleneck=bottleneck,
        norm=_norm(weights),
        fpn_channels=_outputs(weights, "backbone.fpn_lateral2.weight", 4),
        box_convs=_count(weights, r"roi_heads\.box_head\.conv(\d+)\.weight"),
        box_fcs=_count(weights, r"roi_heads\.box_head\.fc(\d+)\.weight"),
        mask_convs=_count(weights, r"roi_heads\.mask_head\.mask_fcn(\d+)\.weight"),
        class_count=class_count,
    )


def _found(weights: Weights) -> str:
    for pattern, description in _OTHERS:
        if any(re.search(pattern, name) for name in weights):
            return description
    return f"a network with tensors such as '{min(weights)[:80]}'"


def _outputs(weights: Weights, name: str, dimensions: int) -> int:
    shape = weights[name].shape
    if len(shape) != dimensions:
        raise UnsupportedModelError(f"Tensor '{name}' has {len(shape)} dimensions instead of {dimensions}.")
    return int(shape[0])


def _count(weights: Weights, pattern: str) -> int:
    return sum(1 for name in weights if re.fullmatch(pattern, name))


def _norm(weights: Weights) -> str:
    stem = "backbone.bottom_up.stem.conv1.norm."
    if f"{stem}running_mean" in weights:
        return "BN"
    return "GN" if f"{stem}weight" in weights else "no norm"
