"""Stores what detectron2 itself returns, so that the tests can compare with it where it is not installed.

``python tests/parity/store_outputs.py`` (with ``functions`` and the root on the import path) writes
tests/data/inference: resized pictures, pasted masks, whole detections of narrow random models, and two checkpoints
written by torch.
"""

from __future__ import annotations

import sys
import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from tests.parity.reference import configuration, narrow, predictor
from tests.support import checkpoints as make
from tests.support.pictures import picture
from tests.support.stored_outputs import MODELS, PICTURES, RESIZED, STORED


def main() -> None:
    """Write every file."""
    STORED.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(STORED / "resized.npz", **_resized())
    np.savez_compressed(STORED / "pasted.npz", **_pasted())
    for depth, classes, norm, seed in MODELS:
        np.savez_compressed(
            STORED / f"detections_r{depth}_{norm.lower()}.npz", **_detections(depth, classes, norm, seed)
        )
    _checkpoints()
    for path in sorted(STORED.iterdir()):
        sys.stdout.write(f"{path.stat().st_size:8d} {path.name}\n")


def _resized() -> dict[str, Any]:
    from detectron2.data.transforms import ResizeTransform

    return {
        f"{h}x{w}_{nh}x{nw}": ResizeTransform(h, w, nh, nw).apply_image(picture(h, w, 9)) for h, w, nh, nw in RESIZED
    }


def _pasted() -> dict[str, Any]:
    import torch
    from detectron2.layers.mask_ops import paste_masks_in_image

    random = np.random.default_rng(3)
    smooth = torch.nn.functional.interpolate(
        torch.from_numpy(random.random((16, 1, 5, 5), np.float32)), size=28, mode="bicubic", align_corners=False
    ).clamp(0, 1)
    low = random.uniform(-20, 110, (16, 2))
    boxes = np.concatenate([low, low + random.uniform(0.3, 120, (16, 2))], 1).astype(np.float32)
    boxes[:, 0::2] = boxes[:, 0::2].clip(0, 160)
    boxes[:, 1::2] = boxes[:, 1::2].clip(0, 120)
    boxes[0] = (0, 0, 160, 120)
    boxes = boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])]
    probabilities = smooth[: len(boxes), 0]
    masks = paste_masks_in_image(probabilities, torch.from_numpy(boxes), (120, 160), 0.5).numpy()
    return {"probabilities": probabilities.numpy(), "boxes": boxes, "masks": np.packbits(masks), "shape": masks.shape}


def _detections(depth: int, classes: int, norm: str, seed: int) -> dict[str, Any]:
    stored: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        dump = make.config_dump(
            Path(scratch) / "m.yaml", **{"MODEL.RESNETS.DEPTH": depth, "MODEL.ROI_HEADS.NUM_CLASSES": classes}
        )
        checkpoint = make.write_checkpoint(
            Path(scratch) / "m.pth", make.random_mask_rcnn(depth, classes, norm=norm, seed=seed)
        )
        predict = predictor(configuration(depth, dump, **narrow(norm)), checkpoint)
        for index, (height, width, picture_seed) in enumerate(PICTURES):
            found = predict(picture(height, width, picture_seed))["instances"]
            stored[f"boxes_{index}"] = found.pred_boxes.tensor.numpy()
            stored[f"scores_{index}"] = found.scores.numpy()
            stored[f"classes_{index}"] = found.pred_classes.numpy()
            stored[f"masks_{index}"] = np.packbits(found.pred_masks.numpy())
    return stored


def _checkpoints() -> None:
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(OrderedDict(conv=torch.nn.Conv2d(2, 3, 3), norm=torch.nn.BatchNorm2d(3)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(2, 2, 4, 4)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    trainers = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": schedule.state_dict(),
        "iteration": 12,
    }
    torch.save(trainers, STORED / "trainer.pth")
    torch.save(trainers, STORED / "trainer_legacy.pth", _use_new_zipfile_serialization=False)
    np.savez_compressed(STORED / "trainer.npz", **{name: value.numpy() for name, value in model.state_dict().items()})


if __name__ == "__main__":
    main()
