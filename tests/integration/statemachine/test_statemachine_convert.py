"""The convert state machine: whatever it is started with reaches the function, which says what is wrong with it."""

from __future__ import annotations

import json
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
    assert interpreter.visited(execution) == ["Prepare", "Conversion", "Done"]
