"""Names are hostile: of files, islands, errors and runs, on every page that shows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert
from streamlit.testing.v1 import AppTest

from frontend.components.text import plain, visible
from frontend.domain import charts
from frontend.domain.statistics import MeanCover
from reefsteps.tables import coral_coverage, survey
from tests.support import page_world

if TYPE_CHECKING:
    from tests.page.conftest import PageWorld

Texts = Callable[[AppTest], str]
HOSTILE = (
    "<img src=x onerror=alert(1)>.jpg",
    "\"quoted' [link](javascript:alert(1)).jpg",
    "2006%2FTakapoto%2F07.jpg",
    "photo\u202egpj.exe",
    "a" * 900 + ".jpg",
    "2006-Nuku%20Hiva-01.jpg",
)


def _fail(world: PageWorld, name: str, key: str) -> None:
    page_world.start(world.step_functions, world.pipeline_arn, name, bucket="test-raw", key=key, end="fail",
                     error="InvalidSurveyKeyError", cause=f"restoration: '{key}' is no name.")  # fmt: skip


@pytest.mark.parametrize("key", HOSTILE)
def test_a_failed_run_shows_the_name_as_it_is_and_delete_finds_just_that_object(
    world: PageWorld, texts: Texts, key: str
) -> None:
    world.s3.put_object(Bucket="test-raw", Key=key, Body=b"x")
    _fail(world, "hostile", key)
    for page in ("overview", "runs"):
        app = world.open(page)
        assert not app.exception
        assert plain(key) in texts(app)
        assert not [m for m in app.markdown if m.allow_html]
    app = world.open("delete", key=key)
    assert not app.exception
    assert f"To confirm, type **{plain(key)}**" in texts(app)
    app.text_input(key=f"confirm-{key}").input(f" {visible(key)} ").run()
    assert not next(button for button in app.button if button.label == "Delete now").disabled


@pytest.mark.parametrize("key", ["x" * 1025, "é" * 600, "../../etc/passwd", " "])
def test_delete_says_of_a_name_that_cannot_be_that_there_is_none(world: PageWorld, texts: Texts, key: str) -> None:
    app = world.open("delete", key=key)
    assert not app.exception
    assert "There is no photograph with this name" in texts(app)


ISLANDS = ("<img src=x onerror=1>", "E2B_Takapoto", "=1+1", "\u202eatopakaT", "a/b%2Fc", "x" * 30)


@pytest.fixture
def foreign(world: PageWorld) -> PageWorld:
    """Rows that another program wrote into the same table, under names that ReefSteps refuses."""

    def work(connection: Any) -> None:
        for island in ISLANDS:
            where = {"island": island, "location": 1, "year": 2006}
            connection.execute(insert(survey), where)
            connection.execute(insert(coral_coverage), where | {"coverage": 12.5})

    world.database.write(work)
    return world


@pytest.mark.parametrize("page", ["overview", "gallery", "quadrat", "coverage"])
def test_rows_of_another_program_with_names_that_we_refuse_break_no_page(foreign: PageWorld, page: str) -> None:
    app = foreign.open(page)
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize("island", ISLANDS[:2])
def test_a_result_of_another_program_is_shown_without_pictures(foreign: PageWorld, texts: Texts, island: str) -> None:
    app = foreign.open("quadrat", island=island, year="2006", location="1")
    assert not app.exception
    assert "Coral cover: 12.5 %" in texts(app)
    assert "Another program wrote this result" in texts(app)
    for part in ("Trend", "Same quadrats", "Colony sizes", "Export"):
        app = foreign.open("coverage", island=island, of=island, show=part)
        assert not app.exception
        assert app.multiselect(key="island").value == [island]


def test_names_in_charts_are_text(world: PageWorld) -> None:
    island = "<img src=x onerror=alert(1)> & \"x'"
    picture = charts.to_svg(charts.trend([MeanCover(island, 2006, 3, 20.0, 1.0, 0.5)]), island)
    assert b"<img" not in picture
    assert b"&lt;img" in picture


def test_marks_that_turn_the_writing_around_are_shown() -> None:
    assert visible("photo\u202egpj.exe") == "photo\ufffdgpj.exe"
    assert visible("a\u200bb\x00c") == "a\ufffdb\ufffdc"
    assert visible("Mo'orea  Huahiné\n2") == "Mo'orea Huahiné 2"


@given(st.text(max_size=60))
def test_what_is_shown_is_one_line_that_shows_the_same_again(text: str) -> None:
    shown = visible(text)
    assert visible(shown) == shown
    assert len(shown.splitlines()) <= 1
