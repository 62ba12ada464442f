"""Which photograph of an ancestor's installation belongs to which row of its table, and what cannot be imported.

Pure decisions: photographs, rows and what is here already go in; pairs and reasons come out.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from importing.table_files import TableRow
from reefsteps.errors import InvalidSurveyKeyError
from reefsteps.results import ObjectRef, Record
from reefsteps.surveys import SurveyKey


@dataclass(frozen=True)
class Offered:
    """An object of the ancestor's installation."""

    ref: ObjectRef
    etag: str
    size_bytes: int

    @property
    def name(self) -> str:
        """The object's name without folders."""
        return self.ref.key.rpartition("/")[2]


@dataclass(frozen=True)
class Present:
    """What is here already of a quadrat in a year."""

    measured: bool = False  # ReefSteps has a result of its own
    imported: bool = False
    coverage: float | None = None  # of the row, whoever wrote it
    photographs: Mapping[str, str | None] = field(default_factory=dict)  # key -> etag of what it was imported from


@dataclass(frozen=True)
class Pair:
    """A photograph and its row, to be imported; `key` is the photograph's in the raw bucket."""

    survey: SurveyKey
    photo: Offered
    row: TableRow
    key: str
    copied: bool  # an earlier, interrupted import has copied the photograph


@dataclass(frozen=True)
class LeftOut(Record):
    """Something that is not imported, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class ImportPlan:
    """What an import will do."""

    pairs: tuple[Pair, ...]
    unchanged: tuple[SurveyKey, ...]  # imported before, with the same photograph and value
    left_out: tuple[LeftOut, ...]


def match(photos: Iterable[Offered], rows: Iterable[TableRow], present: Mapping[SurveyKey, Present]) -> ImportPlan:
    """Return which photograph and row are imported together; everything else is left out with its reason."""
    left_out: list[LeftOut] = []
    by_survey = _photographs(photos, left_out)
    row_of = _rows(rows, left_out)
    pairs, unchanged = [], []
    for survey in sorted(by_survey.keys() | row_of.keys()):
        photo, row, here = by_survey.get(survey), row_of.get(survey), present.get(survey, Present())
        if photo is None or row is None:
            left_out.append(_alone(survey, photo, row, by_survey.keys() if photo is None else row_of.keys()))
        elif _is_done(photo, row, here):
            unchanged.append(survey)
        elif (why := _against(photo, row, here)) is not None:
            left_out.append(LeftOut(photo.name, why))
        else:
            pairs.append(Pair(survey, photo, row, photo.name, copied=photo.name in here.photographs))
    return ImportPlan(tuple(pairs), tuple(unchanged), tuple(left_out))


def surveys_of(photos: Iterable[Offered], rows: Iterable[TableRow]) -> set[SurveyKey]:
    """Return every quadrat that an import could concern: what must be known of what is here already."""
    unused: list[LeftOut] = []
    return {*_photographs(photos, unused), *(row.survey for row in rows)}


def _photographs(photos: Iterable[Offered], left_out: list[LeftOut]) -> dict[SurveyKey, Offered]:
    found: dict[SurveyKey, list[Offered]] = defaultdict(list)
    for photo in photos:
        if photo.size_bytes == 0:
            left_out.append(LeftOut(photo.name, "The file is empty."))
            continue
        try:
            found[SurveyKey.parse(photo.name)].append(photo)
        except InvalidSurveyKeyError as error:
            left_out.append(LeftOut(photo.name, str(error)))
    for survey, same in found.items():
        if len(same) > 1:
            names = ", ".join(sorted(photo.ref.key for photo in same))
            left_out.append(LeftOut(str(survey), f"There are {len(same)} photographs of it: {names}. Keep one."))
    return {survey: same[0] for survey, same in found.items() if len(same) == 1}


def _rows(rows: Iterable[TableRow], left_out: list[LeftOut]) -> dict[SurveyKey, TableRow]:
    found: dict[SurveyKey, list[TableRow]] = defaultdict(list)
    for row in rows:
        if row.coverage is None:
            left_out.append(LeftOut(f"line {row.line}, {row.survey}", "The row holds no coverage."))
        else:
            found[row.survey].append(row)
    for survey, same in found.items():
        if len({(row.coverage, row.last_update) for row in same}) > 1:
            lines = ", ".join(str(row.line) for row in same)
            left_out.append(LeftOut(str(survey), f"The table has different rows of it, in lines {lines}. Keep one."))
    return {
        survey: same[0] for survey, same in found.items() if len({(row.coverage, row.last_update) for row in same}) == 1
    }


def _alone(survey: SurveyKey, photo: Offered | None, row: TableRow | None, others: Iterable[SurveyKey]) -> LeftOut:
    alike = [other for other in others if other != survey and _plain(other) == _plain(survey)]
    hint = f" {alike[0]} differs only in case or accents: give both the same name." if alike else ""
    if photo is None:
        line = "" if row is None else f"line {row.line}, "
        return LeftOut(f"{line}{survey}", f"No photograph has this name.{hint}")
    return LeftOut(photo.name, f"The table has no row for it. Upload the photograph to have it measured.{hint}")


def _plain(survey: SurveyKey) -> tuple[int, str, int]:
    letters = unicodedata.normalize("NFKD", survey.island.casefold())
    return survey.year, "".join(filter(str.isalnum, letters)), survey.location


def _is_done(photo: Offered, row: TableRow, here: Present) -> bool:
    return here.imported and here.coverage == row.coverage and here.photographs.get(photo.name) == photo.etag


def _against(photo: Offered, row: TableRow, here: Present) -> str | None:
    if here.measured:
        return "ReefSteps has measured it; its own result stays."
    if here.coverage is not None and here.coverage != row.coverage:
        who = "An earlier import" if here.imported else "The database"
        return f"{who} has {here.coverage:g} %, the table {row.coverage:g} % (line {row.line}): correct one of them."
    for key, etag in here.photographs.items():
        if key != photo.name or etag is None:
            return f"A photograph of it is here already, as {key}. Delete that one first."
        if etag != photo.etag:
            return "Another photograph was imported under this name before. Delete that one first."
    return None
