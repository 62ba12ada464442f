"""``python -m local adapt``: a coral model from the points of a survey, and which model is in use."""

from __future__ import annotations

import argparse
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from rich.console import Console

from local.provision import Clients
from local.stack_info import StackInfo
from reefsteps.adaptation import AdaptResult
from reefsteps.errors import InvalidParameterError

_MACHINE = "Adapt"
_POLL_S = 0.5

Say = Callable[[str], None]


def run(info: StackInfo, options: argparse.Namespace, console: Console, agree: Callable[[str], bool]) -> bool:
    """Learn and ask whether to use the result, or put the model of ``--use`` into use; returns whether one came of it.

    Raises InvalidParameterError with the run's own words where it failed.
    """

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    clients = Clients(info.endpoint, info.region)
    machine = info.state_machines[_MACHINE]
    if options.use:
        say(_run(clients, machine, {"use": options.use}).sentence)
        return True
    asked = {name: value for name in ("island", "year") if (value := getattr(options, name)) is not None}
    result = _run(clients, machine, asked)
    say(result.sentence)
    if result.adaptation:
        _show(result, say)
    if result.model is None:
        return False
    if not agree(f"Measure with '{result.model}' from now on, in place of '{result.in_use}'? [y/N] "):
        say(f"'{result.in_use}' stays in use. Later: `python -m local adapt --use {result.model}`.")
        return True
    say(_run(clients, machine, {"use": result.model}).sentence)
    say(f"To go back: `python -m local adapt --use {result.in_use}`.")
    return True


def _show(result: AdaptResult, say: Say) -> None:
    adaptation = result.adaptation
    assert adaptation
    say(f"Head: {adaptation.head}; network of '{adaptation.parent.name}'. Cover in percent:")
    for one in adaptation.left_out:
        say(
            f"  {one.key}: {one.true_percent:.0f} by {one.points} points, {one.found_percent:.0f} left out, "
            f"{one.in_use_percent:.0f} by '{adaptation.compared_with}'"
        )


def _run(clients: Clients, machine: str, document: dict[str, Any]) -> AdaptResult:
    name = f"adapt-{uuid.uuid4().hex[:12]}"
    started = clients.stepfunctions.start_execution(stateMachineArn=machine, name=name, input=json.dumps(document))
    while True:
        execution = clients.stepfunctions.describe_execution(executionArn=started["executionArn"])
        if execution["status"] == "SUCCEEDED":
            return AdaptResult.from_json(json.loads(execution["output"])["adapt"])
        if execution["status"] != "RUNNING":
            raise InvalidParameterError(f"{execution.get('error')}: {execution.get('cause')}")
        time.sleep(_POLL_S)
