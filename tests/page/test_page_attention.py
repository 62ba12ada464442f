"""Which failures still need somebody: read from the buckets, beside runs of known times."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from frontend.domain.attention import is_settled
from frontend.domain.executions import ExecutionDetail, ExecutionSummary
from frontend.services import attention, photos
from reefsteps.derived_objects import CORNERS, NO_QUADRAT, SEGMENTATION_RECORD
from reefsteps.surveys import SurveyKey
from tests.support import page_world

if TYPE_CHECKING:
    from tests.page.conftest import PageWorld

NOW = datetime.now(UTC)
BEFORE, AFTER = NOW - timedelta(hours=1), NOW + timedelta(hours=1)  # of what the test writes
SURVEY = SurveyKey(2006, "A", 1)


def _open(*runs: tuple[str, datetime]) -> list[str]:
    failed = [ExecutionSummary(f"arn:{n}", str(n), "FAILED", at, at) for n, (_, at) in enumerate(runs)]
    details = {
        e.arn: ExecutionDetail("b", key, {}, "reframing", "QuadratNotFoundError", "m")
        for e, (key, _) in zip(failed, runs, strict=True)
    }
    photos.forget()
    attention.forget()
    return [execution.name for execution in attention.still_open(failed, details)]


def test_the_newest_failure_of_each_photograph_that_is_there_is_open(empty_world: PageWorld) -> None:
    page_world.write_pictures(empty_world.s3, [SURVEY, SurveyKey(2006, "A", 2)], derived=False)
    empty_world.s3.put_object(Bucket="test-raw", Key="nonsense.jpg", Body=b"x")
    later = AFTER + timedelta(minutes=1)
    runs = [("2006-A-01.jpg", AFTER), ("2006-A-01.jpg", later), ("2006-A-02.jpg", AFTER), ("gone.jpg", AFTER)]
    assert _open(*runs, ("nonsense.jpg", AFTER)) == ["1", "2", "4"]


def test_a_failure_of_a_photograph_that_was_renamed_or_deleted_is_settled(empty_world: PageWorld) -> None:
    page_world.write_pictures(empty_world.s3, [SURVEY], derived=False)
    failed = [
        ExecutionSummary(f"arn:{key}", key, "FAILED", AFTER, AFTER) for key in ("2006-A-01.jpg", "2006-Old name-01.jpg")
    ]
    details = {e.arn: ExecutionDetail("b", e.name, {}, "reframing", "QuadratNotFoundError", "m") for e in failed}
    photos.forget()
    attention.forget()
    assert attention.settled(failed, details) == {"arn:2006-Old name-01.jpg"}


@pytest.mark.parametrize(
    ("bucket", "key"),
    [
        ("test-segmented", SEGMENTATION_RECORD.key(SURVEY.stem)),
        ("test-reframed", CORNERS.key(SURVEY.stem)),
        ("test-reframed", NO_QUADRAT.key(SURVEY.stem)),
    ],
)
def test_a_failure_is_settled_by_what_happened_after_it_and_only_then(
    empty_world: PageWorld, bucket: str, key: str
) -> None:
    page_world.write_pictures(empty_world.s3, [SURVEY], derived=False)
    empty_world.s3.put_object(Bucket=bucket, Key=key, Body=json.dumps({}).encode())
    assert _open(("2006-A-01.jpg", AFTER)) == ["0"]
    assert _open(("2006-A-01.jpg", BEFORE)) == []


def test_what_happened_in_the_second_of_the_failure_does_not_settle_it() -> None:
    failed = ExecutionSummary("arn", "1", "FAILED", BEFORE, BEFORE.replace(microsecond=900_000))
    assert not is_settled(failed, BEFORE.replace(microsecond=0))
    assert is_settled(failed, BEFORE.replace(microsecond=0) + timedelta(seconds=1))


def test_a_word_about_another_version_does_not_count(empty_world: PageWorld) -> None:
    said = {"no_quadrat": True, "source_version_id": "v1", "source_etag": "e1"}
    empty_world.s3.put_object(Bucket="test-reframed", Key=NO_QUADRAT.key(SURVEY.stem), Body=json.dumps(said).encode())
    assert attention.says_no_quadrat(SURVEY, "v1", "e1")
    assert not attention.says_no_quadrat(SURVEY, "v2", "e2")
    taken_back = json.dumps(said | {"no_quadrat": False}).encode()
    empty_world.s3.put_object(Bucket="test-reframed", Key=NO_QUADRAT.key(SURVEY.stem), Body=taken_back)
    attention.forget()
    assert not attention.says_no_quadrat(SURVEY, "v1", "e1")
