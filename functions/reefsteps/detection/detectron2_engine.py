"""The other engine: the operator's ``.pth`` through detectron2 itself.

It is for parity checks, and for architectures that the converter does not know. It needs torch and detectron2, which no
requirement list of this project names, because detectron2 is on no registry. Both are imported when a model is loaded.
detectron2 unpickles the checkpoint, so only trusted files may be loaded this way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from reefsteps.arrays import BoolArray, ByteArray
from reefsteps.detection.detections import Detections, InstanceMask
from reefsteps.detection.engine import Engine, available_threads
from reefsteps.detection.manifest import FORMAT, FileIdentity, Manifest
from reefsteps.detection.map_head import has_map
from reefsteps.errors import UnsupportedModelError
from reefsteps.masks import mask_box
from reefsteps.model_roles import ModelRole

_ROLES = {role.model_name: role for role in ModelRole}  # of checkpoints that may come without a dump


def _zoo_name(role: ModelRole) -> str:
    return f"COCO-InstanceSegmentation/{role.architecture}.yaml"


class Detectron2Detector(Engine):
    """detectron2's DefaultPredictor behind the interface of a ``Detector``."""

    def __init__(self, checkpoint: Path, config_dump: Path | None = None, threads: int | None = None) -> None:
        """Load a checkpoint; raises UnsupportedModelError when detectron2 or the configuration is missing."""
        try:
            import torch
            from detectron2.engine import DefaultPredictor
        except ImportError as error:
            raise UnsupportedModelError(
                f"The engine 'detectron2' needs torch and detectron2, which this image lacks ({error}). Build the "
                "function's detectron2 target, or use the engine 'onnxruntime'."
            ) from error
        if has_map(checkpoint):
            raise UnsupportedModelError(
                f"'{checkpoint.stem}' measures cover by its map of coral, which the engine 'detectron2' does not know. "
                "Use the engine 'onnxruntime'."
            )
        torch.set_num_threads(threads or available_threads())
        config = _configuration(checkpoint, config_dump)
        super().__init__(_manifest(checkpoint, config_dump, config))
        self._predictor = DefaultPredictor(config)

    def _found(self, image_bgr: ByteArray, min_score: float) -> Detections:
        found = self._predictor(image_bgr)["instances"]
        masks = tuple(_cropped(mask.numpy()) for mask in found.pred_masks)
        boxes, scores, classes = found.pred_boxes.tensor.numpy(), found.scores.numpy(), found.pred_classes.numpy()
        return Detections(boxes, scores, classes, masks, found.image_size).above(min_score)


def _configuration(checkpoint: Path, config_dump: Path | None) -> Any:
    from detectron2 import model_zoo
    from detectron2.config import get_cfg

    if config_dump is not None:
        config = get_cfg()
        config.merge_from_file(str(config_dump))
    elif checkpoint.stem in _ROLES:
        config = model_zoo.get_config(_zoo_name(_ROLES[checkpoint.stem]))
        config.MODEL.ROI_HEADS.NUM_CLASSES = 1
    else:
        raise UnsupportedModelError(
            f"Nothing says how '{checkpoint.stem}' was configured. Upload detectron2's config.yaml as "
            f"{checkpoint.stem}.yaml beside it."
        )
    config.MODEL.DEVICE = "cpu"
    config.MODEL.WEIGHTS = str(checkpoint)
    return config


def _manifest(checkpoint: Path, config_dump: Path | None, config: Any) -> Manifest:
    file = FileIdentity.of(checkpoint)
    count = config.MODEL.ROI_HEADS.NUM_CLASSES
    if count > 1:
        raise UnsupportedModelError(
            f"'{checkpoint.stem}' tells {count} classes apart, and the engine 'detectron2' does not know which of them "
            "count. Use the engine 'onnxruntime' and say so in a .classes.json (docs/explanation/models.md)."
        )
    role = _ROLES.get(checkpoint.stem)
    return Manifest(
        format=FORMAT,
        name=checkpoint.stem,
        architecture=f"{config.MODEL.META_ARCHITECTURE}, {config.MODEL.BACKBONE.NAME} (detectron2)",
        classes=(role.class_name if role else "class_0",),
        precision="fp32",
        min_size_test=config.INPUT.MIN_SIZE_TEST,
        max_size_test=config.INPUT.MAX_SIZE_TEST,
        score_threshold=config.MODEL.ROI_HEADS.SCORE_THRESH_TEST,
        nms_threshold=config.MODEL.ROI_HEADS.NMS_THRESH_TEST,
        detections_per_image=config.TEST.DETECTIONS_PER_IMAGE,
        mask_threshold=0.5,
        rgb=config.INPUT.FORMAT == "RGB",
        source=file,
        model=file,
        config=config_dump.name if config_dump else _zoo_name(role) if role else "",
        converter_version="none",
    )


def _cropped(mask: BoolArray) -> InstanceMask:
    """Return a picture-sized mask as a crop around its pixels."""
    box = mask_box(mask)
    if box is None:
        return InstanceMask(0, 0, np.zeros((0, 0), np.uint8))
    left, top, right, bottom = box
    return InstanceMask(left, top, mask[top:bottom, left:right].astype(np.uint8))
