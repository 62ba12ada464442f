"""Admission on the local stack: few runs at once, the others in line; the real template and state machines."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from reefsteps.steps import STEPS
from tests.support.local_stack import RunningStack, project_with_scripts, wait_for

RUNS_AT_ONCE = 6


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack whose functions do what a run's input says."""
    template = project_with_scripts(tmp_path_factory.mktemp("project"), STEPS)
    options = {"template": str(template), "max_workers": 2, "queue_s": 60.0, "runs_at_once": RUNS_AT_ONCE}
    stack = RunningStack(tmp_path_factory.mktemp("stack"), options)
    stack.start()
    yield stack
    stack.stop()


def start(stack: RunningStack, name: str, script: dict[str, list[str]] | None = None) -> str:
    """Start a run of the pipeline; returns its ARN."""
    given = {"bucket": "raw", "key": "2006-Takapoto-01.jpg", "script": script or {}}
    answer = stack.clients.stepfunctions.start_execution(
        stateMachineArn=stack.info.state_machines["Pipeline"], name=name, input=json.dumps(given)
    )
    return str(answer["executionArn"])


def described(stack: RunningStack, arn: str) -> dict[str, Any]:
    """Return what DescribeExecution says."""
    return dict(stack.clients.stepfunctions.describe_execution(executionArn=arn))


def ended(stack: RunningStack, arns: list[str]) -> bool:
    """Whether none of these runs goes on."""
    listed = stack.clients.stepfunctions.list_executions(
        stateMachineArn=stack.info.state_machines["Pipeline"], statusFilter="RUNNING", maxResults=1000
    )
    return not {item["executionArn"] for item in listed["executions"]} & set(arns)


def table(stack: RunningStack) -> str:
    """Return the name of the table of places."""
    (name,) = stack.clients.dynamodb.list_tables()["TableNames"]
    return str(name)


def holders(stack: RunningStack) -> set[str]:
    """Return the names of the runs that hold a place."""
    key = {"line": {"S": "holders"}, "since": {"S": "-"}}
    item = stack.clients.dynamodb.get_item(TableName=table(stack), Key=key, ConsistentRead=True)["Item"]
    return set(item["holders"]["M"])


def waiting(stack: RunningStack) -> list[str]:
    """Return the names of the runs that wait, in their order."""
    rows = stack.clients.dynamodb.query(
        TableName=table(stack),
        KeyConditionExpression="#line = :waiting",
        ExpressionAttributeNames={"#line": "line"},
        ExpressionAttributeValues={":waiting": {"S": "waiting"}},
    )["Items"]
    return [row["run"]["S"] for row in rows]


def hold(stack: RunningStack, run: str) -> None:
    """Write a holder into the table, as the state machine places does when it gives a place."""
    stack.clients.dynamodb.update_item(
        TableName=table(stack),
        Key={"line": {"S": "holders"}, "since": {"S": "-"}},
        UpdateExpression="SET holders.#run = :now",
        ExpressionAttributeNames={"#run": run},
        ExpressionAttributeValues={":now": {"S": "2026-01-01T00:00:00Z"}},
    )


def give_places(stack: RunningStack, event: dict[str, Any]) -> dict[str, Any]:
    """Run the state machine places once; returns how it ended."""
    clients = stack.clients
    arn = clients.stepfunctions.start_execution(
        stateMachineArn=stack.info.state_machines["GivePlaces"], name=uuid.uuid4().hex, input=json.dumps(event)
    )["executionArn"]
    wait_for(lambda: described(stack, arn)["status"] != "RUNNING", 30)
    found = described(stack, arn)
    assert found["status"] == "SUCCEEDED", found
    return found


def change(name: str, status: str, redrives: int = 0) -> dict[str, Any]:
    """Return the event of a change of a run's status, as far as the state machine reads it."""
    return {"source": "aws.states", "detail": {"name": name, "status": status, "redriveCount": redrives}}


class Blocked:
    """All places are held by runs that wait for a model; `stop` ends them."""

    def __init__(self, stack: RunningStack) -> None:
        self.stack = stack
        self.names = [uuid.uuid4().hex for _ in range(RUNS_AT_ONCE)]
        self.arns = [start(stack, name, {"reframing": ["ModelNotReadyError"] * 99}) for name in self.names]
        wait_for(lambda: holders(stack) == set(self.names), 30)

    def stop(self, *numbers: int) -> None:
        for number in numbers or range(RUNS_AT_ONCE):
            self.stack.clients.stepfunctions.stop_execution(executionArn=self.arns[number])


@pytest.fixture
def blocked(stack: RunningStack) -> Iterator[Blocked]:
    blocked = Blocked(stack)
    yield blocked
    blocked.stop()
    wait_for(lambda: not holders(stack), 30)


def most_at_once(spans: list[tuple[float, float]]) -> int:
    """Return how many of these spans of time overlap at the most."""
    changes = sorted([(begin, 1) for begin, _ in spans] + [(end, -1) for _, end in spans])
    counts, now = [0], 0
    for _, step in changes:
        now += step
        counts.append(now)
    return max(counts)


