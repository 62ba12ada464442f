"""The progress of one upload, told from the names of executions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from frontend.domain.batches import Batch, BatchProgress, progress
from frontend.domain.executions import ExecutionSummary
from reefsteps.explanations import words_and_figures
from reefsteps.retries import readable_key

SENT = datetime(2026, 5, 1, 12, tzinfo=UTC)
KEYS = tuple(f"2006-Nuku Hiva-{n:02d}.jpg" for n in range(1, 6))


def execution(key: str, status: str, minute: int) -> ExecutionSummary:
    """Return an execution as `admit` names it."""
    name = f"{readable_key(key)}-version{minute}"
    return ExecutionSummary(f"arn:{name}", name, status, SENT + timedelta(minutes=minute), None)


def test_each_photograph_counts_by_its_newest_run() -> None:
    runs = [
        execution(KEYS[0], "FAILED", 1),
        execution(KEYS[0], "SUCCEEDED", 5),
        execution(KEYS[1], "RUNNING", 2),
        execution(KEYS[2], "TIMED_OUT", 3),
        execution("2006-Nuku Hiva-11.jpg", "SUCCEEDED", 4),
    ]
    assert progress(Batch("b", SENT, KEYS), runs) == BatchProgress(measured=1, running=1, failed=1, waiting=2)


def test_positions_that_begin_alike_are_told_apart() -> None:
    batch = Batch("b", SENT, ("2006-Hao-1.jpg", "2006-Hao-11.jpg"))
    assert progress(batch, [execution("2006-Hao-11.jpg", "SUCCEEDED", 1)]) == BatchProgress(1, 0, 0, 1)


def test_an_empty_batch_is_done() -> None:
    assert progress(Batch("b", SENT, ()), []).share_done == 1.0


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(["RUNNING", "SUCCEEDED", "FAILED"])), max_size=20))
def test_the_numbers_add_up(drawn: list[tuple[str, str]]) -> None:
    runs = [execution(key, status, minute) for minute, (key, status) in enumerate(drawn)]
    done = progress(Batch("b", SENT, KEYS), runs)
    assert done.total == len(KEYS)
    newest = dict(drawn)
    assert done.measured == list(newest.values()).count("SUCCEEDED")
    assert 0 <= done.share_done <= 1


def test_figures_are_folded_away() -> None:
    message = "No quadrat: two edges could be the frame's. Mark the corners. Figures: lead 0.21, at least 0.8."
    assert words_and_figures(message) == (
        "No quadrat: two edges could be the frame's. Mark the corners.", "lead 0.21, at least 0.8.",
    )  # fmt: skip
    assert words_and_figures("The file is empty.") == ("The file is empty.", "")
