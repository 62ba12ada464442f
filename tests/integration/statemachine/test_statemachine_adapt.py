"""The adapt state machine: what a person gives reaches the function, and refusals end in the failure path."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.statemachine.conftest import Interpreter


@pytest.mark.parametrize("document", [{}, {"island": "Moorea", "year": 2024}, {"use": "detectron2-classifier"}])
def test_what_a_person_gives_reaches_the_function(interpreter: Interpreter, document: dict[str, Any]) -> None:
    execution = interpreter.run(interpreter.create("adapt"), document)
    assert execution["status"] == "SUCCEEDED"
    assert interpreter.visited(execution) == ["Prepare", "Adapt", "Done"]
    output = json.loads(execution["output"])
    assert output["input"] == {"use": None, "island": None, "year": None, "requested_by": None} | document
    assert output["execution"]["started_at"]
    assert output["adapt"]["step"] == "adapt"
