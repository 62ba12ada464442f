"""Import on the page: the function's own words, and imported results marked as such."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from streamlit.testing.v1 import AppTest

from reefsteps.coverage_store import ImportedPhotograph
from reefsteps.import_store import ImportedResult, record_imports
from reefsteps.results import ObjectRef
from reefsteps.surveys import SurveyKey

if TYPE_CHECKING:
    from tests.page.conftest import PageWorld

Texts = Callable[[AppTest], str]
OUTCOME = {
    "written": True,
    "imported": ["2006-Hao-01", "2006-Hao-02"],
    "unchanged": 3,
    "left_out_count": 1,
    "left_out": [{"what": "IMG_1.jpg", "why": "not the name of a survey photograph"}],
}


class Lambda:
    """Answers as Lambda does."""

    def __init__(self, payload: dict[str, Any], *, failed: bool = False) -> None:
        self.payload, self.failed = payload, failed
        self.requests: list[dict[str, Any]] = []

    def invoke(self, *, Payload: bytes, **_: Any) -> dict[str, Any]:  # noqa: N803 (boto3's name)
        self.requests.append(json.loads(Payload))
        body = {"Payload": io.BytesIO(json.dumps(self.payload).encode())}
        return body | ({"FunctionError": "Unhandled"} if self.failed else {})


def submit(world: PageWorld, monkeypatch: pytest.MonkeyPatch, function: Lambda, button: str) -> AppTest:
    monkeypatch.setenv("IMPORT_FUNCTION", "reefsteps-importing")
    client: Any = boto3.client
    only_lambda = lambda name, **more: function if name == "lambda" else client(name, **more)  # noqa: E731
    monkeypatch.setattr("frontend.services.importing.boto3.client", only_lambda)
    app = world.open("importing")
    app.text_input(key="import_bucket").input("old")
    app.text_input(key="import_table").input("dump.sql")
    next(found for found in app.button if found.label == button).click()
    return app.run()


@pytest.mark.parametrize(("button", "dry_run"), [("Say what would be imported", True), ("Import", False)])
def test_what_the_function_did_is_told(
    world: PageWorld, monkeypatch: pytest.MonkeyPatch, texts: Texts, button: str, dry_run: bool
) -> None:
    function = Lambda(OUTCOME | {"written": not dry_run})
    app = submit(world, monkeypatch, function, button)
    assert function.requests == [{"bucket": "old", "prefix": "", "table": "dump.sql", "dry_run": dry_run}]
    assert ("Would be imported: 2 quadrats" if dry_run else "Imported: 2 quadrats") in texts(app)
    assert "3 quadrats had been imported before" in texts(app)
    assert list(app.dataframe[0].value["What"]) == ["IMG_1.jpg"]


def test_a_refusal_is_told_in_its_own_words(world: PageWorld, monkeypatch: pytest.MonkeyPatch, texts: Texts) -> None:
    refused = {"errorType": "SpreadsheetError", "errorMessage": "dump.sql, line 7: UPDATE is not read"}
    app = submit(world, monkeypatch, Lambda(refused, failed=True), "Import")
    assert "Nothing was imported" in texts(app)
    assert "line 7: UPDATE is not read" in texts(app)


def test_an_imported_result_is_marked_and_its_photograph_is_not_called_unmeasured(
    empty_world: PageWorld, texts: Texts
) -> None:
    hao, key = SurveyKey(2006, "Hao", 1), "2006-Hao-01.jpg"
    photograph = ImportedPhotograph(ObjectRef("raw", key, "v1"), "e", "2026-01-01T10:00:00+00:00")
    record_imports(empty_world.database, [ImportedResult(hao, 12.5, None, photograph, "s3://old/dump.sql")])
    app = empty_world.open("quadrat", island="Hao", year="2006", location="1")
    assert not app.exception
    assert "imported, measured by another program" in texts(app)
    assert "12.5 %" in texts(app)
