"""A reef of measured photographs on moto and SQLite, what can be seen of it, and the function that relabels them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from reefsteps.coverage_store import record_result
from reefsteps.database import Database
from reefsteps.derived_objects import CORNERS
from reefsteps.point_store import point_sets, record_points
from reefsteps.surveys import SurveyKey
from reefsteps.tables import colony, coral_coverage, coverage_provenance, point_set, survey_fields
from tests.support.handlers import BUCKETS, loaded
from tests.support.pipeline_records import leave_objects, points_on, result

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RAW = "reef-raw"
A, B, C, D = (SurveyKey(2012, "E2B", number) for number in (1, 2, 3, 4))
FREE = SurveyKey(2013, "Mo'orea Été", 7)
# New with every copy; all else must be the former again.
_OF_A_COPY = {"version_id", "etag", "uploaded_at", "sequencer", "source_version_id", "source_etag"}


class Crash(BaseException):
    """The function's process dies; nothing may catch it."""


@dataclass
class World:
    """Buckets and database, with the function loaded against them."""

    s3: S3Client
    database: Database
    app: ModuleType

    def photograph(self, survey: SurveyKey, *, extension: str = "jpg", key: str | None = None, **meta: str) -> str:
        """Upload a photograph with a content of its own; returns the version."""
        key = key or survey.key(extension)
        body = f"photograph {survey.stem} {extension}".encode()
        answer = self.s3.put_object(Bucket=RAW, Key=key, Body=body, ContentType="image/jpeg", Metadata=meta)
        return answer["VersionId"]

    def measured(
        self,
        survey: SurveyKey,
        *,
        extension: str = "jpg",
        cover: float = 12.34,
        corners: bool = False,
        again: bool = False,
    ) -> str:
        """Upload a photograph and leave everything that the pipeline leaves of it; returns the version."""
        version = self.photograph(survey, extension=extension)
        head = self.s3.head_object(Bucket=RAW, Key=survey.key(extension))
        done = result(
            survey=survey,
            version=version,
            key=survey.key(extension),
            uploaded_at=head["LastModified"].isoformat(),
            cover=cover,
            started_at=f"202{7 if again else 6}-01-01T10:00:05.000Z",  # tells uploads of one second apart
        )
        source = dataclasses.replace(done.source, etag=head["ETag"].strip('"'))
        reframing = dataclasses.replace(done.reframing, manual=corners)
        done = dataclasses.replace(
            done, restoration=dataclasses.replace(done.restoration, source=source), reframing=reframing
        )
        writer = leave_objects(done)
        if corners:
            own = {"source_version_id": version, "source_etag": done.source.etag}
            value = {"corners_px": [[1, 2], [3, 2], [3, 4], [1, 4]]} | own
            writer.put_json(CORNERS, value)
        assert record_result(self.database, done).written
        record_points(self.database, [points_on(done)])
        return version

    def relabel(self, name: str, **given: Any) -> dict[str, Any]:
        """Do what the state machine does, one group after the other; returns the answers by group."""
        event = {"execution": {"name": name}, "input": given}
        registered = self.app.handler(event | {"action": "register"}, None)
        answers = {}
        for group in registered["groups"]:
            task = {"action": "carry_out", "relabelling_id": registered["relabelling_id"], "group": group}
            answers[group] = self.app.handler(event | task, None)
        return answers

    def entries(self, name: str) -> list[tuple[str, str, str | None]]:
        """Return old name, state and reason of each entry of the journal."""
        from reefsteps.tables import relabelled_photo as t

        with self.database.read() as connection:
            rows = connection.execute(select(t).where(t.c.relabelling_id == name).order_by(t.c.number)).all()
        return [(SurveyKey(row.year, row.island, row.location).stem, row.state, row.reason) for row in rows]

    def objects(self) -> dict[str, Any]:
        """Return the content of every current object; records without what every copy has anew."""
        found = {}
        for bucket in BUCKETS:
            for item in self.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
                body = self.s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
                is_record = item["Key"].endswith(".json")
                found[f"{bucket}/{item['Key']}"] = _lasting(json.loads(body)) if is_record else body
        return found

    def rows(self) -> dict[str, list[Any]]:
        """Return the rows of the tables that follow a photograph, without what every copy has anew."""
        with self.database.read() as connection:
            return {
                table.name: [
                    _lasting({k: v for k, v in row.items() if k != "raw_version_id"})
                    for row in connection.execute(select(table).order_by(*table.primary_key.columns)).mappings()
                ]
                for table in (coral_coverage, coverage_provenance, colony, survey_fields, point_set)
            }

    def seen(self) -> Any:
        """Return all that people and programs can see."""
        return self.objects(), self.rows()

    def assert_consistent(self) -> None:
        """Every row names the current photograph of its survey, and so does everything that was made from it."""
        with self.database.read() as connection:
            rows = connection.execute(select(coverage_provenance)).all()
            points = point_sets(connection)
        versions = {(row.island, row.location, row.year): (row.raw_key, row.raw_version_id) for row in rows}
        for one in points:
            assert versions[one.island, one.location, one.year] == (one.raw_key, one.raw_version_id)
        for row in rows:
            survey = SurveyKey(row.year, row.island, row.location)
            head = self.s3.head_object(Bucket=RAW, Key=row.raw_key)
            assert SurveyKey.parse(row.raw_key) == survey
            assert head["VersionId"] == row.raw_version_id
            source = row.restoration["source"]
            assert (source["image"]["version_id"], source["etag"]) == (head["VersionId"], head["ETag"].strip('"'))
            for step, name in (("treated", "restoration"), ("reframed", "reframing"), ("segmented", "segmentation")):
                stored = json.loads(
                    self.s3.get_object(Bucket=f"reef-{step}", Key=f"results/{survey.stem}.json")["Body"].read()
                )
                assert stored["source"] == source
                record = getattr(row, name)
                assert stored["execution"]["name"] == row.execution_name
                assert _comparable(record) == _comparable(stored)
                for ref in _references(record):
                    there = self.s3.head_object(Bucket=ref["bucket"], Key=ref["key"])
                    if ref["bucket"] != RAW:
                        assert there["Metadata"]["source-version-id"] == head["VersionId"]
                        assert there.get("VersionId") == ref["version_id"] or ref["version_id"] is None


