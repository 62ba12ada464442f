"""A small world for the page: buckets with pictures, runs that ended in different ways, a database with results.

The page's tests need every state at once, quickly and without models, so this fills moto and SQLite by itself. The
browser tests over the whole local stack use the real pipeline instead.
"""

from __future__ import annotations

import datetime
import functools
import io
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from PIL import Image, ImageDraw
from sqlalchemy import delete, insert

from reefsteps.database import Database
from reefsteps.derived_objects import Kind, all_derived
from reefsteps.point_queries import measured_photographs
from reefsteps.point_store import record_points
from reefsteps.points.matching import Measured
from reefsteps.points.point_sets import PointSet
from reefsteps.steps import Step
from reefsteps.surveys import SurveyKey
from reefsteps.tables import colony, coral_coverage, coverage_provenance, survey
from tests.support.point_answers import answered
from tests.support.waiting import wait_for

REGION = "eu-west-1"
BUCKETS = {
    "RAW_BUCKET": "test-raw",
    "TREATED_BUCKET": "test-treated",
    "REFRAMED_BUCKET": "test-reframed",
    "SEGMENTED_BUCKET": "test-segmented",
    "MASKS_BUCKET": "test-masks",
    "MODEL_REFRAMING_BUCKET": "test-model-reframing",
    "MODEL_SEGMENTATION_BUCKET": "test-model-segmentation",
}
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
}
SHA = "ab" * 32

# Ends as its input says: {"end": "fail", "error": ..., "cause": ...}, {"end": "wait"} or anything else for success.
_STATE_MACHINE = {
    "StartAt": "How",
    "States": {
        "How": {
            "Type": "Choice",
            "Choices": [
                {"And": [{"Variable": "$.end", "IsPresent": True}, {"Variable": "$.end", "StringEquals": "fail"}],
                 "Next": "Failed"},
                {"And": [{"Variable": "$.end", "IsPresent": True}, {"Variable": "$.end", "StringEquals": "wait"}],
                 "Next": "Restoration"},
            ],
            "Default": "Done",
        },
        "Restoration": {"Type": "Pass", "Next": "Reframing"},
        "Reframing": {"Type": "Wait", "Seconds": 3600, "Next": "Done"},
        "Failed": {"Type": "Fail", "ErrorPath": "$.error", "CausePath": "$.cause"},
        "Done": {"Type": "Succeed"},
    },
}  # fmt: skip


@dataclass(frozen=True)
class Quadrat:
    """One result to seed."""

    survey: SurveyKey
    cover_percent: float
    colonies: tuple[float, ...]  # cm2
    manual: bool = False
    partly_visible: bool = False
    height_cm: float | None = None  # of a rectangle, 100 cm wide


def create_buckets(s3: Any, origin: str | None = None) -> None:
    """Create the buckets; the raw one keeps versions and, with an origin, answers its browsers."""
    for bucket in BUCKETS.values():
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket=BUCKETS["RAW_BUCKET"], VersioningConfiguration={"Status": "Enabled"})
    if origin:
        rule = {"AllowedMethods": ["POST", "GET"], "AllowedHeaders": ["*"], "AllowedOrigins": [origin]}
        s3.put_bucket_cors(Bucket=BUCKETS["RAW_BUCKET"], CORSConfiguration={"CORSRules": [rule]})


def create_state_machine(step_functions: Any) -> str:
    """Create the state machine and return its ARN."""
    answer = step_functions.create_state_machine(
        name="test-pipeline",
        definition=json.dumps(_STATE_MACHINE),
        roleArn="arn:aws:iam::123456789012:role/test-role-of-the-pipeline",
    )
    return str(answer["stateMachineArn"])


def start(step_functions: Any, arn: str, name: str, **given: Any) -> None:
    """Start a run that ends as its input says; returns when it has, or when it waits.

    moto runs it in a thread of its own. A page that was opened at once would show it as running, and a run whose thread
    has not begun cannot be stopped.
    """
    answer = step_functions.start_execution(stateMachineArn=arn, name=name, input=json.dumps(given))
    run = {"executionArn": answer["executionArn"]}

    def has_come_to_its_end() -> bool:
        if given.get("end") != "wait":
            return bool(step_functions.describe_execution(**run)["status"] != "RUNNING")
        with suppress(AttributeError, ClientError):  # moto's, while the thread has not begun
            events = step_functions.get_execution_history(**run)["events"]
            return any(event["type"] == "WaitStateEntered" for event in events)
        return False

    wait_for(has_come_to_its_end, 120, every_s=0.01)


