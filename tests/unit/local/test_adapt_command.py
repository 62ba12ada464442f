"""``python -m local adapt``: figures first, then a question, then the choice and the way back."""

from __future__ import annotations

import argparse
import io
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from local import adapting
from local.stack_info import StackInfo
from reefsteps.adaptation import AdaptResult
from reefsteps.errors import InvalidParameterError
from tests.support.adaptations import adaptation_of

OLD, NEW = "detectron2-classifier", "detectron2-classifier-adapted-20261128T031500"
ADAPTATION = adaptation_of(OLD)


class Machine:
    """Step Functions whose runs answer at once."""

    def __init__(self, learned: AdaptResult, failure: str = "") -> None:
        self.inputs: list[dict[str, Any]] = []
        self._learned, self._failure = learned, failure

    def start_execution(self, **given: Any) -> dict[str, str]:
        self.inputs.append(json.loads(given["input"]))
        return {"executionArn": str(len(self.inputs) - 1)}

    def describe_execution(self, **given: Any) -> dict[str, Any]:
        if self._failure:
            return {"status": "FAILED", "error": "UnsupportedModelError", "cause": self._failure}
        use = self.inputs[int(given["executionArn"])].get("use")
        result = AdaptResult(False, f"'{use}' measures.", 0.1, use, use) if use else self._learned
        return {"status": "SUCCEEDED", "output": json.dumps({"adapt": result.to_json()})}


def run(monkeypatch: pytest.MonkeyPatch, machine: Machine, *, agree: bool = True, **options: Any) -> tuple[bool, str]:
    monkeypatch.setattr(adapting, "Clients", lambda *_: SimpleNamespace(stepfunctions=machine))
    info = SimpleNamespace(endpoint="", region="", state_machines={"Adapt": "arn"})
    asked = argparse.Namespace(**{"use": None, "island": None, "year": None} | options)
    said = io.StringIO()
    done = adapting.run(cast(StackInfo, info), asked, Console(file=said, width=200), agree=lambda _: agree)
    return done, said.getvalue()


def test_a_person_sees_the_figures_agrees_and_learns_the_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(AdaptResult(True, ADAPTATION.verdict.sentence, 60.0, NEW, OLD, ADAPTATION))
    done, said = run(monkeypatch, machine, island="Takapoto")
    assert done
    assert machine.inputs == [{"island": "Takapoto"}, {"use": NEW}]
    assert "2006-Takapoto-01.jpg: 40 by 200 points, 44 left out, 3 by 'detectron2-classifier'" in said
    assert f"To go back: `python -m local adapt --use {OLD}`" in said


def test_without_a_yes_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(AdaptResult(True, ADAPTATION.verdict.sentence, 60.0, NEW, OLD, ADAPTATION))
    done, said = run(monkeypatch, machine, agree=False)
    assert done
    assert machine.inputs == [{}]
    assert f"'{OLD}' stays in use" in said


def test_a_model_that_does_not_pass_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(AdaptResult(False, "It is not published.", 60.0, None, OLD, ADAPTATION))
    done, said = run(monkeypatch, machine)
    assert not done
    assert machine.inputs == [{}]
    assert "not published" in said


def test_a_model_is_put_into_use_without_learning(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(AdaptResult(False, "", 0.0))
    assert run(monkeypatch, machine, use=OLD)[0]
    assert machine.inputs == [{"use": OLD}]


def test_a_run_that_failed_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(AdaptResult(False, "", 0.0), failure="adapt: no such model")
    with pytest.raises(InvalidParameterError, match="no such model"):
        run(monkeypatch, machine, use="x")
