"""detectron2's Mask R-CNN with a ResNet-FPN backbone as an ONNX graph, built without torch.

Inputs: ``image`` (3, H, W) float32, pixel values as read, and ``score_threshold`` (1,) float32. Outputs, at most
``detections_per_image`` rows: ``boxes`` (N, 4) float32 in the input's pixels, ``scores`` (N,) float32, ``classes``
(N,) int64, ``masks`` (N, M, M) float32 probabilities inside the box. Pasting is left to
``reefsteps.detection.resizing``.

Follows detectron2 0.6: GeneralizedRCNN, FPN, RPN (``find_top_rpn_proposals``), ROIPooler, FastRCNNOutputLayers,
MaskRCNNConvUpsampleHead. Anchors and boxes are decoded only for the locations that survive the first selection.
"""

from __future__ import annotations

import math

import numpy as np
import onnx
from onnx import TensorProto

from conversion.architecture import BLOCKS, Architecture
from conversion.buffers import cell_anchors
from conversion.checkpoint import Weights
from conversion.config import ModelConfig
from conversion.graph import Graph, floats, ints, value_info
from reefsteps.errors import UnsupportedModelError

_SCALE_CLAMP = math.log(1000.0 / 16)  # detectron2's limit of a box's growth
_EMPTY = -1e9  # score of an empty proposal: below every real one
_STRIDES = (4, 8, 16, 32, 64)  # p2 to p6
_RPN = "proposal_generator.rpn_head."
_BOX = "roi_heads.box_head."
_MASK = "roi_heads.mask_head."


def build(weights: Weights, architecture: Architecture, config: ModelConfig) -> onnx.ModelProto:
    """Return the model; raises UnsupportedModelError when the weights do not fit together or some are left over."""
    return _Builder(weights, architecture, config).model()


