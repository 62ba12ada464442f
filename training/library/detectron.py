"""What training needs of torch and detectron2: configuration, model, batches, export, prediction."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from detectron2.checkpoint import DetectionCheckpointer
from detectron2.config import CfgNode, get_cfg
from detectron2.data.transforms import ResizeShortestEdge
from detectron2.modeling import build_model
from detectron2.structures import BitMasks, Instances

from conversion.binding import bind
from reefsteps.arrays import ByteArray
from reefsteps.detection.map_head import PREFIX
from training.library.augment import Example
from training.library.prediction import Prediction, Predictor

MIN_INSTANCE_PX = 24


def load_config(path: Path, device: str | None = None) -> CfgNode:
    """Return detectron2's configuration from a YAML file; ``device`` overrides ("cuda" where there is one)."""
    cfg = get_cfg()
    cfg.merge_from_file(str(path))
    if device:
        cfg.MODEL.DEVICE = device
    return cfg


def new_model(cfg: CfgNode) -> torch.nn.Module:
    """Return the model on its device, with the weights of ``MODEL.WEIGHTS`` where the configuration names any.

    The weights may be a ``.pth`` that this package wrote or a file of detectron2's model zoo. Tensors of another shape
    (the zoo's heads have 80 classes) keep their initial values, with a warning by detectron2.
    """
    model = build_model(cfg)
    if cfg.MODEL.WEIGHTS:
        DetectionCheckpointer(model).load(cfg.MODEL.WEIGHTS)
    return model


def in_mixed_precision(model: torch.nn.Module) -> torch.nn.Module:
    """Return the model with its convolutions run in bfloat16 and channels last: much faster where the machine knows it.

    Weights, box head and losses stay in 32 bits, and so does everything on a CPU without bfloat16 (AVX2 only), where it
    would be emulated.
    """
    model = model.to(memory_format=torch.channels_last)
    on_cpu = next(model.parameters()).device.type == "cpu"
    if on_cpu and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return model
    model.backbone.forward = in_bfloat16(model.backbone.forward)
    model.proposal_generator.rpn_head.forward = in_bfloat16(model.proposal_generator.rpn_head.forward)
    model.roi_heads.mask_head.layers = in_bfloat16(model.roi_heads.mask_head.layers)
    return model


def in_bfloat16(exact: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the same function of tensors, run in bfloat16 and channels last; what it returns is in 32 bits."""

    @functools.wraps(exact)
    def call(value: Any) -> Any:
        ordered = _each(value, lambda t: t.contiguous(memory_format=torch.channels_last))
        first = ordered if isinstance(ordered, torch.Tensor) else next(iter(_items(ordered)))
        with torch.autocast(first.device.type, torch.bfloat16):
            result = exact(ordered)
        return _each(result, lambda t: t.float())

    return call


def _items(values: Any) -> Any:
    return values.values() if isinstance(values, dict) else values


def _each(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, dict):
        return {name: _each(item, change) for name, item in value.items()}
    return type(value)(_each(item, change) for item in value)


def to_input(example: Example, box_margin: float | None = None) -> dict[str, Any]:
    """Return detectron2's input for one example, with targets when ``box_margin`` is given.

    The boxes to learn are wider than their masks by that share of their size on each side. A mask head finds an edge
    long before a box head does, and a box that is a little too small would cut the mask off. Instances below
    MIN_INSTANCE_PX pixels are left out.
    """
    h, w = example.labels.shape
    item: dict[str, Any] = {
        "image": torch.as_tensor(np.ascontiguousarray(example.image_bgr.transpose(2, 0, 1))),
        "height": h,
        "width": w,
    }
    if box_margin is not None:
        numbers, counts = np.unique(example.labels, return_counts=True)
        kept = [n for n, c in zip(numbers, counts, strict=True) if n and c >= MIN_INSTANCE_PX]
        stack = np.stack([example.labels == n for n in kept]) if kept else np.zeros((0, h, w), bool)
        target = Instances((h, w))
        masks = BitMasks(torch.as_tensor(stack))
        target.gt_masks = masks
        boxes = masks.get_bounding_boxes()
        size = boxes.tensor[:, 2:] - boxes.tensor[:, :2]
        boxes.tensor += box_margin * torch.cat([-size, size], 1)
        boxes.clip((h, w))
        target.gt_boxes = boxes
        target.gt_classes = torch.zeros(len(kept), dtype=torch.int64)
        item["instances"] = target
    return item


def export(weights: dict[str, torch.Tensor], cfg: CfgNode, stem: Path) -> None:
    """Write ``stem``.pth (weights only, half precision) and ``stem``.yaml (the configuration, which names them)."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    half = {k: v.detach().cpu().half() if v.is_floating_point() else v.detach().cpu() for k, v in weights.items()}
    torch.save({"model": half}, stem.with_suffix(".pth"))
    plain = cfg.clone()
    plain.MODEL.DEVICE = "cpu"
    plain.MODEL.WEIGHTS = ""  # where a training began is no part of what it made
    plain.OUTPUT_DIR = "."
    stem.with_suffix(".yaml").write_text(plain.dump(), encoding="utf-8")
    bind(stem.with_suffix(".yaml"), stem.with_suffix(".pth"))


def load_weights(model: torch.nn.Module, path: Path) -> None:
    """Load an exported ``.pth`` (half precision becomes float) into the model, without its map of coral."""
    saved = torch.load(path, map_location="cpu", weights_only=True)["model"]
    state = {name: value for name, value in saved.items() if not name.startswith(PREFIX)}
    model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})


def predictor(path: Path, threads: int, min_score: float | None = None) -> Predictor:
    """Return detectron2's own prediction (resize, model, paste) with the weights ``path`` and the YAML beside it.

    ``min_score`` takes the place of the YAML's threshold.
    """
    torch.set_num_threads(threads)
    cfg = load_config(path.with_suffix(".yaml"))
    if min_score is not None:
        cfg.MODEL.ROI_HEADS.SCORE_THRESH_TEST = min_score
    model = new_model(cfg).eval()
    load_weights(model, path)
    resize = ResizeShortestEdge(cfg.INPUT.MIN_SIZE_TEST, cfg.INPUT.MAX_SIZE_TEST)

    def predict(image_bgr: ByteArray) -> Prediction:
        small = resize.get_transform(image_bgr).apply_image(image_bgr)
        item = {"image": torch.as_tensor(np.ascontiguousarray(small.transpose(2, 0, 1), dtype=np.float32))}
        with torch.no_grad():
            found = model([{**item, "height": image_bgr.shape[0], "width": image_bgr.shape[1]}])[0]["instances"]
        return Prediction(found.pred_masks.cpu().numpy().astype(bool), found.scores.cpu().numpy().astype(np.float32))

    return predict
