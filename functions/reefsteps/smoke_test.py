"""One drawn photograph through a whole deployment: from S3 to its row, compared with its truth, and removed again.

Used by `make smoke` on AWS and by `python -m local smoke`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from reefsteps.buckets import Buckets
from reefsteps.derived_objects import derived_from
from reefsteps.errors import PhotoNotFoundError, ReefStepsError
from reefsteps.evaluation import DRAWN
from reefsteps.execution_status import UNDER_WAY, ExecutionStatus
from reefsteps.failures import error_of, read_failed_state, split_cause
from reefsteps.model_keys import model_card_key
from reefsteps.model_roles import ModelRole
from reefsteps.results import ObjectRef
from reefsteps.retries import readable_key
from reefsteps.storage import Storage
from reefsteps.surveys import FIRST_YEAR, SMOKE_TEST_ISLAND, SurveyKey

SURVEY = SurveyKey(FIRST_YEAR, SMOKE_TEST_ISLAND, 1)
KEY = SURVEY.key("jpg")

_CLOCKS_DIFFER = timedelta(minutes=5)  # this machine's clock and AWS's

Say = Callable[[str], None]


class SmokeTestError(ReefStepsError):
    """A step of the smoke test failed; the message names it first."""

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"The smoke test failed at '{step}': {reason}")
        self.step = step


class NoModelsError(SmokeTestError):
    """No model has been uploaded yet, as after a first deployment."""


class Rows(Protocol):
    """The database of a deployment, as far as the smoke test needs it."""

    def cover(self, survey: SurveyKey) -> float | None:
        """Return the percent cover of the survey's row; None where there is none."""

    def forget(self, survey: SurveyKey) -> None:
        """Delete what the database remembers of a survey that has no row any more."""


@dataclass(frozen=True)
class Place:
    """A deployment."""

    s3: Any
    step_functions: Any
    buckets: Buckets
    model_buckets: Mapping[ModelRole, str]
    pipeline_arn: str
    removal_arn: str
    rows: Rows


@dataclass(frozen=True)
class DrawnPhotograph:
    """A photograph with known truth: JPEG, percent cover, the frame's corners in pixels."""

    jpeg: bytes
    cover_percent: float
    corners_px: Sequence[Sequence[float]]


@dataclass(frozen=True)
class Patience:
    """How long to wait for what, in seconds."""

    admission_s: float = 180.0
    run_s: float = 1500.0  # a cold start of each function, a waking database, a few retries
    removal_s: float = 900.0
    poll_s: float = 2.0


def smoke_test(place: Place, drawn: DrawnPhotograph, say: Say, patience: Patience | None = None) -> None:
    """Send the photograph, compare, remove; says each step. Raises SmokeTestError, after removing what it can."""
    test = _Test(place, drawn, say, patience or Patience())
    try:
        test.measure()
    except SmokeTestError as error:
        if not isinstance(error, NoModelsError):
            test.clear_after_failure()
        raise
    test.remove()
    say("The smoke test passed.")


def stated_error_points(evaluation: Any) -> float | None:
    """Return how far a model may be off on one drawn photograph, by its own measured errors; None if it says nothing.

    That is the worst photograph of its drawn sets, or three times their mean absolute error.
    """
    drawn = [entry for entry in evaluation.sets if entry.kind == DRAWN] if evaluation else []
    worst = [value for entry in drawn if (value := entry.value("worst_points")) is not None]
    means = [3 * value for entry in drawn if (value := entry.value("mae_points")) is not None]
    return max(worst or means, default=None)