class _Builder:
    def __init__(self, weights: Weights, architecture: Architecture, config: ModelConfig) -> None:
        self.g = Graph(weights)
        self.arch = architecture
        self.cfg = config
        self.size = ""  # (2,) int64: height and width before padding
        self.limits = ""  # (4,) float32: width, height, width, height

    def model(self) -> onnx.ModelProto:
        g = self.g
        pyramid = self.pyramid(self.backbone(self.pixels()))
        boxes, scores, classes = self.detections(pyramid, self.proposals(pyramid))
        masks, order = self.masks(pyramid, boxes, classes)
        g.op("Gather", boxes, order, name="boxes")
        g.op("Gather", scores, order, name="scores")
        g.op("Gather", classes, order, name="classes")
        g.op("Identity", masks, name="masks")
        if g.unused:
            shown = ", ".join(g.unused[:5])
            raise UnsupportedModelError(
                f"The model has {len(g.unused)} tensors that a ResNet-FPN Mask R-CNN has not ({shown}): it is "
                "another architecture, and leaving them out would change its results."
            )
        side = 2 * self.cfg.mask_resolution
        return g.model(
            [value_info("image", "FLOAT", [3, "H", "W"]), value_info("score_threshold", "FLOAT", [1])],
            [
                value_info("boxes", "FLOAT", ["N", 4]),
                value_info("scores", "FLOAT", ["N"]),
                value_info("classes", "INT64", ["N"]),
                value_info("masks", "FLOAT", ["N", side, side]),
            ],
        )

    def pixels(self) -> str:
        """Normalise, and pad at right and bottom to a multiple of the coarsest backbone stride."""
        g = self.g
        self.size = g.op("Slice", g.op("Shape", "image"), g.const(ints(1)), g.const(ints(3)))
        order = g.op("Gather", self.size, g.const(ints(1, 0, 1, 0)))
        self.limits = g.op("Cast", order, to=TensorProto.FLOAT)
        values = g.op("Sub", "image", g.const(floats(*self.cfg.pixel_mean).reshape(3, 1, 1)))
        if any(value != 1 for value in self.cfg.pixel_std):
            values = g.op("Div", values, g.const(floats(*self.cfg.pixel_std).reshape(3, 1, 1)))
        blocks = g.op("Div", g.op("Add", self.size, g.const(ints(31))), g.const(ints(32)))
        missing = g.op("Sub", g.op("Mul", blocks, g.const(ints(32))), self.size)
        pads = g.op("Concat", g.const(ints(0, 0, 0, 0)), missing, axis=0)
        values = g.op("Unsqueeze", g.op("Pad", values, pads), g.const(ints(0)))
        g.input_channels(values, 3)
        return values

    def backbone(self, values: str) -> dict[int, str]:
        """Return the ResNet's stages res2 to res5 by number."""
        g, prefix = self.g, "backbone.bottom_up."
        values = g.conv(values, f"{prefix}stem.conv1", stride=2, relu=True)
        channels = g.channels(values)
        values = g.op("MaxPool", values, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        g.input_channels(values, channels)
        stages: dict[int, str] = {}
        for stage, count in enumerate(BLOCKS[self.arch.depth], start=2):
            for index in range(count):
                values = self.block(values, f"{prefix}res{stage}.{index}.", 2 if stage > 2 and index == 0 else 1)
            stages[stage] = values
        return stages

    def block(self, values: str, prefix: str, stride: int) -> str:
        g = self.g
        shortcut = g.conv(values, f"{prefix}shortcut", stride=stride) if g.has(f"{prefix}shortcut.weight") else values
        if self.arch.bottleneck:
            first, second = (stride, 1) if self.cfg.stride_in_1x1 else (1, stride)
            inner = g.conv(values, f"{prefix}conv1", stride=first, relu=True)
            inner = g.conv(inner, f"{prefix}conv2", stride=second, relu=True)
            inner = g.conv(inner, f"{prefix}conv3")
        else:
            inner = g.conv(values, f"{prefix}conv1", stride=stride, relu=True)
            inner = g.conv(inner, f"{prefix}conv2")
        return self.add(inner, shortcut, prefix, relu=True)

    def add(self, first: str, second: str, place: str, *, relu: bool = False) -> str:
        g = self.g
        if g.channels(first) != g.channels(second):
            raise UnsupportedModelError(f"'{place}' adds {g.channels(first)} channels to {g.channels(second)}.")
        total = g.op("Add", first, second)
        g.input_channels(total, g.channels(first))
        return g.relu(total) if relu else total

    def pyramid(self, stages: dict[int, str]) -> list[str]:
        """Return p2 to p6."""
        g = self.g
        above = ""
        levels: list[str] = []
        for stage in (5, 4, 3, 2):
            lateral = g.conv(stages[stage], f"backbone.fpn_lateral{stage}")
            if above:
                coarse = g.op(
                    "Resize",
                    above,
                    "",
                    g.const(floats(1, 1, 2, 2)),
                    mode="nearest",
                    coordinate_transformation_mode="asymmetric",
                    nearest_mode="floor",
                )
                g.input_channels(coarse, g.channels(above))
                lateral = self.add(lateral, coarse, f"backbone.fpn_lateral{stage}")
                if self.cfg.fuse_by_average:
                    halved = g.op("Mul", lateral, g.const(floats(0.5)))
                    g.input_channels(halved, g.channels(lateral))
                    lateral = halved
            above = lateral
            levels.insert(0, g.conv(lateral, f"backbone.fpn_output{stage}"))
        top = g.op("MaxPool", levels[-1], kernel_shape=[1, 1], strides=[2, 2])
        g.input_channels(top, g.channels(levels[-1]))
        return [*levels, top]

    def proposals(self, pyramid: list[str]) -> str:
        """Return the region proposals, best first: (P, 4)."""
        g = self.g
        boxes: list[str] = []
        scores: list[str] = []
        for level, features in enumerate(pyramid):
            level_boxes, level_scores = self.level_proposals(features, level)
            batch = g.op("Unsqueeze", level_boxes, g.const(ints(0)))
            batch_scores = g.op("Unsqueeze", level_scores, g.const(ints(0, 1)))
            least = g.const(floats(_EMPTY / 10))
            kept = self.suppressed(batch, batch_scores, self.cfg.rpn_post_nms, self.cfg.rpn_nms, least)
            keep = g.op("Squeeze", g.columns(kept, 2, 3), g.const(ints(1)))
            boxes.append(g.gather(level_boxes, keep))
            scores.append(g.gather(level_scores, keep))
        _, best = g.largest(g.op("Concat", *scores, axis=0), self.cfg.rpn_post_nms)
        return g.gather(g.op("Concat", *boxes, axis=0), best)

    def level_proposals(self, features: str, level: int) -> tuple[str, str]:
        g = self.g
        hidden = g.conv(features, f"{_RPN}conv", relu=True, use=level)
        logits = g.conv(hidden, f"{_RPN}objectness_logits", use=level)
        deltas = g.conv(hidden, f"{_RPN}anchor_deltas", use=level)
        anchors = cell_anchors(self.cfg, level) + np.float32(self.cfg.anchor_offset * _STRIDES[level])
        if (g.channels(logits), g.channels(deltas)) != (len(anchors), 4 * len(anchors)):
            raise UnsupportedModelError(
                f"The proposal head has {g.channels(logits)} anchors a location, the configuration "
                f"({self.cfg.origin}) {len(anchors)}. Upload the configuration that the model was trained with."
            )
        width = g.op("Slice", g.op("Shape", logits), g.const(ints(3)), g.const(ints(4)))
        flat = g.op("Reshape", g.op("Transpose", logits, perm=[0, 2, 3, 1]), g.const(ints(-1)))
        flat_deltas = g.op("Reshape", g.op("Transpose", deltas, perm=[0, 2, 3, 1]), g.const(ints(-1, 4)))
        scores, index = g.largest(flat, self.cfg.rpn_pre_nms)
        per_cell = g.const(ints(len(anchors)))
        cell = g.op("Div", index, per_cell)
        which = g.op("Sub", index, g.op("Mul", cell, per_cell))
        row = g.op("Div", cell, width)
        column = g.op("Sub", cell, g.op("Mul", row, width))
        corner = g.op("Transpose", g.op("Concat", *(self.row(v) for v in (column, row, column, row)), axis=0))
        shift = g.op("Mul", g.op("Cast", corner, to=TensorProto.FLOAT), g.const(floats(_STRIDES[level])))
        placed = g.op("Add", shift, g.gather(g.const(anchors), which))
        boxes = self.decoded(g.gather(flat_deltas, index), placed, self.cfg.rpn_weights)
        sides = g.op("Sub", g.columns(boxes, 2, 4), g.columns(boxes, 0, 2))
        filled = g.op("Greater", g.op("ReduceMin", sides, axes=[1], keepdims=0), g.const(floats(0)))
        return boxes, g.op("Where", filled, scores, g.const(floats(_EMPTY)))

    def row(self, vector: str) -> str:
        return self.g.op("Unsqueeze", vector, self.g.const(ints(0)))

    def decoded(self, deltas: str, boxes: str, weights: tuple[float, ...]) -> str:
        """Return ``boxes`` (N, 4) moved by ``deltas`` (N, 4) and clipped to the picture."""
        g = self.g
        low, high = g.columns(boxes, 0, 2), g.columns(boxes, 2, 4)
        sides = g.op("Sub", high, low)
        centres = g.op("Add", low, g.op("Mul", sides, g.const(floats(0.5))))
        if any(value != 1 for value in weights):
            deltas = g.op("Div", deltas, g.const(floats(*weights)))
        growth = g.op("Exp", g.op("Min", g.columns(deltas, 2, 4), g.const(floats(_SCALE_CLAMP))))
        half = g.op("Mul", g.op("Mul", growth, sides), g.const(floats(0.5)))
        centres = g.op("Add", g.op("Mul", g.columns(deltas, 0, 2), sides), centres)
        moved = g.op("Concat", g.op("Sub", centres, half), g.op("Add", centres, half), axis=1)
        return g.op("Max", g.op("Min", moved, self.limits), g.const(floats(0)))

    def suppressed(self, boxes: str, scores: str, limit: int, overlap: float, threshold: str) -> str:
        g = self.g
        return g.op("NonMaxSuppression", boxes, scores, g.const(ints(limit)), g.const(floats(overlap)), threshold)

    def pooled(self, pyramid: list[str], boxes: str, resolution: int, sampling: int) -> tuple[str, str]:
        """Return the features inside each box (P, C, R, R), sorted by pyramid level, and that order."""
        g, levels = self.g, self.cfg.pooled_levels
        sides = g.op("Sub", g.columns(boxes, 2, 4), g.columns(boxes, 0, 2))
        side = g.op("Sqrt", g.op("ReduceProd", sides, axes=[1], keepdims=0))
        ratio = g.op("Add", g.op("Div", side, g.const(floats(224))), g.const(floats(1e-8)))
        octave = g.op("Div", g.op("Log", ratio), g.const(floats(math.log(2))))
        level = g.op("Floor", g.op("Add", octave, g.const(floats(4))))
        level = g.op("Min", g.op("Max", level, g.const(floats(levels[0]))), g.const(floats(levels[-1])))
        pieces: list[str] = []
        order: list[str] = []
        for number in levels:
            features = pyramid[number - 2]
            here = g.op("NonZero", g.op("Equal", level, g.const(floats(number))))
            here = g.op("Squeeze", here, g.const(ints(0)))
            pieces.append(
                g.op(
                    "RoiAlign",
                    features,
                    g.gather(boxes, here),
                    g.op("Mul", here, g.const(ints(0))),  # all from picture 0
                    output_height=resolution,
                    output_width=resolution,
                    sampling_ratio=sampling,
                    spatial_scale=1.0 / 2**number,
                    coordinate_transformation_mode="half_pixel",
                )
            )
            order.append(here)
        features = g.op("Concat", *pieces, axis=0)
        g.input_channels(features, g.channels(pyramid[0]))
        return features, g.op("Concat", *order, axis=0)

    def detections(self, pyramid: list[str], proposals: str) -> tuple[str, str, str]:
        """Return boxes (N, 4), scores (N,) and classes (N,), best first."""
        g, cfg, count = self.g, self.cfg, len(self.cfg.class_names)
        values, order = self.pooled(pyramid, proposals, cfg.box_resolution, cfg.box_sampling)
        proposals = g.gather(proposals, order)
        for index in range(1, self.arch.box_convs + 1):
            values = g.conv(values, f"{_BOX}conv{index}", relu=True)
        flat = g.op("Flatten", values, axis=1)
        g.input_channels(flat, g.channels(values) * cfg.box_resolution**2)
        for index in range(1, self.arch.box_fcs + 1):
            flat = g.relu(g.linear(flat, f"{_BOX}fc{index}"))
        logits = g.linear(flat, "roi_heads.box_predictor.cls_score")
        deltas = g.linear(flat, "roi_heads.box_predictor.bbox_pred")
        scores = g.op("Transpose", g.columns(g.op("Softmax", logits, axis=1), 0, count))  # (K, P)
        shared = g.channels(deltas) == 4
        if not shared and g.channels(deltas) != 4 * count:
            raise UnsupportedModelError(f"The box head gives {g.channels(deltas)} offsets for {count} classes.")
        per_class = [
            self.decoded(deltas if shared else g.columns(deltas, 4 * i, 4 * i + 4), proposals, cfg.box_weights)
            for i in range(1 if shared else count)
        ]
        stacked = g.op("Concat", *(self.row(boxes) for boxes in per_class), axis=0)
        if shared and count > 1:
            stacked = g.op("Concat", *[stacked] * count, axis=0)
        kept = self.suppressed(
            stacked,
            g.op("Unsqueeze", scores, g.const(ints(1))),
            cfg.detections_per_image,
            cfg.nms_threshold,
            "score_threshold",
        )
        where = g.op("Gather", kept, g.const(ints(0, 2)), axis=1)  # (class, proposal)
        kept_scores, best = g.largest(g.op("GatherND", scores, where), cfg.detections_per_image)
        where = g.gather(where, best)
        classes = g.op("Squeeze", g.columns(where, 0, 1), g.const(ints(1)))
        return g.op("GatherND", stacked, where), kept_scores, classes

    def masks(self, pyramid: list[str], boxes: str, classes: str) -> tuple[str, str]:
        """Return the mask probabilities (N, M, M) and the order of the detections that they are in."""
        g, cfg = self.g, self.cfg
        values, order = self.pooled(pyramid, boxes, cfg.mask_resolution, cfg.mask_sampling)
        for index in range(1, self.arch.mask_convs + 1):
            values = g.conv(values, f"{_MASK}mask_fcn{index}", relu=True)
        logits = g.upsampled(values, f"{_MASK}deconv", f"{_MASK}predictor")
        count = g.channels(logits)
        if count not in (1, len(cfg.class_names)):
            raise UnsupportedModelError(f"The mask head gives {count} masks for {len(cfg.class_names)} classes.")
        if count == 1:
            chosen = g.op("Squeeze", logits, g.const(ints(1)))
        else:
            which = g.op("Unsqueeze", g.gather(classes, order), g.const(ints(1)))
            chosen = g.op("GatherND", logits, which, batch_dims=1)
        return g.op("Sigmoid", chosen), order
