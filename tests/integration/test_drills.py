"""The drills and the fuzzer in their short forms; the long ones are ``make drill`` and ``make fuzz``."""

from __future__ import annotations

from tests.drills.__main__ import drill
from tests.drills.faults import kinds
from tests.drills.table import printed as drill_table
from tests.fuzz.__main__ import fuzz
from tests.fuzz.__main__ import printed as fuzz_table


def test_nothing_is_lost_under_any_kind_of_fault() -> None:
    lines = drill(seed=1, photographs=60, minutes=1)
    assert len(lines) == len(kinds()) >= 15
    assert sum(line.photographs for line in lines) >= 60
    assert all(line.clean for line in lines), drill_table(lines)


def test_wrong_input_meets_named_errors_only() -> None:
    lines = fuzz(seed=1, count=1_500)
    assert sum(line.inputs for line in lines) >= 1_500
    assert all(line.clean for line in lines), fuzz_table(lines)
