"""detectron2 itself, as the reference: its predictor for a checkpoint, and its results as Detections."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from conversion.binding import bind
from reefsteps.detection import Detections, InstanceMask
from reefsteps.detection.map_head import PREFIX


def without_map(checkpoint: Path, folder: Path) -> Path:
    """Return a copy of a checkpoint and its .yaml in the folder: the Mask R-CNN without its map of coral."""
    import torch

    weights = torch.load(checkpoint, map_location="cpu", weights_only=True)["model"]
    plain = folder / checkpoint.name
    torch.save({"model": {name: value for name, value in weights.items() if not name.startswith(PREFIX)}}, plain)
    shutil.copy(checkpoint.with_suffix(".yaml"), plain.with_suffix(".yaml"))
    bind(plain.with_suffix(".yaml"), plain)
    return plain


def narrow(norm: str) -> dict[str, Any]:
    """Return the network of tests.support.checkpoints.random_mask_rcnn (depth 50 or 101) in detectron2's words."""
    base = 32 if norm == "GN" else 8
    return {
        "MODEL.RESNETS.NORM": norm,
        "MODEL.RESNETS.STEM_OUT_CHANNELS": base,
        "MODEL.RESNETS.WIDTH_PER_GROUP": base,
        "MODEL.RESNETS.RES2_OUT_CHANNELS": 4 * base,
        "MODEL.FPN.OUT_CHANNELS": 16,
        "MODEL.ROI_BOX_HEAD.FC_DIM": 32,
        "MODEL.ROI_MASK_HEAD.NUM_CONV": 1,
        "MODEL.ROI_MASK_HEAD.CONV_DIM": 16,
    }


def configuration(depth: int, dump: Path | None = None, **changes: Any) -> Any:
    """Return the model zoo's mask_rcnn_R_{50,101}_FPN_3x for one class, changed by a dump and by dotted keys."""
    from detectron2 import model_zoo

    zoo = f"COCO-InstanceSegmentation/mask_rcnn_R_{101 if depth == 101 else 50}_FPN_3x.yaml"
    config = model_zoo.get_config(zoo)
    config.MODEL.DEVICE = "cpu"
    config.MODEL.ROI_HEADS.NUM_CLASSES = 1
    config.MODEL.RESNETS.DEPTH = depth
    if dump is not None:
        config.merge_from_file(str(dump))
    config.merge_from_list([part for item in changes.items() for part in item])
    return config


def predictor(config: Any, checkpoint: Path, threads: int = 2) -> Any:
    """Return detectron2's DefaultPredictor."""
    import torch
    from detectron2.engine import DefaultPredictor

    logging.getLogger("fvcore.common.checkpoint").setLevel(logging.ERROR)
    torch.set_num_threads(threads)
    config = config.clone()
    config.MODEL.WEIGHTS = str(checkpoint)
    return DefaultPredictor(config)


def detections(instances: Any) -> Detections:
    """Return detectron2's Instances as Detections (masks as full-size crops)."""
    return Detections(
        instances.pred_boxes.tensor.numpy(),
        instances.scores.numpy(),
        instances.pred_classes.numpy(),
        tuple(InstanceMask(0, 0, mask.astype(np.uint8)) for mask in instances.pred_masks.numpy()),
        instances.image_size,
    )
