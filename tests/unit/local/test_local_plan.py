"""The plan of `process`: shown, agreed to, and refused where a photograph would be lost or stand beside another."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from local import plan
from local.photos import Photo, PhotoListError, find_photos
from reefsteps.file_names import Guess
from reefsteps.quadrat_size import QuadratSize
from reefsteps.surveys import SurveyKey


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=240)


@pytest.fixture
def photos(tmp_path: Path) -> list[Photo]:
    for name in ("Hao_2012_07.jpg", "Hao_2012_08.jpg"):
        (tmp_path / name).write_bytes(b"x")
    return find_photos([tmp_path])


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


THERE = {SurveyKey(2012, "Hao", 7): ("2012-Hao-07.jpg",)}


@pytest.mark.parametrize(("answer", "agreed"), [("y", True), ("Oui ", True), ("", False), ("n", False)])
def test_nothing_is_sent_without_a_yes(
    photos: list[Photo], console: Console, monkeypatch: pytest.MonkeyPatch, answer: str, agreed: bool
) -> None:
    monkeypatch.setattr("builtins.input", lambda *_: answer)
    assert plan.agreed(photos, THERE, console, yes=False) is agreed
    text = shown(console)
    assert "2012-Hao-07.jpg" in text and "island, year, position: file name" in text
    assert "Replaces 2012-Hao-07.jpg." in text and "Send 2 photographs?" in text


def test_a_closed_input_is_no_yes_and_the_option_asks_nothing(
    photos: list[Photo], console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", closed)
    assert plan.agreed(photos, {}, console, yes=False) is False
    assert plan.agreed(photos, {}, console, yes=True) is True


def test_without_a_terminal_nothing_is_sent_unasked(
    photos: list[Photo], console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(PhotoListError, match="--yes"):
        plan.refuse_without_terminal(photos, console, yes=False)
    plan.refuse_without_terminal(photos, console, yes=True)


def test_a_position_that_has_a_photograph_under_another_key_is_refused(photos: list[Photo]) -> None:
    plan.refuse_other_keys(photos, THERE)
    there = {SurveyKey(2012, "Hao", 7): ("2012-Hao-7.jpg",), SurveyKey(2012, "Hao", 8): ("2012-Hao-08.nef",)}
    with pytest.raises(PhotoListError) as refused:
        plan.refuse_other_keys(photos, there)
    assert "already has 2012-Hao-7.jpg" in str(refused.value) and "already has 2012-Hao-08.nef" in str(refused.value)


def test_a_hostile_name_is_shown_as_it_is(tmp_path: Path, console: Console) -> None:
    (tmp_path / "[bold]x [red]2012 no 3.jpg").write_bytes(b"x")
    console.print(plan.plan_table(find_photos([tmp_path])))
    assert "[bold]x [red]2012 no 3.jpg" in "".join(shown(console).split("\n"))


def test_a_size_that_nobody_said_is_named_the_default(tmp_path: Path, console: Console) -> None:
    (tmp_path / "2012-E2B-03.jpg").write_bytes(b"x")
    console.print(plan.plan_table(find_photos([tmp_path])))
    unsaid = shown(console)
    assert "default: the stack's own size" in " ".join(unsaid.split())
    console.print(plan.plan_table(find_photos([tmp_path], typed=Guess(side=QuadratSize.parse("50 x 75")))))
    said = shown(console)[len(unsaid) :]
    assert "50x75" in said and "default" not in said
