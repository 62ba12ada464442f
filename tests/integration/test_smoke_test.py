"""The smoke test on the local stack: it passes, it names the step that failed, and it leaves nothing behind."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy
from botocore.exceptions import ClientError

from local import smoke
from reefsteps.detection.manifest import FileIdentity, Manifest
from reefsteps.evaluation import DRAWN, REAL, Evaluation, Figure, MeasuredSet
from reefsteps.model_roles import ModelRole
from reefsteps.smoke_test import (
    KEY,
    SURVEY,
    DrawnPhotograph,
    NoModelsError,
    Patience,
    SmokeTestError,
    stated_error_points,
)
from scripts.smoke import DataApiRows
from tests.support.local_stack import RunningStack, project_with_fakes

FRAME = ModelRole.FRAME.model_name
QUICK = Patience(admission_s=20, run_s=60, removal_s=60, poll_s=0.1)
CORNERS = [[0.0, 0.0], [400.0, 0.0], [400.0, 400.0], [0.0, 400.0]]


def measured_set(kind: str, **figures: float) -> MeasuredSet:
    return MeasuredSet(kind, "x", 5, "2026-01-01", tuple(Figure(n, v, "points") for n, v in figures.items()))


def manifest(*sets: MeasuredSet) -> Manifest:
    file = FileIdentity("x", "0" * 64, 1)
    numbers = (800, 1333, 0.05, 0.5, 100, 0.5, False)
    measured = Evaluation(1, "0" * 64, sets) if sets else None
    rest: Any = (*numbers, file, file, "config", "1", None, None, measured)
    return Manifest(1, "m", "R50", ("coral",), "fp32", *rest)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    template = project_with_fakes(tmp_path_factory.mktemp("project"))
    stack = RunningStack(tmp_path_factory.mktemp("stack"), {"template": str(template), "max_workers": 2})
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def models(stack: RunningStack) -> Iterator[None]:
    text = manifest(measured_set(DRAWN, mae_points=3.0, worst_points=15.0)).dump()
    places = [(stack.info.buckets[role.bucket_resource], f"{role.model_name}.json") for role in ModelRole]
    for bucket, key in places:
        stack.clients.s3.put_object(Bucket=bucket, Key=key, Body=text)
    yield
    for bucket, key in places:
        stack.clients.s3.delete_object(Bucket=bucket, Key=key)


def run(stack: RunningStack, script: dict[str, Any], cover_percent: float = 40.0) -> list[str]:
    said: list[str] = []
    photo = DrawnPhotograph(json.dumps({"cover": 42.0, **script}).encode(), cover_percent, CORNERS)
    smoke.run(stack.info, said.append, drawn=photo, patience=QUICK)
    return said


def left_behind(stack: RunningStack) -> list[str]:
    """What is left of the smoke test in any bucket, in any version, and in any table."""
    found = []
    for bucket in stack.info.buckets.values():
        pages = stack.clients.s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
        for item in (i for page in pages for i in (*page.get("Versions", []), *page.get("DeleteMarkers", []))):
            if SURVEY.stem in item["Key"] and not item["Key"].startswith("attempts/"):  # of the stand-ins
                found.append(f"{bucket}/{item['Key']}")
    engine = sqlalchemy.create_engine(stack.info.database_url)
    with engine.connect() as connection:
        for table in ("coral_coverage", "coverage_provenance", "colony", "removed_photo", "survey"):
            query = sqlalchemy.text(f"SELECT COUNT(*) FROM {table} WHERE island = :island")
            count = connection.execute(query, {"island": SURVEY.island}).scalar()
            found += [table] * int(count or 0)
    engine.dispose()
    return found


@pytest.mark.usefixtures("models")
def test_a_deployment_that_works_passes_and_keeps_nothing(stack: RunningStack) -> None:
    said = run(stack, {})
    assert said[-1] == "The smoke test passed."
    assert "42.0 % found, 40.0 % drawn, within the model's stated error of 15.0 points" in said
    assert left_behind(stack) == []
    assert run(stack, {})[-1] == "The smoke test passed."  # and again


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("script", "cover_percent", "step", "reason"),
    [
        ({"restoration": [{"raise": "InvalidImageError"}]}, 40.0, "restoration", "InvalidImageError: as the photo"),
        ({"segmentation": [{"raise": "ConfigurationError"}]}, 40.0, "segmentation", "ConfigurationError"),
        ({}, 80.0, "cover", "42.0 % found, 80.0 % drawn; the model states an error of at most 15.0 points"),
    ],
)
def test_the_step_that_failed_is_named_and_nothing_is_left(
    script: dict[str, Any], cover_percent: float, step: str, reason: str, stack: RunningStack
) -> None:
    with pytest.raises(SmokeTestError, match=f"failed at '{step}'.*{reason}") as failure:
        run(stack, script, cover_percent)
    assert failure.value.step == step
    assert left_behind(stack) == []


@pytest.mark.usefixtures("models")
def test_a_frame_model_that_does_not_know_drawn_frames_is_helped(stack: RunningStack) -> None:
    said = run(stack, {"over_all_runs": True, "reframing": [{"raise": "QuadratNotFoundError"}]})
    assert said[-1] == "The smoke test passed."
    assert any("true corners" in line for line in said)
    assert left_behind(stack) == []


@pytest.mark.usefixtures("models")
def test_uploads_that_start_nothing_are_named(stack: RunningStack) -> None:
    rule = next(r["Name"] for r in stack.clients.events.list_rules()["Rules"] if "RawPhotoUploaded" in r["Name"])
    stack.clients.events.disable_rule(Name=rule)
    said: list[str] = []
    quick = dataclasses.replace(QUICK, admission_s=1)
    try:
        with pytest.raises(SmokeTestError, match="failed at 'admission': nothing was started"):
            smoke.run(stack.info, said.append, drawn=DrawnPhotograph(b"{}", 1.0, CORNERS), patience=quick)
    finally:
        stack.clients.events.enable_rule(Name=rule)
    assert not [key for key in stack.keys(stack.info.buckets["RawBucket"]) if SURVEY.stem in key]


def test_a_deployment_without_models_is_told_at_once(stack: RunningStack) -> None:
    with pytest.raises(NoModelsError, match=f"there is no model {FRAME} yet: upload {FRAME}.pth"):
        run(stack, {})
    assert KEY not in stack.keys(stack.info.buckets["RawBucket"])


@pytest.mark.parametrize(
    ("sets", "points"),
    [
        ([measured_set(DRAWN, mae_points=3.0, worst_points=15.0)], 15.0),
        ([measured_set(DRAWN, mae_points=3.0)], 9.0),
        ([measured_set(DRAWN, iou_mean=0.9)], None),
        ([measured_set(REAL, worst_points=15.0)], None),  # says nothing about drawn photographs
        ([], None),
    ],
)
def test_stated_error(sets: list[MeasuredSet], points: float | None) -> None:
    assert stated_error_points(manifest(*sets).measured) == points


class DataApi:
    """Answers as the Data API does: a paused database first."""

    def __init__(self, records: str) -> None:
        self.records, self.asked = records, list[dict[str, Any]]()

    def execute_statement(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        if len(self.asked) == 1:
            error: Any = {"Error": {"Code": "DatabaseResumingException", "Message": "resuming"}}
            raise ClientError(error, "ExecuteStatement")
        return {"formattedRecords": self.records} if "formatRecordsAs" in request else {"numberOfRecordsUpdated": 1}


def test_the_row_of_aurora_is_read_by_the_data_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provision.aws_retries.WAIT_S", 0.0)
    api = DataApi('[{"coverage": 41.5}]')
    rows = DataApiRows(api, "cluster", "secret", "reefs")
    assert rows.cover(SURVEY) == 41.5
    assert api.asked[-1]["sql"].startswith("SELECT coverage FROM coral_coverage WHERE island = :island")
    assert {p["name"]: p["value"] for p in api.asked[-1]["parameters"]}["island"] == {"stringValue": SURVEY.island}
    assert DataApiRows(DataApi("[]"), "c", "s", "d").cover(SURVEY) is None
    rows.forget(SURVEY)
    assert [request["sql"].split(" WHERE")[0] for request in api.asked[-2:]] == [
        "DELETE FROM removed_photo",
        "DELETE FROM survey",
    ]