def several_surveys(
    islands: Sequence[str] = ("Takapoto", "Mo'orea", "Huahiné"),
    years: Sequence[int] = (2006, 2008, 2010),
    positions: int = 12,
    seed: int = 7,
) -> Iterator[Quadrat]:
    """Yield results with gaps (positions that were not photographed in some years), always the same ones."""
    chance = random.Random(seed)
    for i, island in enumerate(islands):
        for j, year in enumerate(years):
            for location in range(1, positions + 1):
                if chance.random() < 0.1 and location > 1:
                    continue
                cover = min(95.0, max(0.0, 25 + 8 * i - 5 * j + chance.gauss(0, 6)))
                areas = tuple(round(chance.lognormvariate(3.2, 1.1), 2) for _ in range(chance.randint(3, 12)))
                yield Quadrat(SurveyKey(year, island, location), round(cover, 2), areas, chance.random() < 0.05)


def write_results(database: Database, quadrats: Sequence[Quadrat]) -> None:
    """Write the results as coverage would, in bulk."""
    where = [{"island": q.survey.island, "location": q.survey.location, "year": q.survey.year} for q in quadrats]
    rows = [w | {"coverage": q.cover_percent, "last_update": _day(q)} for w, q in zip(where, quadrats, strict=True)]
    colonies = [w | c for w, q in zip(where, quadrats, strict=True) for c in _colonies(q)]

    def work(connection: Any) -> None:
        connection.execute(insert(survey), where)
        connection.execute(insert(coral_coverage), rows)
        provenance = [w | _provenance(q) for w, q in zip(where, quadrats, strict=True)]
        connection.execute(insert(coverage_provenance), provenance)
        if colonies:
            connection.execute(insert(colony), colonies)

    database.write(work)


def forget_results(database: Database, quadrats: Sequence[Quadrat]) -> None:
    """Take results away again."""

    def work(connection: Any) -> None:
        for q in quadrats:
            for table in (colony, coverage_provenance, coral_coverage, survey):
                key = (table.c.island == q.survey.island, table.c.location == q.survey.location)
                connection.execute(delete(table).where(*key, table.c.year == q.survey.year))

    database.write(work)


def _day(q: Quadrat) -> datetime.date:
    return datetime.date(2026, 1 + q.survey.location % 12, 1)


def _colonies(q: Quadrat) -> list[dict[str, Any]]:
    return [
        {
            "number": i,
            "area_cm2": area,
            "score": round(0.99 - 0.01 * i, 3),
            "cut_by_frame": i % 5 == 0,
            "box_px": [60 * i, 40 * i, 60 * i + 50, 40 * i + 45],
        }
        for i, area in enumerate(q.colonies, start=1)
    ]


