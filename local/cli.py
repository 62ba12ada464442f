"""The command line: ``python -m local --help`` is the full interface."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from local.photos import Photo
    from local.processing import PhotographRun

from local.borrowing import a_stack
from local.point_arguments import add_arguments
from local.stack import StackOptions, serve
from local.stack_info import STATE, StackInfo, StackRunningError, is_locked, running
from local.terminal import command, explain_os_error, report_crash
from scripts import backfill_options

_PAGE_PORT = 8501
_LAST_PORT = 65_535
_PIPE_WIDTH = 160
_OUTPUT = Path("demo-output")

_DESCRIPTION = """\
ReefSteps on one Linux machine, without Docker and without an AWS account: the deployed template, state machines and
Lambda handlers, on moto and AWS's Lambda Runtime Interface Emulator. State is kept in .local-stack/.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 for success, 1 when something failed, 2 for a wrong call."""
    from local.provision import isolate_environment

    options = _parser().parse_args(arguments)
    isolate_environment()
    # A pipe has no width; the table needs this much.
    console = Console() if sys.stdout.isatty() else Console(width=_PIPE_WIDTH)
    try:
        status: int = options.run(options, console)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        _explain(error, options.state)
        return 1
    return status


def _explain(error: Exception, state: Path) -> None:
    """Print one sentence about what stopped the command; a traceback goes to a file."""

    def say(text: str) -> None:
        Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)

    if _is_expected(error):
        say(str(error))
    elif isinstance(error, OSError):
        say(explain_os_error(error))
    else:
        report_crash(error, state, say)


def _is_expected(error: Exception) -> bool:
    """Whether the message alone tells the user what to do."""
    from botocore.exceptions import ConnectionClosedError, EndpointConnectionError

    from local.lambda_emulator import EmulatorMissingError
    from local.moto_gaps import MotoChangedError
    from local.photos import PhotoListError
    from local.template import TemplateError
    from reefsteps.errors import ReefStepsError

    ours = (ReefStepsError, MotoChangedError, PhotoListError, EmulatorMissingError, TemplateError, StackRunningError)
    # The last two: the stack that the command talks to was stopped meanwhile.
    return isinstance(error, (*ours, ConnectionClosedError, EndpointConnectionError))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=command(""), description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = _command(commands, "up", _up, "start the stack and the page, and stay until Ctrl-C")
    up.add_argument("--port", type=_port, default=0, help="of the AWS endpoint; 0 (the default) takes a free one")
    up.add_argument("--page-port", type=_port, default=_PAGE_PORT, help=f"of the page; {_PAGE_PORT} unless it is taken")
    up.add_argument("--no-page", action="store_true", help="do not start the page")
    process = _command(commands, "process", _process, "send photographs through the pipeline and show what comes out")
    process.add_argument(
        "photos",
        nargs="+",
        type=Path,
        metavar="PHOTOS",
        help="files, folders, or a CSV (columns file and key, or file, year, island and location; side_cm)",
    )
    process.add_argument("--island", metavar="NAME", help="of all photographs; counts before their names")
    process.add_argument("--year", metavar="YEAR", help="of all photographs; counts before their names and EXIF dates")
    process.add_argument("--side", metavar="CM", help="the quadrat's inner side: 100, 70.7, or '50 x 75'")
    process.add_argument(
        "--pattern",
        metavar="EXAMPLE",
        help="one name with its parts marked: 'TakP{position=07}A{year=12}.jpg'; names of its form are read like it",
    )
    process.add_argument("--yes", action="store_true", help="send what the plan shows without asking")
    demo = _command(commands, "demo", _demo, "the same with sample photographs whose true cover is known")
    demo.add_argument("photos", nargs="*", type=Path, metavar="PHOTOS", help="your own instead of the samples")
    for sender in (process, demo):
        sender.add_argument("--output", type=Path, default=_OUTPUT, help=f"folder for CSV and pictures ({_OUTPUT})")
    import_ = _command(commands, "import", _import, "take over an earlier program's photographs and table unmeasured")
    import_.add_argument("photos", metavar="PHOTOS", help="a folder, or s3://bucket/prefix of the running stack")
    import_.add_argument("--table", type=Path, required=True, help="its coral_coverage as CSV, or as SQL of mysqldump")
    import_.add_argument(
        "--dry-run", action="store_true", help="only list what would be imported, and what not and why"
    )
    relabel = _command(commands, "relabel", _relabel, "give photographs other names, sizes or facts, without a new run")
    relabel.add_argument("list", type=Path, metavar="FILE.csv", help="columns old, new, size_cm, site, depth_m, ...")
    relabel.add_argument("--yes", action="store_true", help="change what the list says without asking")
    points = add_arguments(_command(commands, "points", _points, "import points that people answered on photographs"))
    smoke = _command(
        commands, "smoke", _smoke, "send a drawn photograph through the stack, compare, and remove it again"
    )
    for starter in (up, process, demo, import_, relabel, points, smoke):
        starter.add_argument(
            "--database-url", metavar="URL", help="mysql+pymysql://user:password@host:3306/name instead of SQLite"
        )
        starter.add_argument(
            "--convert",
            action="store_true",
            help="give an existing coral_coverage the collation and engine that it needs; a copy of it is kept",
        )
    retry = _command(commands, "retry", _retry, "start failed runs of a running stack again, at the step that failed")
    retry.add_argument("--error", help="only runs that failed with this error, refusals included")
    retry.add_argument("--since", help="only runs that began after this: 2026-05-01, or an age such as 12h or 3d")
    retry.add_argument("--yes", action="store_true", help="start without asking")
    backfill_options.add_options(_command(commands, "backfill", _backfill, "measure photographs again, all or some"))
    _command(commands, "status", _status, "say what runs and what is kept")
    _command(commands, "reset", _reset, "delete everything that the stack keeps")
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= _LAST_PORT):
        raise argparse.ArgumentTypeError(f"'{text}' is no port: type a whole number from 0 to {_LAST_PORT}.")
    return int(text)


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, run: object, help_text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_text, description=help_text.capitalize() + ".")
    parser.add_argument(
        "--state", type=Path, default=STATE, help="folder for buckets, database and logs (.local-stack)"
    )
    parser.set_defaults(run=run)
    return parser


