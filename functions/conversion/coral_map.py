"""A checkpoint with a map of coral beside its Mask R-CNN: the graph that gives the map, and a check of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from reefsteps.arrays import ByteArray
from reefsteps.detection.manifest import Manifest
from reefsteps.detection.map_engine import MapDetector
from reefsteps.detection.map_graph import trunk, with_map
from reefsteps.detection.map_head import Head
from reefsteps.detection.stages import Backbone
from reefsteps.errors import UnsupportedModelError


def map_network(network: onnx.ModelProto, head: Head, name: str, *, rgb: bool, folder: Path) -> onnx.ModelProto:
    """Return the part of a Mask R-CNN's graph that leads to the map, with the map as its only output.

    ``folder`` receives a file for the moment. Raises UnsupportedModelError when the head belongs to another backbone.
    """
    part = trunk(network, name)
    file = folder / "trunk.onnx"
    onnx.save(part, str(file))
    channels = Backbone(file, name, rgb=rgb).channels()
    file.unlink()
    if sum(channels) != len(head.first):
        raise UnsupportedModelError(
            f"The map of coral reads {len(head.first)} channels, the backbone gives it {sum(channels)}: it was trained "
            "on another one. Write it again with training.learn_map."
        )
    return with_map(part, [head], channels)


def check_map(model: Path, manifest: Manifest, picture_bgr: ByteArray, threads: int | None = None) -> None:
    """Run the graph on a (H, W, 3) uint8 picture; raises UnsupportedModelError when the map cannot be right."""
    found = MapDetector(model, manifest, threads).coral_map(picture_bgr)
    if not (found.size and np.isfinite(found).all() and (found >= 0).all() and (found <= 1).all()):
        raise UnsupportedModelError(
            "The converted model failed its self-check: its map holds values that are no probabilities. Check that the "
            "weights are trained. The model in use stays."
        )