def _provenance(q: Quadrat) -> dict[str, Any]:
    stem, written = q.survey.stem, f"{_day(q).isoformat()}T10:00:{q.survey.location % 60:02d}.000000+00:00"
    picture = {"bucket": "test", "key": f"{stem}.jpg", "version_id": None}
    model = {"name": "detectron2-classifier", "sha256": SHA}
    return {
        "written_at": written,
        "execution_id": f"arn:aws:states:{REGION}:123456789012:execution:test-pipeline:{stem}",
        "execution_name": stem,
        "execution_started_at": written,
        "pipeline_version": "test",
        "raw_bucket": BUCKETS["RAW_BUCKET"],
        "raw_key": q.survey.key("jpg"),
        "raw_version_id": None,
        "uploaded_at": written,
        "captured_at": f"{q.survey.year}-04-15T09:00:00",
        "side_cm": 100.0,
        "height_cm": q.height_cm,
        "px_per_cm": 8.0,
        "corners_manual": q.manual,
        "colony_count": len(q.colonies),
        "score_threshold": 0.5,
        "model_name": model["name"],
        "model_sha256": SHA,
        "restoration": {
            "survey": {"year": q.survey.year, "island": q.survey.island, "location": q.survey.location},
            "source": {
                "image": picture | {"key": q.survey.key("jpg")},
                "etag": "e",
                "uploaded_at": written,
                "sequencer": None,
                "image_format": "JPEG",
                "width_px": 1200,
                "height_px": 900,
                "camera": "<b>Nikon</b> D7000",
            },
            "treated": picture,
            "thumbnail": picture,
            "method": "default",
            "applied": True,
            "side_cm": 100.0,
            "elapsed_s": 1.2,
        },
        "reframing": {
            "reframed": picture,
            "thumbnail": picture,
            "corners_px": [[240, 90], [960, 100], [950, 810], [250, 800]],
            "manual": q.manual,
            "confidence": 0.97,
            "residual_px": 0.6,
            "uncertainty_percent": 0.3,
            "strings_used": False,
            "side_cm": 100.0,
            "height_cm": q.height_cm,
            "side_px": 800,
            "height_px": 800 if q.height_cm is None else round(8 * q.height_cm),
            "px_per_cm": 8.0,
            "visible_share": None if q.manual else [1.0, 0.42 if q.partly_visible else 1.0, 0.9, 0.98],
            "partly_visible": q.partly_visible,
            "elapsed_s": 0.8,
            "model": None if q.manual else {"name": "detectron2-reframe", "sha256": SHA},
        },
        "segmentation": {
            "overlay": picture,
            "mask": picture,
            "thumbnail": picture,
            "cover_percent": q.cover_percent,
            "colony_count": len(q.colonies),
            "score_threshold": 0.5,
            "model": model,
            "elapsed_s": 1.9,
        },
    }


def write_pictures(s3: Any, surveys: Sequence[SurveyKey], *, derived: bool = True) -> None:
    """Put an original and, unless told otherwise, every derived object of each survey into the buckets."""
    pictures = _pictures()
    for key in surveys:
        raw = _put(s3, "RAW_BUCKET", key.key("jpg"), pictures["original"], "image/jpeg", {"side-cm": "100"})
        records = _provenance(Quadrat(key, 1.0, ()))
        source = records["restoration"]["source"] | {
            "image": {"bucket": BUCKETS["RAW_BUCKET"], "key": key.key("jpg"), "version_id": raw["VersionId"]},
            "etag": raw["ETag"].strip('"'),
        }
        for item in all_derived():
            if not item.by_every_run or not (derived or item.writer is Step.RESTORATION):
                continue
            is_record = item.kind is Kind.RECORD
            body = json.dumps(records[item.writer] | {"source": source}).encode() if is_record else pictures[item.name]
            _put(s3, f"{item.bucket.upper()}_BUCKET", item.key(key.stem), body, item.content_type)


def _put(s3: Any, bucket: str, key: str, body: bytes, kind: str, metadata: Mapping[str, str] | None = None) -> Any:
    return s3.put_object(Bucket=BUCKETS[bucket], Key=key, Body=body, ContentType=kind, Metadata=dict(metadata or {}))


