"""What a finished demo leaves behind."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from local.photos import Photo
from local.processing import Run
from local.report import write_results
from local.stack import StackInfo


@pytest.fixture
def stack() -> StackInfo:
    return StackInfo(1, "http://127.0.0.1:1", "eu-west-3", "", None, {}, {}, {}, {})


def test_a_refused_photograph_keeps_no_picture_of_an_earlier_run(tmp_path: Path, stack: StackInfo) -> None:
    old = tmp_path / "pictures/2008-Moorea-01/reframed.jpg"
    notes = old.with_name("notes.txt")
    old.parent.mkdir(parents=True)
    old.write_bytes(b"an earlier run's crop")
    notes.write_text("the user's own")
    photo = Photo(Path("a.jpg"), "2008-Moorea-01.jpg")
    refused = Run(photo, status="FAILED", error="QuadratNotFoundError", cause='{"errorMessage": "No frame."}')

    table = write_results([refused], {}, stack, tmp_path)

    assert not old.exists() and notes.exists()
    assert [row["status"] for row in csv.DictReader(table.open())] == ["refused"]
