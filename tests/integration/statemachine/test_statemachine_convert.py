"""The convert state machine: whatever it is started with reaches the function, which says what is wrong with it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.statemachine.conftest import Interpreter


@pytest.mark.parametrize(
    "document",
    [{}, {"detail": {}}, {"detail": {"bucket": {}}}, {"bucket": None}, {"key": 5}, {"detail": None}],
    ids=["empty", "no bucket", "no name", "null", "number", "null detail"],
)
def test_malformed_input_reaches_the_function(interpreter: Interpreter, document: dict[str, Any]) -> None:
    execution = interpreter.run(interpreter.create("convert"), document)
    assert execution["status"] == "SUCCEEDED", execution  # the stand-in takes everything
    given = json.loads(execution["output"])["input"]
    assert sorted(given) == ["bucket", "key", "version_id"]
    assert interpreter.visited(execution) == ["Prepare", "Conversion", "More variants to try", "Done"]


@pytest.mark.parametrize("finished", [False, True], ids=["unfinished", "finished"])
def test_an_unfinished_search_goes_on_in_another_invocation(
    interpreter: Interpreter, tmp_path: Path, finished: bool
) -> None:
    definition = json.loads((interpreter.definitions / "convert.asl.json").read_text())
    definition["StartAt"] = "More variants to try"  # the stand-in returns no search
    (tmp_path / "convert.asl.json").write_text(json.dumps(definition))
    machine = dataclasses.replace(interpreter, definitions=tmp_path).create("convert")
    document = {
        "execution": {"id": "one", "name": "one", "started_at": "2026-01-02T03:04:05.000Z"},
        "input": {"bucket": "models", "key": "some.pth", "version_id": None},
        "conversion": {"search": {"full_sha256": "0" * 64, "finished": finished}, "trials": []},
    }
    execution = interpreter.run(machine, document)
    assert execution["status"] == "SUCCEEDED", execution
    again = [] if finished else ["Conversion", "More variants to try"]
    assert interpreter.visited(execution) == ["More variants to try", *again, "Done"]
    if not finished:
        assert "conversion" in json.loads(execution["output"])["conversion"]["received"]
