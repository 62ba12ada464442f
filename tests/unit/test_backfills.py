"""What a backfill is asked for, and how its report is read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from reefsteps import backfills
from reefsteps.errors import InvalidParameterError
from reefsteps.retries import Retry

FAILED = Retry(
    "2006-Hao-01-again",
    {"bucket": "raw", "key": "2006-Hao-01.jpg", "side_cm": 70.5, "start_at": "reframing", "requested_by": "retry"},
    "2006-Hao-01.jpg",
    "ModelNotReadyError",
    "reframing",
)


def test_a_prefix_is_one_execution() -> None:
    assert backfills.inputs(prefix="2006-", start_at="segmentation", max_concurrency=2) == [
        {"prefix": "2006-", "start_at": "segmentation", "max_concurrency": 2}
    ]


def test_a_failed_photograph_keeps_what_its_run_was_given_and_begins_at_the_failed_step() -> None:
    (given,) = backfills.inputs(retries=[FAILED])
    assert given == {"keys": [{"key": "2006-Hao-01.jpg", "side_cm": 70.5, "start_at": "reframing"}]}
    (given,) = backfills.inputs(retries=[FAILED], start_at="restoration")
    assert given["keys"][0]["start_at"] == "restoration"


def test_a_long_list_is_divided_so_that_each_part_fits_an_input() -> None:
    keys = [f"2006-{'é' * 30}-{number:05d}.jpg" for number in range(2500)]
    parts = backfills.inputs(keys=keys)
    assert [len(part["keys"]) for part in parts] == [1000, 1000, 500]
    assert [key for part in parts for key in part["keys"]] == keys
    assert all(len(json.dumps(part, ensure_ascii=False).encode()) < 262_144 for part in parts)


def test_a_list_with_many_outlines_is_divided_too() -> None:
    outline = [[1234.5, 2345.5]] * 200
    failed = [replace(FAILED, input={**FAILED.input, "excluded_px": [outline] * 4}) for _ in range(40)]
    parts = backfills.inputs(retries=failed)
    assert sum(len(part["keys"]) for part in parts) == 40
    assert all(len(json.dumps(part, ensure_ascii=False).encode()) < 262_144 for part in parts)


def test_a_photograph_that_is_listed_twice_is_measured_once() -> None:
    assert backfills.inputs(keys=["2006-Hao-01.jpg", "2006-Hao-01.jpg"]) == [{"keys": ["2006-Hao-01.jpg"]}]


def test_an_unknown_step_is_refused_by_name() -> None:
    with pytest.raises(InvalidParameterError, match="'lunch' is no step"):
        backfills.inputs(start_at="lunch")


def test_a_fault_is_read_with_its_error_and_cause() -> None:
    line = {"Input": json.dumps({"key": "2006-Hao-01.jpg"}), "Status": "FAILED", "Error": "E", "Cause": "asleep"}
    read = backfills._read("FAILED", line)
    assert (read.photo, read.status, read.why) == ("2006-Hao-01.jpg", "FAILED", "E: asleep")
    stopped = backfills._read("FAILED", {"Input": line["Input"], "Status": "ABORTED"})
    assert stopped.why == "aborted"
