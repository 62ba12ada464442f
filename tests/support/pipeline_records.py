"""Records as the steps write them, for tests that begin in the middle of the pipeline."""

from __future__ import annotations

from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from reefsteps.buckets import Buckets
from reefsteps.coverage_store import Result
from reefsteps.derived_objects import (
    MASK,
    OVERLAY,
    OVERLAY_THUMBNAIL,
    REFRAMED_PICTURE,
    REFRAMED_THUMBNAIL,
    TREATED_PICTURE,
    TREATED_THUMBNAIL,
    Kind,
    all_derived,
)
from reefsteps.document import Execution
from reefsteps.points.point_sets import PointSet, Selection
from reefsteps.results import (
    Colony,
    ModelIdentity,
    ObjectRef,
    ReframingResult,
    RestorationResult,
    SegmentationResult,
    Source,
)
from reefsteps.run_writer import RunWriter
from reefsteps.steps import Step
from reefsteps.storage import Storage
from reefsteps.surveys import SurveyKey

SURVEY = SurveyKey(2006, "Bora-Bora", 1)
BUCKETS = Buckets("reef-raw", "reef-treated", "reef-reframed", "reef-segmented", "reef-masks")


def result(
    *,
    survey: SurveyKey = SURVEY,
    version: str = "v1",
    uploaded_at: str = "2026-01-01T10:00:00+00:00",
    sequencer: str | None = None,
    started_at: str = "2026-01-01T10:00:05.000Z",
    cover: float = 12.34,
    key: str | None = None,
    colonies: int = 2,
    strings_used: bool = False,
) -> Result:
    """Return a finished run of a version of the survey's photograph."""
    image = ObjectRef("reef-raw", key or survey.key("jpg"), version)
    source = Source(
        image, f"etag-{version}", uploaded_at, sequencer, "JPEG", 4000, 3000, "2005-12-31T09:00:00", "Nikon"
    )
    model = ModelIdentity("detectron2-classifier", "ab" * 32)
    stem = survey.stem
    return Result(
        survey=survey,
        execution=Execution(f"arn:{version}:{started_at}", f"run-{version}", started_at),
        restoration=RestorationResult(
            survey=survey.ref,
            source=source,
            treated=TREATED_PICTURE.at(BUCKETS, stem),
            thumbnail=TREATED_THUMBNAIL.at(BUCKETS, stem),
            method="planar",
            applied=True,
            side_cm=100.0,
            elapsed_s=1.5,
            pipeline_version="1.0",
        ),
        reframing=ReframingResult(
            reframed=REFRAMED_PICTURE.at(BUCKETS, stem),
            thumbnail=REFRAMED_THUMBNAIL.at(BUCKETS, stem),
            corners_px=((1.0, 2.0), (3.0, 2.0), (3.0, 4.0), (1.0, 4.0)),
            manual=False,
            confidence=0.9,
            residual_px=0.4,
            uncertainty_percent=0.05,
            strings_used=strings_used,
            side_cm=100.0,
            side_px=600,
            px_per_cm=6.0,
            elapsed_s=2.0,
            model=ModelIdentity("detectron2-reframe", "cd" * 32),
            pipeline_version="1.0",
        ),
        segmentation=SegmentationResult(
            overlay=OVERLAY.at(BUCKETS, stem),
            mask=MASK.at(BUCKETS, stem),
            thumbnail=OVERLAY_THUMBNAIL.at(BUCKETS, stem),
            cover_percent=cover,
            colony_count=colonies,
            colonies=tuple(Colony(10.5 + i, 0.9, (0.0, 1.0, 2.0, 3.0), False) for i in range(colonies)),
            score_threshold=0.5,
            model=model,
            elapsed_s=3.0,
            pipeline_version="1.0",
        ),
        pipeline_version="1.0",
    )


def points_on(done: Result, *, annotator: str = "Alice", answers: str = "ccou") -> PointSet:
    """Return a person's points on the photograph of a result, inside its corners."""
    image = done.source.image
    return PointSet(
        **vars(done.survey),
        raw_key=image.key,
        raw_version_id=image.version_id,
        width_px=4000,
        height_px=3000,
        annotator=annotator,
        source="CoralNet",
        origin="annotations.csv",
        drawn=Selection.AT_RANDOM,
        layout="not said",
        x=tuple(1.5 + index / 10 for index in range(len(answers))),
        y=(2.5,) * len(answers),
        labels=("Porit",) * len(answers),
        answers=answers,
    )


def run_writer(done: Result, pipeline_version: str = "1.0") -> RunWriter:
    """Return what the run writes its objects with."""
    return RunWriter(Storage(), BUCKETS, done.survey, done.execution, done.source, pipeline_version)


def leave_objects(done: Result) -> RunWriter:
    """Leave everything that each step leaves of a photograph, records last; returns what wrote it."""
    writer = run_writer(done)
    for item in all_derived():
        if item.by_every_run and item.kind is not Kind.RECORD:
            writer.put(item, f"{item.name} of {done.survey.stem}".encode())
    records = {
        Step.RESTORATION: done.restoration,
        Step.REFRAMING: done.reframing,
        Step.SEGMENTATION: done.segmentation,
    }
    for step, record in records.items():
        writer.save_record(step, record)
    return writer


def leave_photograph(done: Result) -> None:
    """Upload to moto's S3 the photograph that was measured, as the version that the run names."""
    image = done.source.image
    Storage().put(image.bucket, image.key, b"photograph", content_type="image/jpeg")
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[image.bucket].keys[image.key]._version_id = image.version_id


def document(done: Result, *steps: str, **entry: Any) -> dict[str, Any]:
    """Return the state document in which these steps are done."""
    image = done.source.image
    asked = {"bucket": image.bucket, "key": image.key, "version_id": image.version_id}
    records = {step: getattr(done, step).to_json() for step in steps}
    return {"execution": done.execution.to_json(), "input": asked | entry} | records
