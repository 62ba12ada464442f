"""The pipeline's state document as a task sees it, and the records that steps leave in the buckets.

A handler takes an earlier step's record from the document. In a run that started in the middle, it reads the record
from the bucket where that step left it. A stored record names the photograph that it was made from, so that a run never
mixes two versions of a photograph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from reefsteps.buckets import NamesBuckets
from reefsteps.derived_objects import record_of
from reefsteps.errors import InvalidParameterError, PhotoNotFoundError, SupersededError
from reefsteps.object_metadata import SOURCE_ETAG
from reefsteps.precedence import same_photo
from reefsteps.quadrat_size import RANGE, QuadratSize
from reefsteps.results import (
    ObjectRef,
    Point,
    Record,
    ReframingResult,
    RestorationResult,
    SegmentationResult,
    Source,
)
from reefsteps.steps import STEPS, Step
from reefsteps.storage import ObjectInfo, Storage
from reefsteps.surveys import SurveyKey, decode_key
from reefsteps.texts import is_text

_LARGEST = 1e12  # of a number in the input; NaN is not below it either
MOST_AREAS = 20
MOST_POINTS = 200  # of one area's outline

StepRecord = TypeVar("StepRecord", RestorationResult, ReframingResult, SegmentationResult)


@dataclass(frozen=True)
class Execution(Record):
    """The state machine's execution: its ARN, name and start (ISO 8601)."""

    id: str
    name: str
    started_at: str


@dataclass(frozen=True)
class PipelineInput(Record):
    """What the execution was started with; docs/reference/state-document.md explains the fields."""

    bucket: str
    key: str
    version_id: str | None = None
    sequencer: str | None = None
    start_at: str | None = None
    corners_px: tuple[Point, ...] | None = None
    excluded_px: tuple[tuple[Point, ...], ...] | None = None
    no_quadrat: bool | None = None
    side_cm: float | str | None = None  # a square's side, or a size as text: 50x75
    restoration_method: str | None = None
    requested_by: str | None = None

    @property
    def size(self) -> QuadratSize | None:
        """The quadrat's size, where the execution gives one; raises InvalidParameterError."""
        if self.side_cm is None:
            return None
        return QuadratSize.parse(self.side_cm) if isinstance(self.side_cm, str) else QuadratSize.of(self.side_cm, None)


@dataclass(frozen=True)
class UpstreamResult(Generic[StepRecord]):
    """An earlier step's record, and the photograph that it was made from."""

    record: StepRecord
    source: Source


@dataclass(frozen=True)
class StateDocument:
    """A task's payload; `parse` raises InvalidParameterError for anything that a person could have mistyped."""

    execution: Execution
    input: PipelineInput
    records: Mapping[str, Mapping[str, Any]]

    @classmethod
    def parse(cls, event: Mapping[str, Any], raw_bucket: str) -> Self:
        """Read a task's payload; `raw_bucket` is the only bucket that holds photographs to be measured."""
        parts = (
            {name: event.get(name) for name in ("execution", "input")} if isinstance(event, dict) else {"input": None}
        )
        for name, part in parts.items():
            if not isinstance(part, dict):
                raise InvalidParameterError(f"The payload lacks '{name}'; start the 'pipeline' state machine instead.")
        entry = {name: value for name, value in event["input"].items() if value is not None}
        _check_input(entry)
        if entry["bucket"] != raw_bucket:
            raise InvalidParameterError(
                f"The input's bucket is {entry['bucket']}, which is not the bucket of original photographs: "
                f"write {raw_bucket}."
            )
        records: dict[str, Any] = {step: event[step] for step in STEPS if event.get(step)}
        for step, record in records.items():
            if not isinstance(record, dict):
                raise InvalidParameterError(f"The payload's '{step}' is no record of that step.")
        return cls(Execution.from_json(event["execution"]), PipelineInput.from_json(entry), records)

    @property
    def survey(self) -> SurveyKey:
        """The survey that the input's key names; raises InvalidSurveyKeyError."""
        return SurveyKey.parse(decode_key(self.input.key))

    def restoration(self, storage: Storage, buckets: NamesBuckets) -> RestorationResult:
        """Return restoration's record; raises PhotoNotFoundError where there is none."""
        return self._earlier(Step.RESTORATION, RestorationResult, storage, buckets).record

    def reframing(self, storage: Storage, buckets: NamesBuckets) -> UpstreamResult[ReframingResult]:
        """Return reframing's record; raises PhotoNotFoundError, or SupersededError if a newer photo's replaced it."""
        return self._earlier(Step.REFRAMING, ReframingResult, storage, buckets)

    def segmentation(self, storage: Storage, buckets: NamesBuckets) -> UpstreamResult[SegmentationResult]:
        """Return segmentation's record; raises as `reframing` does."""
        return self._earlier(Step.SEGMENTATION, SegmentationResult, storage, buckets)

    def _earlier(
        self, step: Step, kind: type[StepRecord], storage: Storage, buckets: NamesBuckets
    ) -> UpstreamResult[StepRecord]:
        own = self.records.get(step)
        begun = self.records.get(Step.RESTORATION)
        if own and begun:
            return UpstreamResult(kind.from_json(dict(own)), RestorationResult.from_json(dict(begun)).source)
        there = record_of(step).at(buckets, self.survey.stem)
        stored = _stored(storage, there)
        if stored is None:
            raise PhotoNotFoundError(
                f"There is no result of {step} for {self.survey} in bucket {there.bucket}: start the run at {step} or "
                "before."
            )
        source = Source.from_json(stored["source"])
        if own and (stored.get("execution") or {}).get("name") != self.execution.name:
            raise SupersededError(f"The {step} result of {self.survey} has been replaced by another run's meanwhile.")
        if begun and not same_photo(source, RestorationResult.from_json(dict(begun)).source):
            raise SupersededError(f"The {step} result of {self.survey} now belongs to another photograph.")
        return UpstreamResult(kind.from_json(dict(own or stored)), source)


