"""What `process` and `demo` show and leave behind: progress, a table, a CSV and the pictures."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from local.processing import Follower, PhotographRun
from local.provision import Clients
from local.stack_info import StackInfo
from reefsteps.derived_objects import shown_pictures
from reefsteps.execution_status import ExecutionStatus
from reefsteps.results import SegmentationResult
from reefsteps.steps import STEPS
from reefsteps.trust import DEMONSTRATION, MARK, cover_text, decimals, is_marked, marked, reasons_to_look

_COLUMNS = (
    "photo",
    "key",
    "island",
    "location",
    "year",
    "cover_percent",
    "cover_shown",
    "trust",
    "trust_sentence",
    "to_be_looked_at",
    "true_cover_percent",
    "colonies",
    "px_per_cm",
)
_HEADINGS = {
    "location": "loc.",
    "cover_shown": "cover",
    "true_cover_percent": "true\n%",
    "colonies": "colo-\nnies",
    "px_per_cm": "px/\ncm",
}
_SHOWN_ACTIVE = 8
_UNSAFE = re.compile(r"[/\x00]")


def follow(follower: Follower, console: Console) -> list[PhotographRun]:
    """Run the follower under a progress display; on a pipe, print one line for each photograph that ends."""
    total = len(follower.runs)
    if not console.is_terminal:
        return follower.run(_line_printer(follower, console))
    bar = Progress(TextColumn("photographs"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console)
    task = bar.add_task("photographs", total=total)
    with Live(bar, console=console, refresh_per_second=5, transient=True) as live:

        def changed() -> None:
            bar.update(task, completed=sum(run.ended for run in follower.runs))
            live.update(Group(bar, _active_table(follower.runs)))

        return follower.run(changed)


def results_table(runs: Sequence[PhotographRun], truth: Mapping[str, float]) -> Table:
    """Return the table of all photographs; `truth` holds the true cover of generated ones by file name."""
    table = Table(title="Percent coral cover by the model, not verified")
    table.add_column("photo", overflow="fold")
    table.add_column("island", overflow="fold")
    shown = ["location", "year", "cover_shown", *(["true_cover_percent"] if truth else []), "colonies", "px_per_cm"]
    for name in shown:
        table.add_column(_HEADINGS.get(name, name), justify="right")
    for step in STEPS:
        table.add_column(f"{step}\ns", justify="right")
    table.add_column("result", overflow="fold")
    for run in runs:
        row = _row(run, truth)
        look = ", to be looked at" if row.get("to_be_looked_at") else ""
        result = f"measured{look}" if run.succeeded else f"{row['status']}: {run.error or ''}"
        figures = [str(row.get(name, "")) for name in ("island", *shown)]
        table.add_row(run.photo.path.name, *figures, *(_seconds(run, step) for step in STEPS), result)
    return table


def print_notes(runs: Sequence[PhotographRun], demonstrations: str | None, console: Console) -> None:
    """Print why figures of the table are marked, each reason once, and which photographs are to be looked at.

    ``demonstrations`` is the sentence about all models in use that are demonstrations.
    """
    measured = [run for run in runs if run.succeeded]
    marks = [trust for run in measured if is_marked(trust := _segmentation(run).trust)]
    said = [demonstrations] if demonstrations else []
    said += [trust.sentence for trust in marks if not demonstrations or trust.state != DEMONSTRATION]
    for sentence in dict.fromkeys(said):
        console.print(f"{MARK} {sentence}", markup=False, highlight=False, soft_wrap=True)
    for run in measured:
        reasons = " ".join(_reasons(run))
        if reasons:
            text = f"{run.photo.path.name} ({run.photo.key}) is to be looked at - {reasons}"
            console.print(text, markup=False, highlight=False, soft_wrap=True)


def print_failures(runs: Sequence[PhotographRun], console: Console) -> None:
    """Print each photograph that did not end in a row, with its reason."""
    for run in runs:
        if not run.succeeded:
            word = "refused" if run.refused else "failed"
            console.print(
                f"{run.photo.path.name} ({run.photo.key}) {word} - {run.reason}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )


def write_results(runs: Sequence[PhotographRun], truth: Mapping[str, float], info: StackInfo, folder: Path) -> Path:
    """Write results.csv and the pictures of every photograph into `folder`; returns the CSV's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results.csv"
    columns = [*_COLUMNS, *(f"{step}_s" for step in STEPS), "status", "reason"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(_row(run, truth) for run in runs)
    s3 = Clients(info.endpoint, info.region).s3
    for run in runs:
        _write_pictures(run, s3, folder / "pictures" / _UNSAFE.sub("_", Path(run.photo.key).stem))
    return path


def _write_pictures(run: PhotographRun, s3: Any, folder: Path) -> None:
    for picture in shown_pictures():
        path = folder / f"{picture.name}{picture.extension}"
        ref = run.result.get(picture.writer, {}).get(picture.field)
        # A refused photograph must not show an earlier run's crop as its own.
        path.unlink(missing_ok=True)
        if ref is None:
            continue
        version = {"VersionId": ref["version_id"]} if ref.get("version_id") else {}
        try:
            body = s3.get_object(Bucket=ref["bucket"], Key=ref["key"], **version)["Body"].read()
        except ClientError:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


def _row(run: PhotographRun, truth: Mapping[str, float]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "photo": str(run.photo.path),
        "key": run.photo.key,
        "status": run.status.lower() if not run.refused else "refused",
        "reason": run.reason,
        **{f"{step}_s": _seconds(run, step) for step in STEPS},
    }
    if run.photo.path.name in truth:
        row["true_cover_percent"] = f"{truth[run.photo.path.name]:.2f}"
    if "restoration" in run.result:
        survey = run.result["restoration"]["survey"]
        row |= {name: survey[name] for name in ("island", "location", "year")}
    if run.succeeded:
        found = _segmentation(run)
        row["cover_percent"] = f"{found.cover_percent:.2f}"
        row["cover_shown"] = marked(cover_text(found.cover_percent, decimals((found.trust,))), found.trust)
        if found.trust is not None:
            row |= {"trust": found.trust.state, "trust_sentence": found.trust.sentence}
        row["to_be_looked_at"] = " ".join(_reasons(run))
        row["colonies"] = found.colony_count
        row["px_per_cm"] = f"{run.result['reframing']['px_per_cm']:.1f}"
    return row


def _reasons(run: PhotographRun) -> list[str]:
    found = _segmentation(run)
    grey = bool(run.result["restoration"]["source"].get("grey"))
    return reasons_to_look(found.to_be_looked_at, grey=grey, low_resolution=found.low_resolution)


def _segmentation(run: PhotographRun) -> SegmentationResult:
    return SegmentationResult.from_json(run.result["segmentation"])


def _seconds(run: PhotographRun, step: str) -> str:
    return f"{run.step_s[step]:.1f}" if step in run.step_s else ""


def _active_table(runs: Sequence[PhotographRun]) -> Table:
    table = Table.grid(padding=(0, 2))
    for run in [run for run in runs if run.status == ExecutionStatus.RUNNING][:_SHOWN_ACTIVE]:
        states = [f"{step} {_seconds(run, step)} s" for step in STEPS if step in run.step_s and step != run.step]
        table.add_row(run.photo.path.name, *states, f"[bold]{run.step} ...[/bold]")
    return table


def _line_printer(follower: Follower, console: Console) -> Callable[[], None]:
    told: set[str] = set()

    def changed() -> None:
        for run in follower.runs:
            if run.ended and run.photo.key not in told:
                told.add(run.photo.key)
                steps = ", ".join(f"{step} {_seconds(run, step)} s" for step in STEPS if step in run.step_s)
                state = "measured" if run.succeeded else "refused" if run.refused else "failed"
                line = f"[{len(told)}/{len(follower.runs)}] {run.photo.path.name}: {state} ({steps})"
                console.print(line, markup=False, highlight=False, soft_wrap=True)

    return changed