def _up(options: argparse.Namespace, console: Console) -> int:
    stack = StackOptions(
        state=options.state,
        database_url=options.database_url,
        convert=options.convert,
        port=options.port,
        page_port=None if options.no_page else options.page_port,
    )
    serve(stack, say=lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True))
    return 0


def _process(options: argparse.Namespace, console: Console) -> int:
    from local import plan
    from local.photos import find_photos, typed_for_all
    from reefsteps.file_name_pattern import NamePattern

    pattern = NamePattern.parse(options.pattern) if options.pattern else None
    typed = typed_for_all(island=options.island, year=options.year, side=options.side)
    photos = find_photos(options.photos, typed=typed, pattern=pattern)
    plan.refuse_unknown(photos, console)
    plan.refuse_without_terminal(photos, console, yes=options.yes)
    runs = _send(options, photos, {}, console, agree=_asked(photos, console, yes=options.yes))
    return 0 if runs and all(run.succeeded for run in runs) else 1


def _demo(options: argparse.Namespace, console: Console) -> int:
    """A photograph that is refused with a reason is a result; anything else that fails is a failure of the demo."""
    from local.photos import counted_for_demo, find_photos
    from local.samples import make_samples

    if options.photos:
        found = find_photos(options.photos)
        photos = counted_for_demo(found)
        made = sum(photo.problem is not None for photo in found)
        if made:
            console.print(
                f"{made} of {len(found)} names do not say island, year and position. The demo files these under the "
                "island 'Demo' and the folder's name, and numbers them in the order of their names. To keep results, "
                f"use {command('process')}.",
                highlight=False, markup=False, soft_wrap=True,
            )  # fmt: skip
        runs = _send(options, photos, {}, console, agree=_asked(photos, console, yes=True))
    else:
        with console.status("Drawing the sample photographs"):
            photos, truth = make_samples(options.output / "photos")
        runs = _send(options, photos, truth, console, agree=lambda _: True)
    console.print(f"See them on the page: {command('up')}", highlight=False, markup=False, soft_wrap=True)
    return 0 if all(run.succeeded or run.refused for run in runs) else 1


def _import(options: argparse.Namespace, console: Console) -> int:
    """Print what was imported and what was not; status 1 if anything was left out."""
    from local.importing import run_import

    with a_stack(options, console) as info, console.status("Importing") as status:
        outcome = run_import(info, options.photos, options.table, dry_run=options.dry_run, progress=status.update)
    done = "Imported" if outcome["written"] else "Would be imported:"
    lines = [f"{done} {len(outcome['imported'])}, imported before {outcome['unchanged']}."]
    lines += [f"Not imported: {left['what']}: {left['why']}" for left in outcome["left_out"]]
    if (more := outcome["left_out_count"] - len(outcome["left_out"])) > 0:
        lines.append(f"Not imported: {more} more.")
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    return 0 if outcome["left_out_count"] == 0 else 1


def _relabel(options: argparse.Namespace, console: Console) -> int:
    """Print what the list changes and what not; status 1 if anything of it was not done."""
    from local.relabelling import relabel

    with a_stack(options, console) as info:
        done = relabel(
            info,
            options.list,
            agree=lambda question: options.yes or _agreed(question),
            say=lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True),
        )
    return 0 if done else 1


