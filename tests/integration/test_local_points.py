"""`python -m local points` as a person calls it, on a running stack with stand-ins for the image workers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reefsteps.database import Database
from reefsteps.point_store import point_sets
from reefsteps.points.point_sets import PointSet
from tests.support.local_stack import REPOSITORY, RunningStack, project_with_fakes, wait_for


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    template = project_with_fakes(tmp_path_factory.mktemp("project"))
    running = RunningStack(tmp_path_factory.mktemp("stack"), {"template": str(template), "max_workers": 2})
    running.start()
    running.execution_of(running.upload("2006-Hao-01.jpg", {"cover": 12.5}))
    wait_for(lambda: len(running.rows()) == 1, 60)
    yield running
    running.stop()


def call(stack: RunningStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local", "points", *arguments, "--state", str(stack.state)]
    return subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, env=dict(os.environ), check=False
    )


def kept(stack: RunningStack) -> list[PointSet]:
    with Database(stack.info.database_url).read() as connection:
        return point_sets(connection)


def test_points_are_shown_asked_for_and_kept_once(stack: RunningStack, tmp_path: Path) -> None:
    file = tmp_path / "annotations.csv"
    file.write_text("Name,Row,Column,Label,Annotator\n2006-Hao-01.jpg,10,20,Porit,Léa\n2006-Hao-01.jpg,30,40,CCA,Léa\n")
    asked = call(stack, str(file))
    assert "2006-Hao-01.jpg -> 2006-Hao-01.jpg: 1 coral, 1 not coral, 0 cannot tell; CoralNet, Léa" in asked.stdout
    assert "If a person chose them: --hand-picked" in asked.stdout
    assert kept(stack) == []

    done = call(stack, str(file), "--yes")
    assert done.returncode == 0, done.stderr
    assert "Points of 1 photograph imported, 0 in place of earlier ones." in done.stdout
    (one,) = kept(stack)
    assert (one.x, one.y, one.answers, one.annotator) == ((20.5, 40.5), (10.5, 30.5), "co", "Léa")
    assert "1 in place of earlier ones" in call(stack, str(file), "--yes").stdout
    assert kept(stack) == [one]


def test_labels_without_an_answer_import_nothing_and_are_named(stack: RunningStack, tmp_path: Path) -> None:
    before = kept(stack)
    file, labels = tmp_path / "others.csv", tmp_path / "labels.csv"
    file.write_text("Name,Row,Column,Label,Annotator\n2006-Hao-01.jpg,1,1,POR,Bob\n2006-Hao-01.jpg,2,2,XY,Bob\n")
    refused = call(stack, str(file), "--yes")
    assert refused.returncode == 1
    assert "2 labels have no answer: POR, XY." in refused.stdout
    labels.write_text("label,answer\nPOR,coral\nXY,cannot tell\n")
    done = call(stack, str(file), "--yes", "--labels", str(labels))
    assert done.returncode == 0, done.stdout + done.stderr
    assert {one.answers for one in kept(stack)} == {one.answers for one in before} | {"cu"}


def test_what_matches_nothing_is_listed_with_its_reason(stack: RunningStack, tmp_path: Path) -> None:
    file = tmp_path / "lost.csv"
    file.write_text("Name,Row,Column,Label\nlost.jpg,1,1,CCA\n2006-Hao-01.jpg,900,1,CCA\n")
    done = call(stack, str(file), "--yes")
    assert done.returncode == 1
    assert "Not imported: lost.jpg (lost.csv): No photograph with a result has this name" in done.stdout
    assert "a picture of another size" in done.stdout
    assert "no file" in call(stack, "missing.csv").stderr