def refuse_other_photo(info: ObjectInfo, source: Source) -> None:
    """Raise SupersededError if a derived object that was read was not made from this photograph."""
    if info.metadata.get(SOURCE_ETAG, source.etag) != source.etag:
        raise SupersededError(
            f"s3://{info.ref.bucket}/{info.ref.key} now belongs to another photograph than the one of this run, "
            f"uploaded at {source.uploaded_at}; the run changes nothing."
        )


def _stored(storage: Storage, record: ObjectRef) -> dict[str, Any] | None:
    try:
        value = storage.get_json(record)
    except PhotoNotFoundError:
        return None
    assert isinstance(value, dict)
    return value


def _check_input(entry: Mapping[str, Any]) -> None:
    for name in ("bucket", "key"):
        if not is_text(entry.get(name)) or not entry[name]:
            raise InvalidParameterError(f"The input needs '{name}': the raw bucket and the photograph's key.")
    for name in ("version_id", "sequencer", "start_at", "restoration_method", "requested_by"):
        if not is_text(entry.get(name, "")):
            raise InvalidParameterError(f"The input's '{name}' is not text.")
    if entry.get("start_at", STEPS[0]) not in STEPS:
        raise InvalidParameterError(f"start_at is '{entry['start_at']}', not one of {', '.join(STEPS)}.")
    if "side_cm" in entry and not _is_size(entry["side_cm"]):
        raise InvalidParameterError(
            f"side_cm is {entry['side_cm']!r}, not a length from {RANGE}, and no text like '50x75'."
        )
    _check_by_hand(entry)


def _check_by_hand(entry: Mapping[str, Any]) -> None:
    if "corners_px" in entry and not _are_points(entry["corners_px"], 4, 4):
        raise InvalidParameterError("corners_px is not four pairs [x, y] of pixels, clockwise from the top left.")
    if "excluded_px" in entry:
        areas = entry["excluded_px"]
        fits = isinstance(areas, list) and len(areas) <= MOST_AREAS
        if not fits or not all(_are_points(area, 3, MOST_POINTS) for area in areas):
            raise InvalidParameterError(
                f"excluded_px is not a list of at most {MOST_AREAS} outlines, each of 3 to {MOST_POINTS} pairs [x, y] "
                "of pixels."
            )
        if "corners_px" not in entry:
            raise InvalidParameterError("excluded_px needs corners_px beside it: both are kept together.")
    if not isinstance(entry.get("no_quadrat", False), bool):
        raise InvalidParameterError("no_quadrat is not true or false.")
    if entry.get("no_quadrat") and "corners_px" in entry:
        raise InvalidParameterError("The input has corners_px and says no_quadrat: give one of the two.")


def _are_points(value: object, fewest: int, most: int) -> bool:
    return (
        isinstance(value, list)
        and fewest <= len(value) <= most
        and all(isinstance(point, list) and len(point) == 2 and all(map(_is_number, point)) for point in value)
    )


def _is_size(value: object) -> bool:
    if not isinstance(value, str) and not _is_number(value):
        return False
    try:
        return PipelineInput("", "", side_cm=value).size is not None  # type: ignore[arg-type]
    except InvalidParameterError:
        return False


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST
