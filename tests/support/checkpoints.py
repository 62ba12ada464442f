"""Writes torch checkpoints without torch: small random Mask R-CNN models, and hostile files."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from conversion.architecture import BLOCKS

STORAGES = {"f4": "FloatStorage", "f2": "HalfStorage", "f8": "DoubleStorage", "i8": "LongStorage"}
GLOBAL, REDUCE, STOP = b"c", b"R", b"."


def text(value: str) -> bytes:
    """Return the opcode that pushes a string."""
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value: int) -> bytes:
    """Return the opcode that pushes an integer."""
    return b"J" + struct.pack("<i", value)


def numbers(values: tuple[int, ...]) -> bytes:
    """Return the opcodes that push a tuple of integers."""
    return b"(" + b"".join(number(value) for value in values) + b"t"


def name(module: str, attribute: str) -> bytes:
    """Return the opcode that pushes a global."""
    return GLOBAL + f"{module}\n{attribute}\n".encode()


def tensor_opcodes(
    storage: str, key: str, count: int, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0
) -> bytes:
    """Return the opcodes of one tensor, as torch.save writes them."""
    reference = b"(" + text("storage") + name("torch", storage) + text(key) + text("cpu") + number(count) + b"tQ"
    arguments = b"(" + reference + number(offset) + numbers(shape) + numbers(strides) + b"\x89"
    return name("torch._utils", "_rebuild_tensor_v2") + arguments + name("collections", "OrderedDict") + b")RtR"


def dictionary(items: Mapping[str, bytes]) -> bytes:
    """Return the opcodes of a dict of opcodes."""
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides of a contiguous tensor, in elements."""
    return tuple(int(np.prod(shape[i + 1 :], dtype=np.int64)) for i in range(len(shape)))


def state_opcodes(state: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """Return the opcodes of a state dict whose storages are numbered in its order."""
    items = {}
    for index, (key, values) in enumerate(state.items()):
        storage = STORAGES[values.dtype.str[1:]]
        items[key] = tensor_opcodes(storage, str(index), values.size, values.shape, contiguous(values.shape))
    return dictionary(items)


def write_archive(path: Path, pickle: bytes, storages: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    """Write a zip-format checkpoint from its parts."""
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(f"{path.stem}/data.pkl", b"\x80\x02" + pickle + STOP)
        archive.writestr(f"{path.stem}/byteorder", "little")
        archive.writestr(f"{path.stem}/version", "3\n")
        for key, content in storages.items():
            archive.writestr(f"{path.stem}/data/{key}", content)
    return path


def write_checkpoint(path: Path, state: Mapping[str, np.ndarray[Any, Any]], extra: bytes = b"") -> Path:
    """Write ``{"model": state}`` in zip format; ``extra`` are opcodes of a second entry, ``optimizer``."""
    items = {"model": state_opcodes(state)} | ({"optimizer": extra} if extra else {})
    storages = {str(index): values.tobytes() for index, values in enumerate(state.values())}
    return write_archive(path, dictionary(items), storages)


def write_legacy(path: Path, state: Mapping[str, np.ndarray[Any, Any]]) -> Path:
    """Write a bare state dict in torch's format before 1.6."""
    stream = io.BytesIO()
    magic = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")
    stream.write(b"\x80\x02\x8a" + bytes([len(magic)]) + magic + STOP)
    stream.write(b"\x80\x02" + number(1001) + STOP)
    stream.write(b"\x80\x02" + dictionary({"little_endian": b"\x88"}) + STOP)
    stream.write(b"\x80\x02" + _with_view_metadata(state_opcodes(state)) + STOP)
    stream.write(b"\x80\x02](" + b"".join(text(str(i)) for i in range(len(state))) + b"e" + STOP)
    for values in state.values():
        stream.write(struct.pack("<q", values.size) + values.tobytes())
    path.write_bytes(stream.getvalue())
    return path


def _with_view_metadata(opcodes: bytes) -> bytes:
    return opcodes.replace(b"tQ", b"NtQ")  # the legacy format's storages say which view they are: none


def random_mask_rcnn(
    depth: int = 18, classes: int = 1, fpn: int = 16, norm: str = "BN", seed: int = 0, base: int = 8
) -> dict[str, np.ndarray[Any, Any]]:
    """Return the state dict of a very narrow Mask R-CNN as detectron2 names it, with random weights."""
    return _Network(depth, classes, fpn, norm, seed, base=32 if norm == "GN" else base, fc=32, mask_convs=1).state


def full_size_mask_rcnn(depth: int, seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    """Return random weights in the sizes of mask_rcnn_R_{50,101}_FPN_3x with one class."""
    return _Network(depth, 1, 256, "BN", seed, base=64, fc=1024, mask_convs=4).state


class _Network:
    def __init__(
        self, depth: int, classes: int, fpn: int, norm: str, seed: int, *, base: int, fc: int, mask_convs: int
    ) -> None:
        self.state: dict[str, np.ndarray[Any, Any]] = {}
        self.random = np.random.default_rng(seed)
        self.norm = norm
        self._backbone(depth, base)
        for stage, channels in zip(range(2, 6), self.widths, strict=True):
            self._conv(f"backbone.fpn_lateral{stage}", channels, fpn, 1)
            self._conv(f"backbone.fpn_output{stage}", fpn, fpn, 3)
        head = "proposal_generator.rpn_head."
        self._conv(f"{head}conv", fpn, fpn, 3)
        self._conv(f"{head}objectness_logits", fpn, 3, 1)
        self._conv(f"{head}anchor_deltas", fpn, 12, 1, gain=0.03)
        self._linear("roi_heads.box_head.fc1", fpn * 49, fc)
        self._linear("roi_heads.box_head.fc2", fc, fc)
        self._linear("roi_heads.box_predictor.cls_score", fc, classes + 1, gain=0.1)
        self._linear("roi_heads.box_predictor.bbox_pred", fc, 4 * classes, gain=0.1)
        for index in range(1, mask_convs + 1):
            self._conv(f"roi_heads.mask_head.mask_fcn{index}", fpn, fpn, 3)
        self._conv("roi_heads.mask_head.deconv", fpn, fpn, 2)
        self._conv("roi_heads.mask_head.predictor", fpn, classes, 1, gain=0.3)

    def _backbone(self, depth: int, base: int) -> None:
        prefix = "backbone.bottom_up."
        self._conv(f"{prefix}stem.conv1", 3, base, 7, self.norm, gain=0.005)
        bottleneck = depth >= 50
        channels = base
        self.widths = [base * 2**i * (4 if bottleneck else 1) for i in range(4)]
        for stage, (count, width) in enumerate(zip(BLOCKS[depth], self.widths, strict=True), start=2):
            inner = base * 2 ** (stage - 2)
            for index in range(count):
                block = f"{prefix}res{stage}.{index}."
                if index == 0 and (channels != width or stage > 2):
                    self._conv(f"{block}shortcut", channels, width, 1, self.norm)
                if bottleneck:
                    self._conv(f"{block}conv1", channels, inner, 1, self.norm)
                    self._conv(f"{block}conv2", inner, inner, 3, self.norm)
                    self._conv(f"{block}conv3", inner, width, 1, self.norm, gain=0.3)
                else:
                    self._conv(f"{block}conv1", channels, width, 3, self.norm)
                    self._conv(f"{block}conv2", width, width, 3, self.norm, gain=0.3)
                channels = width

    def _conv(self, layer: str, source: int, target: int, size: int, norm: str = "", gain: float = 1.0) -> None:
        shape = (source, target, size, size) if layer.endswith("deconv") else (target, source, size, size)
        self._normal(f"{layer}.weight", shape, gain * np.sqrt(2 / (source * size * size)))
        if not norm:
            self._normal(f"{layer}.bias", (target,), 0.1)
            return
        self.state[f"{layer}.norm.weight"] = self.random.uniform(0.8, 1.2, target).astype(np.float32)
        self._normal(f"{layer}.norm.bias", (target,), 0.1)
        if norm == "BN":
            self._normal(f"{layer}.norm.running_mean", (target,), 0.1)
            self.state[f"{layer}.norm.running_var"] = self.random.uniform(0.5, 1.5, target).astype(np.float32)
            self.state[f"{layer}.norm.num_batches_tracked"] = np.array(7, np.int64)

    def _linear(self, layer: str, source: int, target: int, gain: float = 1.0) -> None:
        self._normal(f"{layer}.weight", (target, source), gain * np.sqrt(2 / source))
        self._normal(f"{layer}.bias", (target,), 0.1)

    def _normal(self, tensor: str, shape: tuple[int, ...], scale: float) -> None:
        self.state[tensor] = (self.random.standard_normal(shape) * scale).astype(np.float32)


def write_zoo(path: Path, state: Mapping[str, np.ndarray[Any, Any]], protocol: int = 4) -> Path:
    """Write a file in the format of detectron2's model zoo: numpy arrays in a pickle."""
    content = {"model": dict(state), "__author__": "Detectron2 Model Zoo"}
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def classes_file(checkpoint: Path, names: list[str], counted: list[str]) -> Path:
    """Write the file that says which classes of a checkpoint count."""
    sha256 = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    path = checkpoint.with_name(f"{checkpoint.stem}.classes.json")
    content = {"format": 1, "checkpoint_sha256": sha256, "classes": names, "counted": counted}
    path.write_text(json.dumps(content), "utf-8")
    return path


def config_dump(path: Path, **changes: Any) -> Path:
    """Write a configuration as detectron2 dumps it (dotted keys in ``changes``), for a small fast model."""
    values: dict[str, Any] = {
        "INPUT.FORMAT": "BGR",
        "INPUT.MIN_SIZE_TEST": 128,
        "INPUT.MAX_SIZE_TEST": 213,
        "MODEL.META_ARCHITECTURE": "GeneralizedRCNN",
        "MODEL.PIXEL_MEAN": [103.53, 116.28, 123.675],
        "MODEL.PIXEL_STD": [1.0, 1.0, 1.0],
        "MODEL.RESNETS.DEPTH": 18,
        "MODEL.RESNETS.STRIDE_IN_1X1": False,
        "MODEL.FPN.FUSE_TYPE": "sum",
        "MODEL.ANCHOR_GENERATOR.SIZES": [[32], [64], [128], [256], [512]],
        "MODEL.ANCHOR_GENERATOR.ASPECT_RATIOS": [[0.5, 1.0, 2.0]],
        "MODEL.ANCHOR_GENERATOR.OFFSET": 0.0,
        "MODEL.RPN.PRE_NMS_TOPK_TEST": 200,
        "MODEL.RPN.POST_NMS_TOPK_TEST": 100,
        "MODEL.RPN.NMS_THRESH": 0.7,
        "MODEL.RPN.BBOX_REG_WEIGHTS": [1.0, 1.0, 1.0, 1.0],
        "MODEL.ROI_HEADS.NUM_CLASSES": 1,
        "MODEL.ROI_HEADS.SCORE_THRESH_TEST": 0.05,
        "MODEL.ROI_HEADS.NMS_THRESH_TEST": 0.5,
        "MODEL.ROI_BOX_HEAD.POOLER_RESOLUTION": 7,
        "MODEL.ROI_BOX_HEAD.POOLER_SAMPLING_RATIO": 0,
        "MODEL.ROI_BOX_HEAD.BBOX_REG_WEIGHTS": [10.0, 10.0, 5.0, 5.0],
        "MODEL.ROI_MASK_HEAD.POOLER_RESOLUTION": 14,
        "MODEL.ROI_MASK_HEAD.POOLER_SAMPLING_RATIO": 0,
        "TEST.DETECTIONS_PER_IMAGE": 20,
    }
    tree: dict[str, Any] = {}
    for key, value in (values | changes).items():
        *parents, last = key.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    path.write_text(yaml.safe_dump(tree), "utf-8")
    return path
