"""What becomes of points when their photograph is deleted or gets another name; the survey must be locked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from reefsteps.precedence import Upload
from reefsteps.results import ObjectRef
from reefsteps.surveys import SurveyKey
from reefsteps.tables import point_set

Rows = list[dict[str, Any]]

_PHOTOGRAPH = ("island", "location", "year", "raw_bucket", "raw_key", "raw_version_id", "uploaded_at")


@dataclass(frozen=True)
class AnsweredPhotograph:
    """The version of a photograph that somebody has answered points on."""

    image: ObjectRef
    uploaded_at: str
    etag: str = ""  # versions tell photographs apart
    sequencer: str | None = None


def remove_points(connection: Connection, survey: SurveyKey, is_kept: Callable[[Upload], bool]) -> None:
    """Delete the survey's points, unless `is_kept` says that their photograph still exists."""
    c = point_set.c
    columns = c.raw_bucket, c.raw_key, c.raw_version_id, c.uploaded_at
    for bucket, key, version, uploaded_at in connection.execute(select(*columns).where(*_of(survey)).distinct()).all():
        if not is_kept(AnsweredPhotograph(ObjectRef(bucket, key, version or None), uploaded_at)):
            same = c.raw_key == key, c.raw_version_id == version
            connection.execute(delete(point_set).where(*_of(survey), *same))


def take_points(connection: Connection, survey: SurveyKey, version_id: str | None) -> Rows:
    """Delete the points on a version of a photograph, and return them without what names the photograph."""
    where = *_of(survey), point_set.c.raw_version_id == (version_id or "")
    rows = [dict(row) for row in connection.execute(select(point_set).where(*where)).mappings()]
    connection.execute(delete(point_set).where(*where))
    return [{name: value for name, value in row.items() if name not in _PHOTOGRAPH} for row in rows]


def give_points(
    connection: Connection, survey: SurveyKey, image: ObjectRef, uploaded_at: str, rows: Iterable[Mapping[str, Any]]
) -> None:
    """Write the points that `take_points` has returned for a photograph with its new name and version."""
    names = {"island": survey.island, "location": survey.location, "year": survey.year, "uploaded_at": uploaded_at}
    names |= {"raw_bucket": image.bucket, "raw_key": image.key, "raw_version_id": image.version_id or ""}
    for row in rows:
        connection.execute(insert(point_set), {**row, **names})


def _of(survey: SurveyKey) -> tuple[ColumnElement[bool], ...]:
    c = point_set.c
    return c.island == survey.island, c.location == survey.location, c.year == survey.year
