"""Starting failed runs again: the right ones, at the right step, and once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reefsteps.errors import REFUSALS, InvalidParameterError
from reefsteps.retries import PastRun, RunHistory, offer, parse_since, plan_retries, readable_key
from tests.support.past_runs import NOON, StepFunctions, run

LONG = "2006-Ile de la Possession du Nord Ouest-01.jpg"


def test_a_run_goes_on_at_the_step_that_failed() -> None:
    (retry,) = plan_retries([run("2006-Hao-01.jpg", step="segmentation", input={"side_cm": 50.0})])
    assert retry.input == {
        "bucket": "raw", "key": "2006-Hao-01.jpg", "side_cm": 50.0, "start_at": "segmentation", "requested_by": "retry",
    }  # fmt: skip


@pytest.mark.parametrize("later", ["SUCCEEDED", "RUNNING"])
def test_what_runs_or_succeeded_meanwhile_is_left_alone(later: str) -> None:
    assert plan_retries([run("2006-Hao-01.jpg"), run("2006-Hao-01.jpg", later, None, minute=1)]) == []


@pytest.mark.parametrize(
    "name",
    [
        f"{readable_key(LONG)[:36]}-1a2b3c-backfill-2026-05-01-0",
        f"{readable_key(LONG)[:43]}-0a1b2c3d-after-a-removal",
        "0f9ce8f3-2f0e-4f0c-9d53-4a1f7f2ad9c1",  # the console makes such a name where a person gives none
    ],
)
def test_what_succeeded_under_any_name_is_left_alone(name: str) -> None:
    later = replace(run(LONG, "SUCCEEDED", None, minute=1), name=name)
    service = StepFunctions([run(LONG), later, replace(run("2006-Hao-02.jpg", "SUCCEEDED", None), name="others")])
    assert plan_retries(RunHistory(service, "pipeline").runs()) == []
    assert "others" not in service.described


def test_a_photograph_that_failed_after_a_success_is_started_again() -> None:
    runs = [run("2006-Hao-01.jpg", "SUCCEEDED", None), run("2006-Hao-01.jpg", minute=1)]
    assert len(plan_retries(runs)) == 1


def test_two_spellings_of_a_key_are_one_photograph() -> None:
    runs = [run("2006-Nuku%20Hiva-01.jpg"), run("2006-Nuku Hiva-01.jpg", "SUCCEEDED", None, minute=1)]
    assert plan_retries(runs) == []


@pytest.mark.parametrize("error", [*sorted(REFUSALS), "Aborted"])
def test_refusals_and_stopped_runs_are_started_only_by_name(error: str) -> None:
    runs = [run("2006-Hao-01.jpg", error=error), run("2006-Hao-02.jpg")]
    assert [retry.photo for retry in plan_retries(runs)] == ["2006-Hao-02.jpg"]
    assert [retry.photo for retry in plan_retries(runs, error=error)] == ["2006-Hao-01.jpg"]


def test_only_what_began_since_is_started() -> None:
    runs = [run("2006-Hao-01.jpg"), run("2006-Hao-02.jpg", minute=10)]
    assert [retry.photo for retry in plan_retries(runs, since=NOON + timedelta(minutes=5))] == ["2006-Hao-02.jpg"]


def test_a_run_without_a_photograph_is_left_alone() -> None:
    assert plan_retries([PastRun("by-hand", "FAILED", NOON, {}, "KeyError", None)]) == []


_RUNS = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.sampled_from(["FAILED", "SUCCEEDED", "RUNNING", "TIMED_OUT"]),
        st.sampled_from(["Runtime.ExitError", "QuadratNotFoundError", "DatabaseUnavailableError"]),
    ),
    max_size=12,
)


@given(_RUNS)
def test_each_photograph_is_started_at_most_once_and_names_are_apart(drawn: list[tuple[int, str, str]]) -> None:
    runs = [
        run(f"2006-Hao-{number:02d}.jpg", status, error if status == "FAILED" else None, minute=minute)
        for minute, (number, status, error) in enumerate(drawn)
    ]
    retries = plan_retries(runs)
    assert len({retry.photo for retry in retries}) == len(retries) == len({retry.name for retry in retries})
    assert all(len(retry.name) <= 80 for retry in retries)
    newest = {past.photo: past for past in runs}
    assert all(newest[retry.photo].status in ("FAILED", "TIMED_OUT") for retry in retries)


@pytest.mark.parametrize(
    ("text", "moment"),
    [("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)), ("2026-05-01T10:00+02:00", datetime(2026, 5, 1, 8, tzinfo=UTC)),
     ("90m", NOON - timedelta(minutes=90)), ("3d", NOON - timedelta(days=3))],
)  # fmt: skip
def test_since_is_a_time_or_an_age(text: str, moment: datetime) -> None:
    assert parse_since(text, NOON) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "3", "3w", "-1d", "2026-13-01"])
def test_since_that_is_neither_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="2026-05-01"):
        parse_since(text, NOON)


def test_two_calls_start_each_run_once_and_read_little() -> None:
    unrelated = [run(f"2006-Rangiroa-{n:02d}.jpg", "SUCCEEDED", None, minute=n) for n in range(1, 30)]
    service = StepFunctions([run("2006-Hao-01.jpg"), run("2006-Hao-02.jpg", minute=1), *unrelated])
    said: list[str] = []
    history = RunHistory(service, "pipeline")
    assert offer(history, None, None, agree=lambda _question: True, say=said.append)
    assert "2 that failed with Runtime.ExitError, from segmentation on" in said[0]
    assert said[-1] == "2 started, 0 had been started before."
    assert set(service.described) == {"2006-Hao-01-jpg-0", "2006-Hao-02-jpg-1"}
    assert offer(history, None, None, agree=lambda _question: True, say=said.append)
    assert said[-1] == "No failed run is left to start again."


def test_nothing_is_started_without_a_yes() -> None:
    service = StepFunctions([run("2006-Hao-01.jpg")])
    assert not offer(RunHistory(service, "pipeline"), None, None, agree=lambda _question: False, say=lambda _text: None)
    assert len(service.runs) == 1