@functools.cache
def _pictures() -> dict[str, bytes]:
    original = draw_quadrat(seed=1)
    inner = original.crop((240, 90, 960, 810)).resize((800, 800))
    mask = Image.new("L", (800, 800), 0)
    chance, pen = random.Random(1), ImageDraw.Draw(mask)
    for _ in range(14):
        x, y, r = chance.randint(40, 760), chance.randint(40, 760), chance.randint(15, 70)
        pen.ellipse((x - r, y - r, x + r, y + r), fill=255)
    overlay = Image.composite(Image.new("RGB", inner.size, (255, 120, 40)), inner, mask.point(lambda v: v // 2))
    found = {"original": original, "treated": original, "reframed": inner, "segmented": overlay}
    encoded = {name: _encode(picture) for name, picture in found.items()}
    encoded |= {f"{name}-thumbnail": _encode(picture.resize((320, 320 * picture.height // picture.width)))
                for name, picture in found.items()}  # fmt: skip
    return encoded | {"mask": _encode(mask, "PNG")}


def draw_quadrat(seed: int, size: tuple[int, int] = (1200, 900)) -> Image.Image:
    """Return a drawn photograph: reef-like noise, round corals and a pale square frame."""
    chance = random.Random(seed)
    width, height = size
    picture = Image.effect_noise((width // 6, height // 6), 60).resize(size, Image.Resampling.BICUBIC).convert("RGB")
    picture = Image.blend(picture, Image.new("RGB", size, (40, 110, 125)), 0.6)
    pen = ImageDraw.Draw(picture)
    for _ in range(40):
        x, y, r = chance.randint(0, width), chance.randint(0, height), chance.randint(12, 60)
        pen.ellipse((x - r, y - r, x + r, y + r), fill=(150 + r, 110 + r, 70 + chance.randint(0, 60)))
    frame = [(0.2 * width, 0.1 * height), (0.8 * width, 0.11 * height), (0.79 * width, 0.9 * height),
             (0.21 * width, 0.89 * height)]  # fmt: skip
    pen.line([*frame, frame[0]], fill=(225, 230, 228), width=max(4, width // 75), joint="curve")
    return picture


def _encode(picture: Image.Image, kind: str = "JPEG") -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **({"quality": 82} if kind == "JPEG" else {}))
    return file.getvalue()


def write_points(database: Database, count: int, seed: int = 11) -> int:
    """Let a person answer so many points on every photograph, all over its quadrat; returns how many points that is."""
    chance = random.Random(seed)
    with database.read() as connection:
        photographs = measured_photographs(connection)
    sets = [_answered(photo, count, chance) for photo in photographs]
    for start in range(0, len(sets), 200):
        record_points(database, sets[start : start + 200])
    return count * len(sets)


def _answered(photo: Measured, count: int, chance: random.Random) -> PointSet:
    plane = [(chance.random(), chance.random()) for _ in range(count)]
    answers = "".join("c" if chance.random() < 0.3 else "o" for _ in range(count))
    return answered(photo, plane, answers, ["Porit" if answer == "c" else "CCA" for answer in answers])


def write_runs(step_functions: Any, arn: str) -> None:
    """Start runs that succeeded, failed in three ways, and one that is still running."""
    start(step_functions, arn, "2006-Takapoto-01-jpg-v1", bucket=BUCKETS["RAW_BUCKET"], key="2006-Takapoto-01.jpg")
    failures = {
        "2010-Takapoto-50.jpg": ("QuadratNotFoundError", "reframing: No frame with four sides (visible 0.41)."),
        "2010-Takapoto-51.jpg": ("InvalidImageError", "restoration: The file is cut short."),
        "IMG_1234.jpg": ("InvalidSurveyKeyError", "restoration: 'IMG_1234.jpg' <script>alert(1)</script>"),
    }
    for key, (error, cause) in failures.items():
        name = key.replace(".", "-") + "-v1"
        start(step_functions, arn, name, bucket=BUCKETS["RAW_BUCKET"], key=key, end="fail", error=error, cause=cause)
    start(step_functions, arn, "2010-Takapoto-52-jpg-v1", bucket=BUCKETS["RAW_BUCKET"], key="2010-Takapoto-52.jpg",
          end="wait")  # fmt: skip


def write_originals_of_runs(s3: Any) -> None:
    """Put the photographs whose runs have failed into the raw bucket: runs of one that is gone need nobody."""
    for key in ("2010-Takapoto-50.jpg", "2010-Takapoto-51.jpg", "IMG_1234.jpg"):
        s3.put_object(Bucket=BUCKETS["RAW_BUCKET"], Key=key, Body=b"a photograph")


def environment(arn: str, database_file: Path, endpoint: str | None = None, **more: str) -> dict[str, str]:
    """Return the page's environment over this world."""
    variables = {
        **CREDENTIALS,
        **BUCKETS,
        "PIPELINE_ARN": arn,
        "RELABEL_ARN": arn.replace("test-pipeline", "test-relabel"),
        "DATABASE_URL": f"sqlite:///{database_file}",
        "DATABASE_AUTH": "url",
        "AUTH_MODE": "none",
        **more,
    }
    return variables | ({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})


@functools.cache
def clients(endpoint: str | None = None) -> tuple[Any, Any]:
    """Return clients of S3 and Step Functions, made once: they hold nothing of the account, and cost 60 ms."""
    options: dict[str, Any] = {
        "region_name": REGION,
        "endpoint_url": endpoint,
        "aws_access_key_id": "testing",
        "aws_secret_access_key": "testing",
    }
    return boto3.client("s3", **options), boto3.client("stepfunctions", **options)
