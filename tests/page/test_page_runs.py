"""The list of runs: every way of ending is found under its name, newest first, page by page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from streamlit.testing.v1 import AppTest

from frontend.services import executions
from frontend.settings import settings
from reefsteps.surveys import SurveyKey
from tests.support import page_world
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from tests.page.conftest import PageWorld

Texts = Callable[[AppTest], str]
STARTED = datetime(2026, 5, 1, tzinfo=UTC)


class _Lists:
    """Step Functions with ``runs`` ({status: minutes at which runs began}), in pages of the size asked for."""

    def __init__(self, runs: dict[str, list[int]]) -> None:
        self.runs = runs

    def list_executions(self, *, maxResults: int, nextToken: str = "0", **asked: Any) -> dict[str, Any]:  # noqa: N803
        wanted = asked.get("statusFilter")
        every = [(m, s) for s, minutes in self.runs.items() for m in minutes if wanted in (None, s)]
        every.sort(reverse=True)
        first, last = int(nextToken), int(nextToken) + maxResults
        found = [
            {"executionArn": f"arn:{m}", "name": str(m), "status": s, "startDate": STARTED + timedelta(minutes=m)}
            for m, s in every[first:last]
        ]
        return {"executions": found, **({"nextToken": str(last)} if last < len(every) else {})}


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch, world: PageWorld) -> Iterator[Callable[[dict[str, list[int]]], None]]:
    def use(runs: dict[str, list[int]]) -> None:
        monkeypatch.setattr(executions, "step_functions", lambda: _Lists(runs))
        executions._listed.clear()

    yield use
    executions._listed.clear()


@pytest.mark.parametrize("size", [1, 3, 4, 20])
def test_lists_of_several_statuses_are_one_list_without_gaps_or_repetitions(listed: Any, size: int) -> None:
    runs = {"FAILED": [1, 4, 5, 9, 12], "TIMED_OUT": [2, 3, 11], "ABORTED": [10], "SUCCEEDED": [6, 7, 8]}
    listed(runs)
    seen: list[str] = []
    cursors, pages = None, 0
    while True:
        page = executions.executions(("FAILED", "TIMED_OUT", "ABORTED"), cursors, size)
        seen += [execution.name for execution in page.executions]
        pages += 1
        if page.following is None:
            break
        assert len(page.executions) == size
        cursors = page.following
    assert seen == ["12", "11", "10", "9", "5", "4", "3", "2", "1"]
    assert pages == -(-9 // size)


def test_a_list_without_runs_is_one_empty_page(listed: Any) -> None:
    listed({})
    assert executions.executions(("FAILED", "ABORTED")) == executions.ExecutionPage((), None)


def _stop_one(world: PageWorld) -> None:
    """Start a run and stop it; returns when Step Functions says so."""
    page_world.start(world.step_functions, world.pipeline_arn, "stopped", key="2010-Takapoto-53.jpg", end="wait")
    run = {"executionArn": world.pipeline_arn.replace(":stateMachine:", ":execution:") + ":stopped"}
    world.step_functions.stop_execution(**run)
    wait_for(lambda: bool(world.step_functions.describe_execution(**run)["status"] == "ABORTED"), 120)


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("All", {"running", "done", "failed", "stopped"}),
        ("Running", {"running"}),
        ("Done", {"done"}),
        ("Failed", {"failed", "stopped"}),
    ],
)
def test_each_status_is_reached_by_a_link(world: PageWorld, status: str, shown: set[str]) -> None:
    page_world.write_pictures(world.s3, [SurveyKey(2010, "Takapoto", 53)], derived=False)
    _stop_one(world)
    app = world.open("runs", status=status)
    assert not app.exception
    assert app.segmented_control(key="status").value == status
    words = {"running", "done", "failed", "took too long", "stopped"}
    badges = [word for word in words if any(f" {word}]" in element.value for element in app.markdown)]
    assert set(badges) == shown


def test_a_run_that_took_too_long_or_was_stopped_needs_attention(world: PageWorld, texts: Texts) -> None:
    page_world.write_pictures(world.s3, [SurveyKey(2010, "Takapoto", 53)], derived=False)
    _stop_one(world)
    said = texts(world.open("overview"))
    assert "2010\\-Takapoto\\-53\\.jpg" in said
    assert "Somebody stopped this run" in said


def test_many_photographs_are_measured_again_from_a_step_on(
    world: PageWorld, monkeypatch: pytest.MonkeyPatch, texts: Texts
) -> None:
    definition = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    machine = world.step_functions.create_state_machine(
        name="test-backfill", definition=json.dumps(definition), roleArn="arn:aws:iam::123456789012:role/test"
    )["stateMachineArn"]
    monkeypatch.setenv("BACKFILL_ARN", machine)
    settings.cache_clear()
    app = world.open("runs", status="Done")
    app.text_input[0].set_value("2024-Moorea").run()
    assert "Every photograph whose name begins with '2024" in texts(app)
    next(button for button in app.button if button.label == "Start").click().run()
    assert not app.exception
    (started,) = world.step_functions.list_executions(stateMachineArn=machine)["executions"]
    given = world.step_functions.describe_execution(executionArn=started["executionArn"])["input"]
    assert json.loads(given) == {"prefix": "2024-Moorea", "start_at": "segmentation"}


def test_a_page_without_a_backfill_offers_none(world: PageWorld) -> None:
    assert "Measure many again" not in [part.label for part in world.open("runs", status="Done").expander]


def test_what_was_measured_while_the_choice_was_open_is_not_started_again(world: PageWorld) -> None:
    for number in (61, 62):
        _run(world, f"2010-Takapoto-{number}.jpg", "v1", end="fail", error="DatabaseUnavailableError", cause="{}")
    app = AppTest.from_function(_choice, default_timeout=60).run()
    app.radio[0].set_value("DatabaseUnavailableError").run()
    _run(world, "2010-Takapoto-61.jpg", "v2")
    next(button for button in app.button if button.label == "Start 2 runs").click().run()
    assert not app.exception
    listed = world.step_functions.list_executions(stateMachineArn=world.pipeline_arn)["executions"]
    assert [run["name"].partition("-again-")[0] for run in listed if "-again-" in run["name"]] == [
        "2010-Takapoto-62-jpg"
    ]


def _choice() -> None:
    """The dialog as a page: AppTest draws a page anew at each click, which closes dialogs."""
    from frontend.components import retry_many

    retry_many._choose.__wrapped__()  # type: ignore[attr-defined]


def _run(world: PageWorld, key: str, name: str, **given: str) -> None:
    name = f"{key.replace('.', '-')}-{name}"
    page_world.start(world.step_functions, world.pipeline_arn, name, bucket="test-raw", key=key, **given)
