"""``python -m local points``: points of other programs onto measured photographs, written by the points function."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from local.provision import Clients
from local.stack_info import StackInfo
from reefsteps.database import Database
from reefsteps.errors import InvalidParameterError, PointsRefusedError
from reefsteps.point_queries import measured_photographs
from reefsteps.points.answers import NAMES, READY, LabelTable, read_table, table_for
from reefsteps.points.files import PhotoPoints, read_points
from reefsteps.points.matching import Planned, PointPlan, labels_without_answer, plan
from reefsteps.points.picture_names import TABLES
from reefsteps.points.point_sets import Selection
from reefsteps.points.sizes import read_sizes

_HANDLER = "points.app.handler"
MOST_BYTES = 5_500_000  # Lambda takes 6 MB in a call

Say = Callable[[str], None]


def run(info: StackInfo, options: argparse.Namespace, console: Console, agree: Callable[[str], bool]) -> bool:
    """Show what would be imported, ask, and import it all at once; returns whether nothing was left out.

    Raises SpreadsheetError and InvalidParameterError for files that cannot be read, PointsRefusedError where nothing
    could be written.
    """

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    drawn = Selection.BY_HAND if options.hand_picked else Selection.AT_RANDOM
    photos = [photo for path in _files(options.files) for photo in read_points(path.read_bytes(), path.name)]
    table = _table(photos, options.labels, say)
    if table is None:
        return False
    sizes = read_sizes(options.sizes.read_bytes(), options.sizes.name) if options.sizes else None
    with Database(info.database_url).read() as connection:
        measured = measured_photographs(connection)
    planned = plan(photos, measured, table, annotator=options.annotator, drawn=drawn, sizes=sizes)
    _show(planned, table, photos, drawn, say)
    if not planned.planned:
        say("Nothing can be imported.")
        return False
    if not agree(f"Import the points of {_photographs(len(planned.planned))}? [y/N] "):
        say("Nothing was imported.")
        return False
    outcome = _send(Clients(info.endpoint, info.region), info.functions[_HANDLER], planned)
    say(f"Points of {_photographs(outcome['written'])} imported, {outcome['replaced']} in place of earlier ones.")
    return not planned.not_matched


def _files(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.suffix.lower().lstrip(".") in TABLES)
            if not inside:
                raise InvalidParameterError(f"{path} holds no file of points ({', '.join(TABLES)}).")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise InvalidParameterError(f"There is no file {path}.")
    return found


def _table(photos: Sequence[PhotoPoints], path: Path | None, say: Say) -> LabelTable | None:
    """Return the table that knows all labels; None, after saying which have no answer."""
    table = read_table(path.read_bytes(), path.name) if path else table_for(labels_without_answer(photos, None))
    missing = labels_without_answer(photos, table)
    if table is not None and not missing:
        return table
    ready = "" if path else f" The ready tables ({', '.join(one.name for one in READY)}) do not know all of them."
    say(
        f"{len(missing)} labels have no answer: {', '.join(missing)}.{ready} Nothing was imported. Write a CSV file "
        f"with the columns label and answer ({', '.join(NAMES.values())}), and give it with --labels."
    )
    return None


def _show(planned: PointPlan, table: LabelTable, photos: Sequence[PhotoPoints], drawn: Selection, say: Say) -> None:
    if labels := labels_without_answer(photos, None):
        say(f"Labels, by the table '{table.name}':")
        for answer, name in NAMES.items():
            said = [label for label in labels if table.answer(label) is answer]
            say(f"  {name}: {', '.join(said) or '-'}")
    for one in planned.planned:
        say(f"{one.file} -> {one.points.raw_key}: {_words(one)}")
    for left in planned.not_matched:
        say(f"Not imported: {left.what}: {left.why}")
    outside = sum(one.outside for one in planned.planned)
    say(
        f"{_photographs(len(planned.planned))} with {sum(one.inside for one in planned.planned):,} points in their "
        f"quadrats; {outside:,} points beside them do not count. Left out: {len(planned.not_matched)}."
    )
    if drawn is Selection.AT_RANDOM:
        say("They count as drawn at random, or as all of their island and year. If a person chose them: --hand-picked.")
    else:
        say("They count as chosen by hand, so no interval uses them.")


def _photographs(number: int) -> str:
    return f"{number:,} photograph{'' if number == 1 else 's'}"


def _words(one: Planned) -> str:
    counts = [f"{one.points.answers.count(answer.value)} {name}" for answer, name in NAMES.items()]
    beside = f", {one.outside} beside the quadrat" if one.outside else ""
    return f"{', '.join(counts)}{beside}; {one.points.source}, {one.points.annotator}"


def _send(clients: Clients, function: str, planned: PointPlan) -> Mapping[str, Any]:
    body = json.dumps({"sets": [one.points.to_json() for one in planned.planned]}).encode()
    if len(body) > MOST_BYTES:
        raise InvalidParameterError(
            f"The points are {len(body) / 1e6:.1f} MB, more than one call takes: import the files in parts."
        )
    answer = clients.functions.invoke(FunctionName=function, Payload=body)
    outcome: dict[str, Any] = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise PointsRefusedError(str(outcome.get("errorMessage")))
    return outcome
