"""What `process` is about to send: shown, completed or refused, and agreed to before anything is written."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from local.photos import Photo, PhotoListError
from reefsteps.surveys import SurveyKey, survey_of

_REMEDIES = {
    "island": "--island NAME",
    "year": "--year YEAR",
    "position": "a position in the file's name, --pattern with one name as an example",
}
_DEFAULT_SIDE = "default: the stack's own size, 100 cm as it comes. Areas in cm2 depend on it; --side says another."
_YES = frozenset({"y", "yes", "o", "oui"})


def plan_table(photos: Sequence[Photo], there: Mapping[SurveyKey, Sequence[str]] | None = None) -> Table:
    """Return what happens to each file: its key, where each value came from, and what to look at.

    ``there`` holds the keys under which the raw bucket already has a photograph of a survey.
    """
    unsaid = any(photo.side is None for photo in photos)
    table = Table(title="What will be sent", caption=_DEFAULT_SIDE if unsaid else None)
    for heading in ("file", "key", "side\ncm", "where it came from", "notes"):
        table.add_column(heading, overflow="fold")
    for photo in photos:
        survey = survey_of(photo.key)
        replaced = (there or {}).get(survey, ()) if survey is not None else ()
        notes = [photo.problem, f"Replaces {', '.join(replaced)}." if replaced else None, *photo.identity.notes]
        cells = (
            str(photo.path),
            photo.key,
            str(photo.side or "default"),
            photo.identity.told_sources,
            " ".join(filter(None, notes)),
        )
        table.add_row(*map(Text, cells))
    return table


def refuse_unknown(photos: Sequence[Photo], console: Console) -> None:
    """Show the plan and stop where something is not known of any photograph; nothing is sent half.

    Raises:
        PhotoListError: says how many, and how to say what is missing.
    """
    unknown = [photo for photo in photos if photo.problem]
    if not unknown:
        return
    console.print(plan_table(photos))
    missing = {name for photo in unknown for name in photo.identity.missing}
    remedies = [f"{name}: {remedy}" for name, remedy in _REMEDIES.items() if name in missing]
    told = f" Say it by {'; '.join(remedies)}; or by a CSV with the columns file, year, island and position."
    raise PhotoListError(
        f"{len(unknown)} of {len(photos)} photographs cannot be sent as they are; nothing was sent.{told}"
    )


def refuse_without_terminal(photos: Sequence[Photo], console: Console, *, yes: bool) -> None:
    """Stop where nobody can be asked; raises PhotoListError."""
    if yes or sys.stdin.isatty():
        return
    console.print(plan_table(photos))
    raise PhotoListError("Nothing was sent, because there is no terminal for the question: add --yes to send this.")


def refuse_other_keys(photos: Sequence[Photo], there: Mapping[SurveyKey, Sequence[str]]) -> None:
    """Stop where a survey's photograph lies under another key: both would stay, and the later would count.

    Raises:
        PhotoListError: names each.
    """
    taken = []
    for photo in photos:
        survey = survey_of(photo.key)
        others = [key for key in there.get(survey, ()) if key != photo.key] if survey is not None else []
        taken += [f"{photo.path}: the position already has {key}." for key in others]
    if taken:
        raise PhotoListError("\n".join([*taken, "Nothing was sent. Delete these first, or leave the files out."]))


def agreed(photos: Sequence[Photo], there: Mapping[SurveyKey, Sequence[str]], console: Console, *, yes: bool) -> bool:
    """Show the plan and return whether it is to be carried out."""
    console.print(plan_table(photos, there))
    if yes:
        return True
    try:
        answer = console.input(f"Send {len(photos)} photograph{'s' if len(photos) > 1 else ''}? [y/N] ", markup=False)
    except EOFError:
        return False
    return answer.strip().lower() in _YES
