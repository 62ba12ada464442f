"""Every page in every state, over moto and SQLite, through app.py as a visitor opens it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from streamlit.testing.v1 import AppTest

if TYPE_CHECKING:
    from tests.page.conftest import PageWorld

PAGES = (
    "overview",
    "upload",
    "runs",
    "gallery",
    "quadrat",
    "coverage",
    "verify",
    "corners",
    "delete",
    "importing",
    "guide",
)
TITLES = {"corners": "Fix corners", "importing": "Import", "guide": "Help"}
NEED_RESULTS = ("gallery", "quadrat", "coverage")
Texts = Callable[[AppTest], str]


def test_no_view_has_an_expression_that_streamlit_would_print() -> None:
    """Streamlit's "magic" shows every bare expression of a page's script, a constant's docstring as well."""
    views = sorted((Path(__file__).parents[2] / "frontend" / "views").glob("*.py"))
    assert views
    bare = [
        f"{view.name}:{node.lineno}"
        for view in views
        for node in ast.parse(view.read_text(encoding="utf-8")).body[1:]
        if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call)
    ]
    assert bare == []


@pytest.mark.parametrize("page", PAGES)
def test_page_opens_without_an_error_when_there_are_results(world: PageWorld, page: str, texts: Texts) -> None:
    app = world.open(page)
    assert not app.exception
    assert not app.error
    assert app.title[0].value == TITLES.get(page, page.capitalize())


@pytest.mark.parametrize("page", PAGES)
def test_page_says_what_to_do_when_nothing_has_happened_yet(empty_world: PageWorld, page: str, texts: Texts) -> None:
    app = empty_world.open(page)
    assert not app.exception
    assert not app.error
    if page in NEED_RESULTS:
        assert "Upload photographs of quadrats first" in texts(app)
