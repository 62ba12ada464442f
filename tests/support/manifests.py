"""A manifest as conversion writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reefsteps.detection import Manifest
from reefsteps.detection.manifest import FORMAT

if TYPE_CHECKING:
    pass


def manifest(name: str, **more: Any) -> dict[str, Any]:
    file = {"file": f"{name}.pth", "sha256": "5e" * 32, "size_bytes": 1, "version_id": None}
    described = {
        "format": FORMAT, "name": name, "architecture": "MaskRCNN", "classes": ["coral"], "precision": "int8",
        "min_size_test": 640, "max_size_test": 1024, "score_threshold": 0.05, "nms_threshold": 0.5,
        "detections_per_image": 300, "mask_threshold": 0.5, "rgb": False, "source": file, "model": file,
        "config": "x.yaml", "converter_version": "1",
    }  # fmt: skip
    Manifest.from_json(described | more)  # what conversion cannot have written proves nothing here
    return described | more