class _Test:
    def __init__(self, place: Place, drawn: DrawnPhotograph, say: Say, patience: Patience) -> None:
        self._place, self._drawn, self._say, self._patience = place, drawn, say, patience
        self._storage = Storage(place.s3)
        self._began = datetime.now(UTC) - _CLOCKS_DIFFER
        self._version = ""
        self._run = ""

    def measure(self) -> None:
        self._say("models")
        allowed = self._allowed_points()
        self._say("upload")
        self._upload()
        self._say("admission")
        self._run = self._wait_for_execution("admission", self._place.pipeline_arn, self._patience.admission_s)
        self._say(f"run {self._run}")
        cover = self._measured()
        self._say("row")
        with _named("row"):
            row = self._place.rows.cover(SURVEY)
        if row is None or abs(row - cover) > 1e-6:
            raise SmokeTestError("row", f"the run measured {cover:.2f} %, but the database has {row}.")
        self._say("cover")
        self._compare(row, allowed)

    def remove(self) -> None:
        self._say("removal")
        with _named("removal"):
            self._delete_versions(self._place.buckets.raw_bucket, KEY)
        if self._version:
            arn = self._wait_for_execution("removal", self._place.removal_arn, self._patience.admission_s)
            ended = self._ended("removal", arn, self._patience.removal_s)
            if ended["status"] != ExecutionStatus.SUCCEEDED:
                raise SmokeTestError("removal", self._why(ended))
        with _named("removal"):
            if self._place.rows.cover(SURVEY) is not None:
                raise SmokeTestError("removal", "the row is still in the database.")
            left = [ref for ref in derived_from(self._place.buckets, SURVEY.stem) if self._exists(ref)]
        if left:
            raise SmokeTestError("removal", f"{len(left)} objects are left, the first is {left[0]}.")
        self._say("clearing up")
        with _named("clearing up"):
            for ref in derived_from(self._place.buckets, SURVEY.stem):
                self._delete_versions(ref.bucket, ref.key)
            self._place.rows.forget(SURVEY)

    def clear_after_failure(self) -> None:
        try:
            if self._run:
                with suppress(ClientError):
                    self._place.step_functions.stop_execution(executionArn=self._run)
            self.remove()
        except SmokeTestError as error:
            self._say(f"Not everything could be removed. {error} Run the smoke test again once it works.")

    def _allowed_points(self) -> float | None:
        from reefsteps.detection.manifest import Manifest

        evaluation = None
        for role in ModelRole:
            name, bucket = role.model_name, self._place.model_buckets[role]
            with _named("models"):
                try:
                    text = self._storage.get(ObjectRef(bucket, model_card_key(name))).body.decode()
                except PhotoNotFoundError:
                    where = f"upload {name}.pth to s3://{bucket} and wait until it is converted."
                    raise NoModelsError("models", f"there is no model {name} yet: {where}") from None
                evaluation = Manifest.parse(text).measured
        return stated_error_points(evaluation)

    def _upload(self) -> None:
        with _named("upload"):
            answer = self._place.s3.put_object(
                Bucket=self._place.buckets.raw_bucket,
                Key=KEY,
                Body=self._drawn.jpeg,
                ContentType="image/jpeg",
                Metadata={"side-cm": "100", "original-name": "smoke-test.jpg"},
            )
        self._version = str(answer["VersionId"])

    def _measured(self) -> float:
        ended = self._ended("run", self._run, self._patience.run_s)
        if ended["status"] != ExecutionStatus.SUCCEEDED and error_of(ended) == "QuadratNotFoundError":
            self._say("The frame model did not find the drawn frame. The test continues with the frame's true corners.")
            self._run = self._start_with_corners()
            ended = self._ended("run", self._run, self._patience.run_s)
        if ended["status"] != ExecutionStatus.SUCCEEDED:
            raise SmokeTestError(self._failed_step(ended), self._why(ended))
        document = json.loads(ended["output"])
        if not document["coverage"].get("written"):
            raise SmokeTestError("coverage", f"no row was written: {document['coverage'].get('reason')}")
        return float(document["segmentation"]["cover_percent"])

    def _start_with_corners(self) -> str:
        given = {
            "bucket": self._place.buckets.raw_bucket,
            "key": KEY,
            "version_id": self._version,
            "corners_px": [list(map(float, corner)) for corner in self._drawn.corners_px],
            "requested_by": "smoke test",
        }
        name = f"{readable_key(KEY)}-corners-{self._version[:24]}"
        with _named("reframing"):
            answer = self._place.step_functions.start_execution(
                stateMachineArn=self._place.pipeline_arn, name=name, input=json.dumps(given)
            )
        return str(answer["executionArn"])

    def _compare(self, cover: float, allowed: float | None) -> None:
        truth = self._drawn.cover_percent
        found = f"{cover:.1f} % found, {truth:.1f} % drawn"
        if allowed is None:
            self._say(f"{found}. Not judged: the model states no error on drawn photographs.")
        elif abs(cover - truth) > allowed:
            raise SmokeTestError("cover", f"{found}; the model states an error of at most {allowed:.1f} points.")
        else:
            self._say(f"{found}, within the model's stated error of {allowed:.1f} points")

    def _wait_for_execution(self, step: str, machine: str, timeout_s: float) -> str:
        """Return the ARN of the machine's execution for the version that was sent."""
        seen: set[str] = set()
        for _ in self._until(timeout_s):
            with _named(step):
                pages = self._place.step_functions.get_paginator("list_executions").paginate(stateMachineArn=machine)
                for item in (item for page in pages for item in page["executions"]):
                    if item["startDate"] < self._began:
                        break
                    arn = str(item["executionArn"])
                    if arn not in seen:
                        seen.add(arn)
                        described = self._place.step_functions.describe_execution(executionArn=arn)
                        if self._version in str(described.get("input")):
                            return arn
        raise SmokeTestError(
            step, f"nothing was started within {timeout_s:.0f} s; see the queue of undelivered events."
        )

    def _ended(self, step: str, arn: str, timeout_s: float) -> dict[str, Any]:
        for _ in self._until(timeout_s):
            with _named(step):
                described: dict[str, Any] = self._place.step_functions.describe_execution(executionArn=arn)
            if described["status"] not in UNDER_WAY:
                return described
        raise SmokeTestError(step, f"{arn} has not ended within {timeout_s:.0f} s.")

    def _until(self, timeout_s: float) -> Iterator[None]:
        end = time.monotonic() + timeout_s
        yield
        while time.monotonic() < end:
            time.sleep(self._patience.poll_s)
            yield

    def _failed_step(self, described: dict[str, Any]) -> str:
        step, _ = split_cause(str(described.get("cause") or ""))
        with _named("run"):
            return step or read_failed_state(self._place.step_functions, described["executionArn"]) or "run"

    def _why(self, described: dict[str, Any]) -> str:
        _, message = split_cause(str(described.get("cause") or ""))
        return f"{error_of(described)}: {message} (execution {described['executionArn']})"

    def _exists(self, ref: ObjectRef) -> bool:
        try:
            self._storage.head(ref)
        except PhotoNotFoundError:
            return False
        return True

    def _delete_versions(self, bucket: str, key: str) -> None:
        pages = self._place.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key)
        for page in pages:
            for item in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                if item["Key"] == key:
                    self._place.s3.delete_object(Bucket=bucket, Key=key, VersionId=item["VersionId"])


@contextmanager
def _named(step: str) -> Iterator[None]:
    """Turn a refusal of AWS or the database into the failure of a step."""
    try:
        yield
    except SmokeTestError:
        raise
    except (ClientError, BotoCoreError, ReefStepsError) as error:
        raise SmokeTestError(step, f"{type(error).__name__}: {error}") from error
