"""``python -m local backfill``: the state machine of the deployment, followed to its end and its report."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from local.provision import Clients
from local.stack_info import StackInfo
from reefsteps import backfills
from reefsteps.execution_status import ExecutionStatus
from reefsteps.retries import RunHistory
from scripts.backfill_options import chosen, described

Reprocessed = backfills.Reprocessed


def reprocess(info: StackInfo, options: argparse.Namespace, console: Console, agree: Callable[[str], bool]) -> int:
    """Measure the photographs that the options choose again, if `agree` answers yes, and print what became of each.

    Returns the exit status: a refusal is a result, a fault gives 1. Raises InvalidParameterError.
    """
    clients = Clients(info.endpoint, info.region)
    given = chosen(options, RunHistory(clients.stepfunctions, info.state_machines["Pipeline"]))
    console.print(described(given), markup=False, highlight=False, soft_wrap=True)
    if not agree("Start? [y/N] "):
        console.print("Nothing was started.")
        return 1
    found: list[Reprocessed] = []
    with console.status("Starting") as status:
        for arn in backfills.start(clients.stepfunctions, info.state_machines["Backfill"], given):
            ended = backfills.finish(clients.stepfunctions, arn, lambda done, of: status.update(f"{done} of {of}"))
            if ended["status"] != ExecutionStatus.SUCCEEDED:
                why = ended.get("error") or ended["status"]
                console.print(f"The backfill {ended['name']} ended early: {why}", markup=False, highlight=False)
            found += backfills.report(clients.s3, info.buckets["SegmentedBucket"], clients.stepfunctions, arn)
    console.print(table(found))
    return 1 if any(one.status == ExecutionStatus.FAILED for one in found) else 0


def table(found: list[Reprocessed]) -> Table:
    """Return one row a photograph: what ran, the cover before and after, or why not."""
    rows = Table("photograph", "result", "ran", "cover before, %", "cover now, %", "why not")
    for one in found:
        covers = [("" if cover is None else f"{cover:.2f}") for cover in (one.old_cover_percent, one.new_cover_percent)]
        rows.add_row(one.photo, one.status.lower(), ", ".join(one.ran), *covers, " ".join((one.why or "").split()))
    return rows
