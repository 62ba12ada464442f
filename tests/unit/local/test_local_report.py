"""What a finished demo leaves behind."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path

import pytest
from rich.console import Console

from local.photos import Photo
from local.processing import PhotographRun
from local.report import print_notes, results_table, write_results
from local.stack_info import StackInfo
from reefsteps.results import Trust
from tests.support.pipeline_records import result


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
    refused = PhotographRun(photo, status="FAILED", error="QuadratNotFoundError", cause='{"errorMessage": "No frame."}')

    table = write_results([refused], {}, stack, tmp_path)

    assert not old.exists() and notes.exists()
    assert [row["status"] for row in csv.DictReader(table.open())] == ["refused"]


def measured(state: str = "demonstration", reasons: tuple[str, ...] = ()) -> PhotographRun:
    """Return a run that ended in a row; its model is of that state."""
    done = result(cover=23.45)
    trust = Trust(state, "Its figures are no measurement.", 0.5)
    segmentation = dataclasses.replace(done.segmentation, trust=trust, to_be_looked_at=reasons)
    document = {
        "restoration": done.restoration.to_json(),
        "reframing": done.reframing.to_json(),
        "segmentation": segmentation.to_json(),
    }
    return PhotographRun(Photo(Path("a.jpg"), "2006-Bora-Bora-01.jpg"), status="SUCCEEDED", result=document)


def printed(*things: object) -> str:
    console = Console(width=200, file=io.StringIO())
    console.print(*things)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_table_marks_each_figure_of_a_demonstration() -> None:
    text = printed(results_table([measured()], {}))
    assert "23 % △" in text
    assert "23.45" not in text


def test_the_table_of_a_trusted_model_has_no_mark() -> None:
    text = printed(results_table([measured("trusted")], {}))
    assert "23.4 %" in text
    assert "△" not in text


def test_each_reason_for_a_mark_is_printed_once() -> None:
    console = Console(width=200, file=io.StringIO())
    runs = [measured(), measured(), measured("biased", ("The model found no colony here.",))]
    print_notes(runs, "The models 'a' and 'b' are demonstrations.", console)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines == [
        "△ The models 'a' and 'b' are demonstrations.",
        "△ Its figures are no measurement.",
        "a.jpg (2006-Bora-Bora-01.jpg) is to be looked at - The model found no colony here.",
    ]


def test_the_csv_keeps_the_exact_cover_and_says_how_far_to_trust_it(
    tmp_path: Path, stack: StackInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.report._write_pictures", lambda *_: None)  # they need a stack
    run = measured("biased", ("The model found no colony here.",))
    (row,) = csv.DictReader(write_results([run], {}, stack, tmp_path).open(encoding="utf-8"))
    assert (row["cover_percent"], row["cover_shown"], row["trust"]) == ("23.45", "23 % △", "biased")
    assert row["trust_sentence"] == "Its figures are no measurement."
    assert row["to_be_looked_at"] == "The model found no colony here."
