"""`python -m training...` as a person types it: a mistake is told in a sentence, never in a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models/detectron2-classifier.pth"
FRAME_MODEL = ROOT / "models/detectron2-reframe.pth"


def command(folder: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of training in an environment that has neither torch nor detectron2."""
    hidden = folder / "without"
    for package in ("torch", "detectron2"):
        (hidden / package).mkdir(parents=True, exist_ok=True)
        text = f"raise ModuleNotFoundError(\"No module named '{package}'\", name='{package}')\n"
        (hidden / package / "__init__.py").write_text(text)
    path = f"{hidden}{os.pathsep}{os.environ['PYTHONPATH']}"
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def assert_told(ended: subprocess.CompletedProcess[str], *words: str) -> None:
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    for word in words:
        assert word in ended.stderr


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("training.train", ("--target", "coral", "--config", "x.yaml", "--output", "out")),
        ("training.calibrate", ("--model", str(MODEL), "--count", "1")),
        ("training.evaluate", ("--target", "frame", "--model", str(FRAME_MODEL), "--output", "out")),
    ],
)
def test_missing_packages_are_told_with_what_to_do(tmp_path: Path, module: str, arguments: tuple[str, ...]) -> None:
    ended = command(tmp_path, module, *arguments)
    assert_told(
        ended, " is not installed for ", "docs/how-to/train-a-model.md says how to install torch and detectron2."
    )
    assert len(ended.stderr.strip().splitlines()) == 1


def test_faults_in_annotations_are_listed(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"images": [{"id": 1}], "annotations": [3], "categories": []}')
    given = ("--target", "coral", "--model", str(MODEL.with_suffix(".onnx")), "--output", "out")
    ended = command(tmp_path, "training.evaluate", *given, "--coco", "a.json", "--images", ".")
    assert_told(ended, "a.json has 2 error(s)", "- annotation 3: not an object")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    ended = command(tmp_path, "training.card", "--frame", "a", "--coral", "b", "--card", "README.md")
    assert_told(ended, "a/report.json: No such file or directory")


def test_annotations_without_photographs_are_asked_for(tmp_path: Path) -> None:
    given = ("--target", "coral", "--config", "x.yaml", "--output", "out", "--coco", "a.json")
    ended = command(tmp_path, "training.train", *given)
    assert ended.returncode == 2
    assert "--coco and --images belong together" in ended.stderr
