"""Each notebook's code runs from top to bottom, with small numbers, where torch and detectron2 are installed."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

MISSING = [name for name in ("torch", "detectron2", "matplotlib") if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.detectron2,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]
ROOT = Path(__file__).parents[2]
MOMENT = 0.01  # minutes: a single iteration


def run(name: str, parameters: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Execute the notebook's code cells, with ``parameters`` set after its cell of parameters; return its names."""
    import matplotlib as mpl

    mpl.use("Agg")
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = ROOT / "training" / "notebooks" / f"{name}.ipynb"
    names: dict[str, Any] = {}
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        exec(compile("".join(cell["source"]), f"{name}.ipynb", "exec"), names)
        if "parameters" in cell["metadata"].get("tags", ()):
            assert parameters.keys() <= names.keys()
            names |= parameters
    return names


def test_train_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("train_models", {"MINUTES": MOMENT, "OUTPUT": tmp_path}, monkeypatch)
    for target, name in (("frame", "detectron2-reframe"), ("coral", "detectron2-classifier")):
        assert (tmp_path / target / f"{name}.pth").exists()
        assert (tmp_path / target / f"{name}.yaml").exists()


def test_augmentation_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = run("augmentation_study", {"COUNT": 1, "MINUTES": MOMENT, "OUTPUT": tmp_path}, monkeypatch)
    assert {path.parent.name for path in tmp_path.glob("*/detectron2-classifier.pth")} == {
        name.replace(" ", "-") for name in names["WITHOUT"]
    }


def test_validate_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crop = np.full((300, 300, 3), 120, np.uint8)
    cv2.imwrite(str(tmp_path / "crop.png"), cv2.circle(crop, (150, 150), 60, (60, 120, 180), -1))
    outline = [90.0, 90.0, 210.0, 90.0, 210.0, 210.0, 90.0, 210.0]
    export = {
        "images": [{"id": 1, "file_name": "crop.png", "width": 300, "height": 300}],
        "categories": [{"id": 1, "name": "coral"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [outline]}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(export), "utf-8")
    parameters = {"COUNT": 2, "ANNOTATIONS": tmp_path / "coco.json", "IMAGES": tmp_path}
    names = run("validate_models", parameters, monkeypatch)
    assert len(names["frames"].iou) == 2
    assert names["covers"][0][0] == pytest.approx(100 * 120 * 120 / 300**2, rel=0.02)
