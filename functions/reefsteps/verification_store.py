"""Writing and reading what people verify on the page: draws of photographs, and answers as they come in."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from reefsteps.coverage_queries import photographs_of_results
from reefsteps.coverage_store import lock_surveys, timestamp, where_survey
from reefsteps.database import Database
from reefsteps.errors import InvalidParameterError, PointsRefusedError
from reefsteps.point_store import read_set, refuse_changed, replace_set
from reefsteps.points.answers import UNANSWERED
from reefsteps.points.batches import AnswerBatch
from reefsteps.points.draws import Draw, DrawRequest, in_order
from reefsteps.points.point_sets import PointSet
from reefsteps.surveys import SurveyKey
from reefsteps.tables import coverage_provenance, point_set, verification_draw
from reefsteps.text_columns import fitted


@dataclass(frozen=True)
class SetUnderWay:
    """A person's set on a version of a photograph, complete or not, without its points."""

    survey: SurveyKey
    raw_version_id: str | None
    annotator: str
    source: str
    drawn: str
    answered: int
    points: int
    recorded_at: str

    @property
    def is_complete(self) -> bool:
        """Whether every point has an answer."""
        return self.answered == self.points


def record_answers(database: Database, batch: AnswerBatch) -> AnswerBatch:
    """Keep the answers of a batch and return the person's whole set as it is now; a batch sent twice changes nothing.

    Raises InvalidParameterError, PointsRefusedError (as `point_store.record_points`, and where the person began with
    other points) and DatabaseUnavailableError.
    """
    batch.check()
    survey = batch.points.survey

    def work(connection: Connection) -> AnswerBatch:
        lock_surveys(connection, [survey])
        photographs = photographs_of_results(connection, [survey])
        refuse_changed(connection, [batch.points], photographs)
        kept = answers_of(connection, batch.points)
        try:
            now = batch if kept is None else kept.merged(batch)
        except InvalidParameterError as error:
            raise PointsRefusedError(f"{error} Reload the page. No point was kept.") from error
        if now != kept:
            now = replace(now, points=replace(now.points, annotated_at=_last_answer(now)))
            replace_set(connection, now.points, photographs[survey], now.at_ms)
        return now

    return database.write(work)


def _last_answer(batch: AnswerBatch) -> str | None:
    """Return when the last point was answered, in whole seconds of UTC; None for a time that no clock shows."""
    try:
        return datetime.fromtimestamp(max(batch.at_ms) / 1000, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return None


def answers_of(connection: Connection, who: PointSet) -> AnswerBatch | None:
    """Return what the person of a set has answered on its version of the photograph so far; None for nothing."""
    c = point_set.c
    same = c.raw_version_id == (who.raw_version_id or ""), c.set_id == who.set_id
    row = connection.execute(select(point_set).where(*where_survey(point_set, who.survey), *same)).mappings().first()
    return None if row is None else _batch(row)


def answers_on(connection: Connection, survey: SurveyKey) -> list[AnswerBatch]:
    """Return what each person has answered on the survey's photographs, complete or not, in the order of writing."""
    c = point_set.c
    query = select(point_set).where(*where_survey(point_set, survey)).order_by(c.recorded_at, c.set_id)
    return [_batch(row) for row in connection.execute(query).mappings()]


def _batch(row: Mapping[Any, Any]) -> AnswerBatch:
    one = read_set(row)
    return AnswerBatch(one, tuple(row["points"].get("at_ms") or (0,) * len(one.answers)))


def record_draw(database: Database, wanted: DrawRequest) -> Draw:
    """Draw the photographs of an island and year, once; returns the draw, the earlier one where there is one.

    Raises InvalidParameterError, PointsRefusedError where there is no photograph, DatabaseUnavailableError.
    """
    wanted.check()

    def work(connection: Connection) -> Draw:
        earlier = draw_of(connection, wanted.island, wanted.year)
        if earlier is not None:
            return earlier
        p = coverage_provenance.c
        here = p.island == wanted.island, p.year == wanted.year
        positions = connection.execute(select(p.location).where(*here)).scalars().all()
        if not positions:
            raise PointsRefusedError(f"{wanted.island} {wanted.year} has no photograph with a result to draw from.")
        seed = secrets.token_hex(8)
        drawn = Draw(**vars(wanted), seed=seed, drawn_at=timestamp(), positions=tuple(in_order(seed, positions)))
        connection.execute(insert(verification_draw), fitted(verification_draw, drawn.to_json()))
        return drawn

    return database.write(work)


def draw_of(connection: Connection, island: str, year: int) -> Draw | None:
    """Return the draw of an island and year; None where there was none."""
    d = verification_draw.c
    query = select(verification_draw).where(d.island == island, d.year == year)
    row = connection.execute(query).mappings().first()
    return None if row is None else Draw.from_json(dict(row))


def sets_under_way(connection: Connection, island: str, year: int) -> list[SetUnderWay]:
    """Return the sets on photographs of an island and year, complete or not, in the order of writing."""
    c = point_set.c
    columns = c.location, c.raw_version_id, c.annotator, c.source, c.drawn, c.answers, c.recorded_at
    query = select(*columns).where(c.island == island, c.year == year).order_by(c.recorded_at, c.set_id)
    return [
        SetUnderWay(
            SurveyKey(year, island, row.location),
            row.raw_version_id or None,
            row.annotator,
            row.source,
            row.drawn,
            len(row.answers) - row.answers.count(UNANSWERED),
            len(row.answers),
            row.recorded_at,
        )
        for row in connection.execute(query)
    ]