@pytest.mark.parametrize("count", [60, pytest.param(500, marks=pytest.mark.long)])
def test_hundreds_at_once_all_run_in_their_order_and_few_at_a_time(stack: RunningStack, count: int) -> None:
    names = [f"{number:03d}-{uuid.uuid4().hex}" for number in range(count)]
    arns = [start(stack, name) for name in names]
    wait_for(lambda: ended(stack, arns), 400, every_s=1.0)
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda arn: described(stack, arn), arns))
    assert {run["status"] for run in runs} == {"SUCCEEDED"}
    outputs = [json.loads(run["output"]) for run in runs]
    spans = [(output["restoration"]["at"], output["coverage"]["at"]) for output in outputs]
    assert most_at_once(spans) <= RUNS_AT_ONCE
    started = sorted(range(count), key=lambda number: spans[number][0])
    assert max(abs(place - number) for place, number in enumerate(started)) <= 3 * RUNS_AT_ONCE
    wait_for(lambda: not holders(stack), 30)
    assert waiting(stack) == []


def test_a_run_in_an_idle_system_waits_for_nobody(stack: RunningStack) -> None:
    arn = start(stack, uuid.uuid4().hex)
    wait_for(lambda: ended(stack, [arn]), 30)
    history = stack.clients.stepfunctions.get_execution_history(executionArn=arn)["events"]
    entered = [event["stateEnteredEventDetails"]["name"] for event in history if "stateEnteredEventDetails" in event]
    assert entered[:3] == ["Take a place", "Where to start", "Restoration"]


def test_the_place_of_a_stopped_run_goes_to_the_next_in_line(stack: RunningStack, blocked: Blocked) -> None:
    arn = start(stack, "next-" + uuid.uuid4().hex)
    wait_for(lambda: len(waiting(stack)) == 1, 30)
    blocked.stop(0)
    wait_for(lambda: ended(stack, [arn]), 30)
    assert described(stack, arn)["status"] == "SUCCEEDED"


def test_a_run_that_is_stopped_in_line_is_passed_over(stack: RunningStack, blocked: Blocked) -> None:
    first = start(stack, "first-" + uuid.uuid4().hex)
    wait_for(lambda: len(waiting(stack)) == 1, 30)
    second = start(stack, "second-" + uuid.uuid4().hex)
    wait_for(lambda: len(waiting(stack)) == 2, 30)
    stack.clients.stepfunctions.stop_execution(executionArn=first)
    blocked.stop(0)
    wait_for(lambda: ended(stack, [second]), 30)
    assert described(stack, second)["status"] == "SUCCEEDED"
    wait_for(lambda: holders(stack) == set(blocked.names[1:]), 30)
    assert waiting(stack) == []


def test_the_place_of_a_run_whose_end_nobody_told_comes_back(stack: RunningStack) -> None:
    arn = start(stack, uuid.uuid4().hex)
    wait_for(lambda: ended(stack, [arn]), 30)
    wait_for(lambda: not holders(stack), 30)
    hold(stack, described(stack, arn)["name"])
    hold(stack, "deleted-since")
    give_places(stack, {})
    assert holders(stack) == set()


def test_a_run_that_holds_a_place_and_was_not_told_is_told(stack: RunningStack, blocked: Blocked) -> None:
    arn = start(stack, "untold-" + uuid.uuid4().hex)
    wait_for(lambda: len(waiting(stack)) == 1, 30)
    hold(stack, waiting(stack)[0])
    give_places(stack, {})
    wait_for(lambda: ended(stack, [arn]), 30)
    assert described(stack, arn)["status"] == "SUCCEEDED"
    assert holders(stack) >= set(blocked.names)


def test_an_event_that_comes_again_gives_no_place_away(stack: RunningStack, blocked: Blocked) -> None:
    arn = start(stack, "patient-" + uuid.uuid4().hex)
    wait_for(lambda: len(waiting(stack)) == 1, 30)
    give_places(stack, change("ended-long-ago", "SUCCEEDED"))
    assert holders(stack) == set(blocked.names)
    assert not ended(stack, [arn])


def test_a_redriven_run_has_a_place_beyond_the_limit(stack: RunningStack, blocked: Blocked) -> None:
    arn = start(stack, "patient-" + uuid.uuid4().hex)
    wait_for(lambda: len(waiting(stack)) == 1, 30)
    give_places(stack, change("redriven", "RUNNING", redrives=1))
    assert holders(stack) == {*blocked.names, "redriven"}
    blocked.stop(0)
    wait_for(lambda: blocked.names[0] not in holders(stack), 30)
    assert not ended(stack, [arn])
    give_places(stack, change("redriven", "SUCCEEDED"))
    wait_for(lambda: ended(stack, [arn]), 30)


def test_a_line_without_holders_is_begun_anew(stack: RunningStack) -> None:
    """As in the first minute of a deployment, or when somebody has emptied the table."""
    key = {"line": {"S": "holders"}, "since": {"S": "-"}}
    stack.clients.dynamodb.delete_item(TableName=table(stack), Key=key)
    arn = start(stack, "early-" + uuid.uuid4().hex)
    wait_for(lambda: len(waiting(stack)) == 1, 30)
    give_places(stack, {})
    wait_for(lambda: ended(stack, [arn]), 30)
    assert described(stack, arn)["status"] == "SUCCEEDED"
    wait_for(lambda: not holders(stack), 30)