def _comparable(record: dict[str, Any]) -> dict[str, Any]:
    """Return what a row and a stored record have in common: a row names photograph, run and colonies beside it."""
    apart = {"source", "colonies", "execution", "decided_at"}
    return {name: value for name, value in record.items() if name not in apart}


def _references(value: Any) -> Iterable[dict[str, Any]]:
    if isinstance(value, dict):
        if {"bucket", "key"} <= value.keys():
            yield value
        for item in value.values():
            yield from _references(item)


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _lasting(item) for name, item in value.items() if name not in _OF_A_COPY}
    return [_lasting(item) for item in value] if isinstance(value, list | tuple) else value


def crashing(world: World, do: Callable[[], Any], after: int) -> None:
    """Let the function's process die in `do` after so many writes to S3 or the database, if it makes as many."""
    client, database = world.app.STORAGE.client, world.app.DATABASE
    send, write = client._make_api_call, database.write
    left = [after]

    def spend() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Crash

    def call(operation: str, arguments: Any) -> Any:
        answer = send(operation, arguments)
        if operation in ("CopyObject", "PutObject", "DeleteObject"):
            spend()
        return answer

    def transaction(work: Any) -> Any:
        answer = write(work)
        spend()
        return answer

    client._make_api_call, database.write = call, transaction
    try:
        do()
    except Crash:
        pass
    finally:
        client._make_api_call, database.write = send, write


def open_world(s3: S3Client, database: Database) -> Iterator[World]:
    """Yield a world whose buckets all have versions."""
    for bucket in BUCKETS:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    address = database.url.render_as_string(hide_password=False)
    with loaded("relabel", {"DATABASE_URL": address}) as module:
        yield World(s3, database, module)


def changes(*pairs: tuple[SurveyKey, SurveyKey], **more: Any) -> list[dict[str, Any]]:
    """Return entries of a list of changes, each with ``more``."""
    return [{"old": old.stem, "new": new.stem} | more for old, new in pairs]


def surveys(world: World) -> list[str]:
    """Return the stems of all photographs that have a result."""
    return [f"{row['year']}-{row['island']}-{row['location']:02d}" for row in world.rows()["coral_coverage"]]
