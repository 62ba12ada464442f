"""Stand-ins for the three workers: fast, and told by the photograph itself how to misbehave.

A "photograph" is JSON: ``{"cover": 12.5, "restoration": [{"exit": true}, {"sleep_s": 1}], ...}``; each attempt of a
step takes the next entry of its list, the last one is followed by success. ``{"until": "go/1"}`` waits for that object
in the step's bucket. Attempts are counted in each execution, or
with ``"over_all_runs": true`` in all executions of the photograph.
"""

import json
import os
import time
from typing import Any

import boto3

from reefsteps import errors
from reefsteps.buckets import Bucket, NamesBuckets
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
    record_of,
)
from reefsteps.results import (
    ModelIdentity,
    ObjectRef,
    Record,
    ReframingResult,
    RestorationResult,
    SegmentationResult,
    Source,
    SurveyRef,
)
from reefsteps.steps import Step
from reefsteps.surveys import SurveyKey, decode_key

_s3 = boto3.client("s3")
_MODEL = ModelIdentity("fake", "0" * 64)


def misbehave(step: str, event: dict[str, Any]) -> dict[str, Any]:
    """Do what the photograph asks of this attempt; returns the photograph's script."""
    survey = SurveyKey.parse(decode_key(event["input"]["key"]))
    photo = {"Bucket": event["input"]["bucket"], "Key": decode_key(event["input"]["key"])}
    if event["input"].get("version_id"):
        photo["VersionId"] = event["input"]["version_id"]
    answer = _s3.get_object(**photo)
    try:
        script = json.loads(answer["Body"].read())
    except ValueError:
        raise errors.InvalidImageError(f"{photo['Key']} is no picture.") from None
    script |= {"etag": answer["ETag"].strip('"'), "uploaded_at": answer["LastModified"].isoformat()}
    script |= {"version_id": answer.get("VersionId"), "survey": survey}
    marker = {"Bucket": os.environ["TREATED_BUCKET" if step != "segmentation" else "SEGMENTED_BUCKET"]}
    counted_by = survey.stem if script.get("over_all_runs") else event["execution"]["name"]
    marker["Key"] = f"attempts/{counted_by}/{step}"
    attempts = _s3.list_objects_v2(Bucket=marker["Bucket"], Prefix=marker["Key"] + "/").get("KeyCount", 0)
    _s3.put_object(Bucket=marker["Bucket"], Key=f"{marker['Key']}/{attempts}", Body=b"")
    wishes = script.get(step, [])
    wish = wishes[attempts] if attempts < len(wishes) else {}
    if "sleep_s" in wish:
        time.sleep(wish["sleep_s"])
    while "until" in wish and not _s3.list_objects_v2(Bucket=marker["Bucket"], Prefix=wish["until"]).get("KeyCount"):
        time.sleep(0.05)
    if wish.get("exit"):
        os._exit(1)
    if "raise" in wish:
        raise getattr(errors, wish["raise"])(wish.get("message", "as the photograph asked"))
    return script


def source_of(script: dict[str, Any], event: dict[str, Any]) -> Source:
    """Return the photograph that a run measures."""
    given = event["input"]
    return Source(
        image=ObjectRef(given["bucket"], decode_key(given["key"]), script["version_id"]),
        etag=script["etag"],
        uploaded_at=script["uploaded_at"],
        sequencer=given.get("sequencer"),
        image_format="JPEG",
        width_px=400,
        height_px=400,
    )


class _Buckets(NamesBuckets):
    """The names of the buckets that the function has variables for."""

    def name_of(self, bucket: Bucket) -> str:
        return os.environ[f"{bucket.upper()}_BUCKET"]


BUCKETS = _Buckets()


def leave(record: Record, source: Source, step: Step, stem: str) -> dict[str, Any]:
    """Write a step's pictures and its record, as the real steps do; returns the record."""
    for item in all_derived():
        if item.writer is step and item.by_every_run and item.kind is not Kind.RECORD:
            _s3.put_object(Bucket=BUCKETS.name_of(item.bucket), Key=item.key(stem), Body=b"treated")
    there = record_of(step).at(BUCKETS, stem)
    body = json.dumps(record.to_json() | {"source": source.to_json()}).encode()
    _s3.put_object(Bucket=there.bucket, Key=there.key, Body=body)
    return record.to_json()


def restoration(event: dict[str, Any]) -> dict[str, Any]:
    """Return a record as restoration's, and write the treated picture."""
    script = misbehave("restoration", event)
    survey, source = script["survey"], source_of(script, event)
    done = RestorationResult(
        survey=SurveyRef(survey.year, survey.island, survey.location),
        source=source,
        treated=TREATED_PICTURE.at(BUCKETS, survey.stem),
        thumbnail=TREATED_THUMBNAIL.at(BUCKETS, survey.stem),
        method="fake",
        applied=True,
        side_cm=100.0,
        elapsed_s=0.0,
    )
    return leave(done, source, Step.RESTORATION, survey.stem)


def reframing(event: dict[str, Any]) -> dict[str, Any]:
    """Return a record as reframing's."""
    script = misbehave("reframing", event)
    stem = script["survey"].stem
    done = ReframingResult(
        reframed=REFRAMED_PICTURE.at(BUCKETS, stem),
        thumbnail=REFRAMED_THUMBNAIL.at(BUCKETS, stem),
        corners_px=((0.0, 0.0), (400.0, 0.0), (400.0, 400.0), (0.0, 400.0)),
        manual=False,
        confidence=1.0,
        residual_px=0.1,
        uncertainty_percent=0.1,
        strings_used=False,
        side_cm=100.0,
        side_px=400,
        px_per_cm=4.0,
        elapsed_s=0.0,
        model=_MODEL,
    )
    return leave(done, source_of(script, event), Step.REFRAMING, stem)


def segmentation(event: dict[str, Any]) -> dict[str, Any]:
    """Return a record as segmentation's, with the cover that the photograph states."""
    script = misbehave("segmentation", event)
    stem = script["survey"].stem
    done = SegmentationResult(
        overlay=OVERLAY.at(BUCKETS, stem),
        mask=MASK.at(BUCKETS, stem),
        thumbnail=OVERLAY_THUMBNAIL.at(BUCKETS, stem),
        cover_percent=script["cover"],
        colony_count=0,
        colonies=(),
        score_threshold=0.5,
        model=_MODEL,
        elapsed_s=0.0,
    )
    return leave(done, source_of(script, event), Step.SEGMENTATION, stem)
