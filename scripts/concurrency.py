"""How many runs of the pipeline may go on at once in an account: the parameter ``RunsAtOnce``."""

from __future__ import annotations

from typing import Any

from scripts.simulate_admission import runs_at_once

MOST_RUNS = 200  # the parameter's MaxValue: their names share one item of DynamoDB, which takes 1,000 writes a second


def runs_for_account(functions: Any) -> int:
    """Return a tenth more than the concurrent functions that the account allows; `functions` is a Lambda client."""
    slots = int(functions.get_account_settings()["AccountLimit"]["ConcurrentExecutions"])
    return min(MOST_RUNS, runs_at_once(slots))
