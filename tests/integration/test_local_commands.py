"""`python -m local` as a person types it, with the real handlers and the demo models."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from local.samples import MEASURED_SEED, sample_config
from synthetic import PhotoConfig, generate
from tests.support.demo_models import stated_points
from tests.support.local_stack import REPOSITORY


def local(*arguments: object, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
    """Run a command of the local stack."""
    command = [sys.executable, "-m", "local", *map(str, arguments)]
    # A profile that does not exist and a proxy that nobody runs: neither may matter.
    environment = {**os.environ, "AWS_PROFILE": "somebody", "HTTP_PROXY": "http://127.0.0.1:9"}
    return subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=timeout_s, env=environment, check=False
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photographs: one that can be measured, one without a quadrat, one that is none."""
    folder = tmp_path_factory.mktemp("photos")
    photo = generate(MEASURED_SEED, sample_config())
    cv2.imwrite(str(folder / "2006-Bora-Bora-01.jpg"), photo.image_bgr)
    (folder / "truth.txt").write_text(str(photo.cover_percent))
    reef = generate(500_001, PhotoConfig(900, 600, frame="none", water="clear"))
    cv2.imwrite(str(folder / "2006-Bora-Bora-02.jpg"), reef.image_bgr)
    (folder / "2006-Bora-Bora-03.jpg").write_bytes(b"no picture")
    return folder


def test_photographs_become_figures_pictures_and_reasons(photos: Path, tmp_path: Path) -> None:
    state, output = tmp_path / "state", tmp_path / "output"
    result = local("process", photos, "--state", state, "--output", output, "--yes")
    assert result.returncode == 1, result.stdout + result.stderr
    with (output / "results.csv").open(newline="") as file:
        rows = {row["key"]: row for row in csv.DictReader(file)}
    measured = rows["2006-Bora-Bora-01.jpg"]
    assert measured["status"] == "succeeded", measured
    assert (measured["island"], measured["location"], measured["year"]) == ("Bora-Bora", "1", "2006")
    assert measured["cover_shown"].endswith(" % △") and measured["trust"] == "demonstration"
    assert "△ The models 'detectron2-classifier' and 'detectron2-reframe' are demonstrations" in result.stdout
    assert abs(float(measured["cover_percent"]) - float((photos / "truth.txt").read_text())) < stated_points()
    assert all(float(measured[f"{step}_s"]) > 0 for step in ("restoration", "reframing", "segmentation", "coverage"))
    pictures = output / "pictures" / "2006-Bora-Bora-01"
    mask = cv2.imread(str(pictures / "mask.png"), cv2.IMREAD_UNCHANGED)
    assert mask is not None and set(np.unique(mask)) <= {0, 255}
    assert abs(100 * (mask > 0).mean() - float(measured["cover_percent"])) < 0.5
    for name in ("treated.jpg", "reframed.jpg", "segmented.jpg"):
        assert cv2.imread(str(pictures / name)) is not None
    assert rows["2006-Bora-Bora-02.jpg"]["reason"].startswith("QuadratNotFoundError: reframing: ")
    assert rows["2006-Bora-Bora-03.jpg"]["reason"].startswith("InvalidImageError: restoration: ")
    assert rows["2006-Bora-Bora-03.jpg"]["status"] == "refused"
    assert "What will be sent" in result.stdout and "island, year, position: file name" in result.stdout
    assert "InvalidImageError" in result.stdout and str(output / "results.csv") in result.stdout

    again = local("status", "--state", state)
    assert again.returncode == 1 and "does not run" in again.stdout
    assert local("reset", "--state", state).returncode == 0
    assert not state.exists()


@pytest.mark.long
def test_the_smoke_test_measures_a_drawn_photograph_with_the_real_models(tmp_path: Path) -> None:
    done = local("smoke", "--state", tmp_path / "state")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "within the model's stated error of" in done.stdout
    assert done.stdout.rstrip().endswith("The smoke test passed.")


def test_wrong_calls_are_explained(tmp_path: Path) -> None:
    nothing = local("process", tmp_path, "--state", tmp_path / "state")
    assert (nothing.returncode, "No photographs found" in nothing.stderr) == (1, True)
    assert "Traceback" not in nothing.stderr
    assert local("process").returncode == 2
    (tmp_path / "Hao").mkdir()
    cv2.imwrite(str(tmp_path / "Hao" / "DSC_1998.jpg"), np.zeros((8, 8, 3), np.uint8))
    unknown = local("process", tmp_path / "Hao", "--state", tmp_path / "state", "--yes")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (1, 1), unknown.stderr
    for words in ("1 of 1 photographs cannot be sent", "nothing was sent", "--island", "--year", "--pattern", "CSV"):
        assert words in unknown.stderr
    complete = ("--island", "Hao", "--year", "2012", "--pattern", "DSC_{position=1998}.jpg")
    unasked = local("process", tmp_path / "Hao", *complete, "--state", tmp_path / "state")
    assert (unasked.returncode, "--yes" in unasked.stderr, "2012-Hao-1998.jpg" in unasked.stdout) == (1, True, True)
    wrong = local("process", tmp_path / "Hao", "--year", "12", "--state", tmp_path / "state")
    assert (wrong.returncode, "--year is '12'" in wrong.stderr) == (1, True)
    assert not (tmp_path / "state" / "journal.sqlite").exists()
    (tmp_path / "precious").write_text("x")
    refused = local("reset", "--state", tmp_path)
    assert refused.returncode == 1 and "nothing was deleted" in refused.stderr
    assert (tmp_path / "precious").exists()
    unreachable = local(
        "up", "--no-page", "--state", tmp_path / "other", "--database-url", "mysql+pymysql://a:b@127.0.0.1:9/c"
    )
    assert unreachable.returncode == 1 and "Traceback" not in unreachable.stderr, unreachable.stderr
    shutil.rmtree(tmp_path / "other")


def test_help_names_every_command() -> None:
    text = local("--help").stdout
    assert all(command in text for command in ("up", "process", "demo", "status", "reset"))
