"""Measured errors beside a checkpoint: read exactly, damaged ones refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversion.evaluation import MAX_BYTES, read_evaluation
from reefsteps.detection.manifest import Evaluation, Figure, Manifest
from reefsteps.errors import UnsupportedModelError

FIGURE = {"name": "cover, mean absolute error", "value": 2.9, "unit": "points"}
ENTRY = {"measured_on": "synthetic photographs", "photos": 200, "figures": [FIGURE]}


def written(folder: Path, content: Any) -> Path:
    path = folder / "m.evaluation.json"
    path.write_text(json.dumps(content), "utf-8")
    return path


def test_what_was_measured_is_read(tmp_path: Path) -> None:
    assert read_evaluation(written(tmp_path, [ENTRY, {**ENTRY, "measured_on": "real photographs"}])) == (
        Evaluation("synthetic photographs", 200, (Figure("cover, mean absolute error", 2.9, "points"),)),
        Evaluation("real photographs", 200, (Figure("cover, mean absolute error", 2.9, "points"),)),
    )


@pytest.mark.parametrize(
    "content",
    [
        {},
        [[]],
        [ENTRY] * 17,
        [{**ENTRY, "photos": 0}],
        [{**ENTRY, "photos": True}],
        [{**ENTRY, "photos": "200"}],
        [{**ENTRY, "measured_on": ""}],
        [{**ENTRY, "measured_on": "a\nb"}],
        [{**ENTRY, "measured_on": "x" * 200}],
        [{**ENTRY, "measured_on": 3}],
        [{**ENTRY, "figures": []}],
        [{**ENTRY, "figures": [FIGURE] * 41}],
        [{**ENTRY, "figures": {"a": 1}}],
        [{**ENTRY, "figures": None}],
        [{**ENTRY, "figures": [{**FIGURE, "value": float("nan")}]}],
        [{**ENTRY, "figures": [{**FIGURE, "value": "much"}]}],
        [{**ENTRY, "figures": [{**FIGURE, "value": None}]}],
        [{**ENTRY, "figures": [{**FIGURE, "value": 10**400}]}],
        [{**ENTRY, "figures": [{**FIGURE, "unit": ["%"]}]}],
    ],
)
def test_what_nobody_measured_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(UnsupportedModelError, match=r"m\.evaluation\.json is damaged"):
        read_evaluation(written(tmp_path, content))


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "m.evaluation.json"
    path.write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(UnsupportedModelError, match="more than"):
        read_evaluation(path)


@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "m.evaluation.json"
    path.write_bytes(content)
    try:
        assert read_evaluation(path) == ()
    except UnsupportedModelError as error:
        assert "evaluation.json" in str(error)


def test_a_manifest_older_than_the_field_is_still_read() -> None:
    file = {"file": "m.pth", "sha256": "0" * 64, "size_bytes": 1}
    texts = {"name": "m", "architecture": "a", "precision": "fp32", "config": "c", "converter_version": "1.0"}
    sizes = {"min_size_test": 800, "max_size_test": 1333, "detections_per_image": 100, "format": 1, "rgb": False}
    limits = {"score_threshold": 0.05, "nms_threshold": 0.5, "mask_threshold": 0.5}
    old = texts | sizes | limits | {"classes": ["coral"], "source": file, "model": file}
    assert Manifest.parse(json.dumps(old)).evaluation == ()
    new = {**old, "evaluation": [ENTRY]}
    assert Manifest.parse(Manifest.parse(json.dumps(new)).dump()).to_json()["evaluation"] == [ENTRY]