def _points(options: argparse.Namespace, console: Console) -> int:
    from local.points import run

    with a_stack(options, console) as info:
        return 0 if run(info, options, console, agree=lambda asked: options.yes or _agreed(asked)) else 1


def _smoke(options: argparse.Namespace, console: Console) -> int:
    from local.smoke import run

    with a_stack(options, console) as info:
        run(info, lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True))
    return 0


def _asked(photos: list[Photo], console: Console, *, yes: bool) -> Callable[[StackInfo], bool]:
    """Return what compares the photographs with the stack's own, shows the plan and asks."""
    from local import plan
    from local.processing import originals_there

    def agree(info: StackInfo) -> bool:
        there = originals_there(info, photos)
        plan.refuse_other_keys(photos, there)
        return plan.agreed(photos, there, console, yes=yes)

    return agree


def _send(
    options: argparse.Namespace,
    photos: list[Photo],
    truth: dict[str, float],
    console: Console,
    agree: Callable[[StackInfo], bool],
) -> list[PhotographRun]:
    from local.model_files import READY, demonstrations
    from local.processing import Follower
    from local.report import follow, print_failures, print_notes, results_table, write_results

    with a_stack(options, console) as info:
        missing = {name: why for name, why in info.models.items() if why != READY}
        for name, why in missing.items():
            console.print(f"The model {name} is not ready, so no photograph can be measured: {why}", markup=False)
        if missing:
            raise SystemExit(1)
        if not agree(info):
            console.print("Nothing was sent.")
            return []
        runs = follow(Follower(info, photos), console)
        table = write_results(runs, truth, info, options.output)
        said = demonstrations(info)
    console.print(results_table(runs, truth))
    print_notes(runs, said, console)
    print_failures(runs, console)
    measured = sum(run.succeeded for run in runs)
    console.print(f"{measured} of {len(runs)} measured. Table: {table}; pictures: {table.parent / 'pictures'}")
    return runs


def _status(options: argparse.Namespace, console: Console) -> int:
    info = running(options.state)
    if info is None:
        what = "is starting or stopping" if is_locked(options.state) else "does not run"
        kept = options.state if options.state.exists() else "nothing"
        console.print(f"The stack {what}. Kept: {kept}", highlight=False)
        return 1
    from local.provision import Clients

    clients = Clients(info.endpoint, info.region)
    console.print(
        f"AWS endpoint  {info.endpoint} (region {info.region})\nPage          {info.page_url or 'not started'}"
    )
    console.print(
        f"Database      {info.database_url}\nProcess       {info.pid}\nLogs          {options.state / 'logs'}"
    )
    for name, state in info.models.items():
        console.print(f"Model         {name}: {state}", markup=False)
    for name, arn in info.state_machines.items():
        counts = _execution_counts(clients, arn)
        console.print(
            f"{name:<13} {', '.join(f'{n} {status.lower()}' for status, n in counts.items()) or 'no executions'}"
        )
    return 0


def _retry(options: argparse.Namespace, console: Console) -> int:
    from local.provision import Clients
    from reefsteps.retries import RunHistory, offer

    info = _running(options)
    runs = RunHistory(Clients(info.endpoint, info.region).stepfunctions, info.state_machines["Pipeline"])
    done = offer(
        runs,
        options.error,
        options.since,
        agree=lambda question: options.yes or _agreed(question),
        say=lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True),
    )
    return 0 if done else 1


def _backfill(options: argparse.Namespace, console: Console) -> int:
    from local.reprocessing import reprocess

    return reprocess(_running(options), options, console, agree=lambda question: options.yes or _agreed(question))


def _running(options: argparse.Namespace) -> StackInfo:
    info = running(options.state)
    if info is None:
        raise StackRunningError(f"The stack does not run: start it with `{command('up')}`.")
    return info


def _agreed(question: str) -> bool:
    """Ask; no answer is a no."""
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _execution_counts(clients: Any, arn: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    pages = clients.stepfunctions.get_paginator("list_executions").paginate(stateMachineArn=arn)
    for page in pages:
        for execution in page["executions"]:
            counts[execution["status"]] = counts.get(execution["status"], 0) + 1
    return counts


def _reset(options: argparse.Namespace, console: Console) -> int:
    import shutil

    if is_locked(options.state):
        raise StackRunningError("The stack runs: stop it first (Ctrl-C where `up` was started).")
    if options.state.exists() and not (options.state / "journal.sqlite").exists():
        raise StackRunningError(f"{options.state} is no state folder of the local stack; nothing was deleted.")
    shutil.rmtree(options.state, ignore_errors=True)
    console.print(f"Deleted {options.state}", highlight=False)
    return 0
