"""The network that learns from points: a Mask R-CNN with a semantic head beside it (detectron2's PanopticFPN)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.modeling import build_model

from reefsteps.arrays import ByteArray, Float32Array, LabelArray
from training.library.augment import Example
from training.library.backbone import published_file, weights_of
from training.library.colonies import colonies
from training.library.detectron import export, in_bfloat16, in_mixed_precision, to_input
from training.library.point_examples import QUADRAT_PX, colonies_of, experts_of, inside, opening, pictures
from training.library.points import PointPhoto

BOX_MARGIN = 0.08
MAP_SCALES = (1.0, 1.4)  # the sizes at which a photograph is looked at for its map, in quadrats of QUADRAT_PX
_BACKBONE_SHARE = 0.2  # of the learning rate: the backbone knows pictures already
_HEAD = "sem_seg_head."


def new_point_model(cfg: CfgNode) -> torch.nn.Module:
    """Return the model with the published backbone; raises ModuleNotFoundError without its package."""
    model = build_model(cfg)
    pretrained = {name: torch.as_tensor(value) for name, value in weights_of(published_file()).items()}
    unknown = model.load_state_dict(pretrained, strict=False).unexpected_keys
    if unknown:
        raise ValueError(f"The configuration's backbone lacks {unknown[0]}.")
    model = in_mixed_precision(model)
    if hasattr(model.backbone.forward, "__wrapped__"):
        model.sem_seg_head.layers = in_bfloat16(model.sem_seg_head.layers)
    return model.train()


def optimizer_of(model: torch.nn.Module, cfg: CfgNode) -> torch.optim.Optimizer:
    """Return AdamW whose groups carry their share of the learning rate as ``share``."""
    trained = [(name, value) for name, value in model.named_parameters() if value.requires_grad]
    slow = [value for name, value in trained if name.startswith("backbone.bottom_up.")]
    fast = [value for name, value in trained if not name.startswith("backbone.bottom_up.")]
    groups = [{"params": slow, "share": _BACKBONE_SHARE}, {"params": fast, "share": 1.0}]
    return torch.optim.AdamW(groups, lr=cfg.SOLVER.BASE_LR, weight_decay=cfg.SOLVER.WEIGHT_DECAY)


def map_losses(model: torch.nn.Module, batch: list[Example]) -> dict[str, torch.Tensor]:
    """Return the loss of the semantic head alone, at the points of the examples."""
    items = [_item(example) for example in batch]
    images = model.preprocess_image(items)
    said = torch.stack([item["sem_seg"] for item in items]).to(images.tensor.device)
    losses: dict[str, torch.Tensor] = model.sem_seg_head(model.backbone(images.tensor), said)[1]
    return losses


def all_losses(model: torch.nn.Module, batch: list[Example]) -> dict[str, torch.Tensor]:
    """Return the losses of colonies and points."""
    losses: dict[str, torch.Tensor] = model([_item(example) for example in batch])
    return losses


def _item(example: Example) -> dict[str, Any]:
    plain = Example(example.image_bgr, colonies_of(example.labels))
    said = torch.as_tensor(experts_of(example.labels).astype(np.int64))
    return {**to_input(plain, BOX_MARGIN), "sem_seg": said}


def coral_map(model: torch.nn.Module, image_bgr: ByteArray) -> Float32Array:
    """Return the probability of coral, float32 (H, W), of a picture of the size that the network sees."""
    device = next(model.parameters()).device
    picture = torch.as_tensor(np.ascontiguousarray(image_bgr.transpose(2, 0, 1))).to(device)
    model.eval()
    with torch.no_grad():
        images = model.preprocess_image([{"image": picture}])
        logits = model.sem_seg_head(model.backbone(images.tensor), None)[0]
    model.train()
    h, w = image_bgr.shape[:2]
    return np.asarray(torch.softmax(logits[0, :, :h, :w].float(), 0)[1].cpu().numpy(), np.float32)


def photo_map(model: torch.nn.Module, photo: PointPhoto) -> Float32Array:
    """Return the probability of coral in a restored photograph, the mean over MAP_SCALES."""
    image = pictures(photo.path)[1]
    box = opening(photo)
    extent = (box[2:] - box[:2]) * image.shape[1::-1]
    maps = []
    base = None
    for share in MAP_SCALES:
        factor = share * QUADRAT_PX / float(np.sqrt(extent.prod()))
        size = round(image.shape[1] * factor), round(image.shape[0] * factor)
        base = base or size
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
        maps.append(cv2.resize(coral_map(model, np.asarray(small, np.uint8)), base, interpolation=cv2.INTER_AREA))
    return np.asarray(np.mean(maps, axis=0), np.float32)


def found_colonies(probability: Float32Array, photo: PointPhoto, threshold: float) -> LabelArray:
    """Return the photograph's colonies by its map; outside the area of its points there are none."""
    coral = probability >= threshold
    kept = np.zeros_like(coral)
    inside(kept, photo)[:] = inside(coral, photo)
    return colonies(kept)


def export_colonies(weights: dict[str, torch.Tensor], cfg: CfgNode, stem: Path) -> None:
    """Write the Mask R-CNN without the semantic head as ``stem``.pth and ``stem``.yaml."""
    deployed = cfg.clone()
    deployed.MODEL.META_ARCHITECTURE = "GeneralizedRCNN"
    export({name: value for name, value in weights.items() if not name.startswith(_HEAD)}, deployed, stem)
