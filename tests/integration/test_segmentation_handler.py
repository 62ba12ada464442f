"""The segmentation step on a picture whose corals are known, with a detector that sees them by colour."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from reefsteps.derived_objects import REFRAMED_PICTURE
from reefsteps.document import StateDocument
from reefsteps.errors import InvalidParameterError, ModelNotReadyError, PhotoNotFoundError, SupersededError
from reefsteps.evaluation import Evaluation
from reefsteps.images import encode_jpeg
from reefsteps.learned import LearnedPhotograph
from reefsteps.model_store import ModelStore
from reefsteps.results import SegmentationResult, Trust
from reefsteps.settings import Environment
from reefsteps.storage import Storage
from segmentation.settings import Settings
from segmentation.step import segment_photograph
from tests.support.handlers import ENVIRONMENT
from tests.support.pipeline_records import document, result, run_writer
from tests.support.segmentation_step import IDENTITY, ColourDetector, Discs, reframed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SIDE_PX = 600
Step = Callable[[dict[str, Any]], dict[str, Any]]


def step_with(models: Any) -> Step:
    """Return the step, with a payload for its only argument and the record as JSON."""
    settings = Settings.from_environment(Environment(ENVIRONMENT | {"SCORE_THRESHOLD": "0.3"}))

    def work(payload: dict[str, Any]) -> dict[str, Any]:
        given = StateDocument.parse(payload, settings.raw_bucket)
        return segment_photograph(given, settings, Storage(), models).to_json()

    return work


@pytest.fixture
def step(s3: S3Client) -> Step:
    return step_with(SimpleNamespace(detector=ColourDetector))


def picture(s3: S3Client, bucket: str, key: str) -> npt.NDArray[Any]:
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    decoded = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    return decoded


def test_cover_colonies_and_pictures_are_right(step: Step, s3: S3Client) -> None:
    truth = reframed(result())
    returned = step(document(result(), "restoration", "reframing"))
    measured = SegmentationResult.from_json(returned)
    assert measured.cover_percent == pytest.approx(100 * truth.mean(), abs=0.15)
    assert measured.colony_count == len(measured.colonies) == 3
    areas = sorted(colony.area_cm2 for colony in measured.colonies)
    assert areas[-1] == pytest.approx(np.pi * 80**2 / 6**2, rel=0.02)  # 6 px per cm
    assert [colony.cut_by_frame for colony in measured.colonies].count(True) == 1
    assert (measured.model, measured.score_threshold, measured.strings_percent) == (IDENTITY, 0.3, None)

    mask = picture(s3, "reef-masks", "2006-Bora-Bora-01.png")
    assert mask.shape == (SIDE_PX, SIDE_PX)
    assert set(np.unique(mask)) == {0, 255}
    assert round(100 * (mask > 0).mean(), 2) == measured.cover_percent
    assert picture(s3, "reef-segmented", "2006-Bora-Bora-01.jpg").shape == (SIDE_PX, SIDE_PX, 3)
    assert max(picture(s3, "reef-segmented", "thumbnails/2006-Bora-Bora-01.jpg").shape) == 320


@pytest.mark.parametrize(("input_px", "low"), [(SIDE_PX, False), (SIDE_PX + 1, True)])
def test_a_quadrat_smaller_than_the_models_input_is_marked(
    step: Step, s3: S3Client, monkeypatch: pytest.MonkeyPatch, input_px: int, low: bool
) -> None:
    monkeypatch.setattr(ColourDetector.manifest, "least_side_px", input_px)
    reframed(result())
    assert step(document(result(), "restoration", "reframing"))["low_resolution"] is low


def test_the_record_says_how_far_to_trust_it_and_what_is_strange(step: Step, s3: S3Client) -> None:
    reframed(result())
    returned = SegmentationResult.from_json(step(document(result(), "restoration", "reframing")))
    assert returned.trust == Trust(
        "not measured", "Nobody has measured how wrong the model 'detectron2-classifier' is on real photographs."
    )
    assert returned.to_be_looked_at == ()
    grey = encode_jpeg(np.full((SIDE_PX, SIDE_PX, 3), 90, np.uint8))
    run_writer(result(), "1.2.3").put(REFRAMED_PICTURE, grey)
    empty = SegmentationResult.from_json(step(document(result(), "restoration", "reframing")))
    assert (empty.cover_percent, empty.to_be_looked_at) == (0.0, ("The model found no colony here.",))


@pytest.mark.parametrize(
    ("learned_from", "learned", "left_out"),
    [
        (None, None, None),
        ((), False, None),
        ((LearnedPhotograph(key="2006-Other-01.jpg"),), False, None),
        ((LearnedPhotograph(key=result().restoration.source.image.key),), True, None),
        ((LearnedPhotograph(key=result().restoration.source.image.key, left_out_cover_percent=41.5),), True, 41.5),
    ],
)
def test_the_record_says_whether_the_model_learned_from_the_photograph(
    s3: S3Client, learned_from: tuple[LearnedPhotograph, ...] | None, learned: bool | None, left_out: float | None
) -> None:
    reframed(result())
    detector = ColourDetector()
    measured = Evaluation(1, "5e" * 32, (), learned_from=learned_from)
    detector.manifest = SimpleNamespace(**{**vars(ColourDetector.manifest), "measured": measured})
    step = step_with(SimpleNamespace(detector=lambda: detector))
    record = SegmentationResult.from_json(step(document(result(), "restoration", "reframing")))
    assert (record.learned, record.left_out_cover_percent) == (learned, left_out)


def test_everything_written_says_where_it_comes_from(step: Step, s3: S3Client) -> None:
    reframed(result())
    step(document(result(), "restoration", "reframing"))
    for bucket, key in [
        ("reef-masks", "2006-Bora-Bora-01.png"),
        ("reef-segmented", "2006-Bora-Bora-01.jpg"),
        ("reef-segmented", "thumbnails/2006-Bora-Bora-01.jpg"),
        ("reef-segmented", "results/2006-Bora-Bora-01.json"),
    ]:
        metadata = s3.head_object(Bucket=bucket, Key=key)["Metadata"]
        assert metadata.pop("source-key")
        assert metadata == {
            "source-version-id": "v1",
            "source-etag": "etag-v1",
            "source-uploaded-at": "2026-01-01T10:00:00+00:00",
            "execution-name": "run-v1",
            "execution-started-at": "2026-01-01T10:00:05.000Z",
            "pipeline-version": "1.2.3",
            "model-sha256": IDENTITY.sha256,
        }
    assert s3.head_object(Bucket="reef-masks", Key="2006-Bora-Bora-01.png")["ContentType"] == "image/png"


def test_a_run_that_starts_here_gives_the_same(step: Step) -> None:
    reframed(result())
    whole = step(document(result(), "restoration", "reframing"))
    started_here = step(document(result(), start_at="segmentation"))
    assert whole | {"elapsed_s": 0} == started_here | {"elapsed_s": 0}


def test_strings_are_looked_for_where_reframing_saw_them(step: Step) -> None:
    done = result(strings_used=True)
    reframed(done)
    assert step(document(done, "restoration", "reframing"))["strings_percent"] == 0.0


@pytest.mark.parametrize("lying", [True, False])
def test_a_rectangles_cover_areas_and_cut_colonies_are_right(step: Step, s3: S3Client, lying: bool) -> None:
    sides = (900, 600) if lying else (600, 900)  # 12 px per cm
    shape: dict[str, Any] = {"side_cm": sides[0] / 12, "height_cm": sides[1] / 12, "px_per_cm": 12.0}
    done = result()
    shape |= {"side_px": sides[0], "height_px": sides[1]}
    done = dataclasses.replace(done, reframing=dataclasses.replace(done.reframing, **shape))
    discs: Discs = (((200, 200), 60), ((450, 450), 80), ((sides[0] - 5, 330), 40), ((300, sides[1] - 6), 40))
    truth = reframed(done, discs)
    measured = SegmentationResult.from_json(step(document(done, "restoration", "reframing")))
    assert measured.cover_percent == pytest.approx(100 * truth.mean(), abs=0.15)
    assert max(c.area_cm2 for c in measured.colonies) == pytest.approx(np.pi * 80**2 / 12**2, rel=0.02)
    cut = [c for c in measured.colonies if c.cut_by_frame]
    assert len(cut) == 2
    assert max(c.box_px[2] for c in cut) == sides[0]
    assert max(c.box_px[3] for c in cut) == sides[1]
    mask = picture(s3, "reef-masks", "2006-Bora-Bora-01.png")
    assert mask.shape == sides[::-1]
    assert picture(s3, "reef-segmented", "2006-Bora-Bora-01.jpg").shape == (*sides[::-1], 3)


def test_a_run_of_an_older_photo_leaves_the_newer_pictures(step: Step, s3: S3Client) -> None:
    newer = result(version="v2", uploaded_at="2026-01-01T11:00:00+00:00")
    reframed(newer)
    step(document(newer, "restoration", "reframing"))
    before = s3.head_object(Bucket="reef-segmented", Key="2006-Bora-Bora-01.jpg")["ETag"]
    with pytest.raises(SupersededError, match="newer photograph"):
        step(document(result(), "restoration", "reframing"))
    assert s3.head_object(Bucket="reef-segmented", Key="2006-Bora-Bora-01.jpg")["ETag"] == before


def test_a_newer_photos_picture_is_not_measured_for_an_older_run(step: Step) -> None:
    reframed(result(version="v2", uploaded_at="2026-01-01T11:00:00+00:00"))
    with pytest.raises(SupersededError, match="another photograph"):
        step(document(result(), "restoration", "reframing"))


def test_a_missing_picture_is_named(step: Step) -> None:
    with pytest.raises(PhotoNotFoundError, match="2006-Bora-Bora-01"):
        step(document(result(), "restoration", "reframing"))
    with pytest.raises(PhotoNotFoundError, match="start the run at reframing"):
        step(document(result(), start_at="segmentation"))


def test_a_missing_model_is_retried_by_name(s3: S3Client, tmp_path: Path) -> None:
    reframed(result())
    step = step_with(ModelStore(s3, "reef-models", "detectron2-classifier", cache_dir=tmp_path))
    with pytest.raises(ModelNotReadyError, match=r"detectron2-classifier\.pth"):
        step(document(result(), "restoration", "reframing"))


@pytest.mark.parametrize(
    "event",
    [{}, {"execution": {}, "input": {"bucket": "b", "key": "k"}}, {"input": {"bucket": "b"}, "execution": {"id": "i"}}],
)
def test_a_payload_of_another_shape_is_refused(step: Step, event: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError):
        step(event)


def test_what_a_person_has_hidden_is_left_out_and_said(step: Step, s3: S3Client) -> None:
    done = result()
    corners = ((1000.0, 500.0), (2200.0, 500.0), (2200.0, 1700.0), (1000.0, 1700.0))  # 2 px for each reframed one
    fin = ((1600.0, 500.0), (2200.0, 500.0), (2200.0, 1700.0), (1600.0, 1700.0))  # the right half
    reframing = dataclasses.replace(done.reframing, corners_px=corners, manual=True, excluded_px=(fin,))
    done = dataclasses.replace(done, reframing=reframing)
    truth = reframed(done)[:, : SIDE_PX // 2]
    measured = SegmentationResult.from_json(step(document(done, "restoration", "reframing")))
    assert measured.excluded_percent == pytest.approx(50, abs=0.3)
    assert measured.cover_percent == pytest.approx(100 * truth.mean(), abs=0.2)
    assert measured.colony_count == 1
    assert not picture(s3, "reef-masks", "2006-Bora-Bora-01.png")[:, SIDE_PX // 2 + 2 :].any()
    overlay = picture(s3, "reef-segmented", "2006-Bora-Bora-01.jpg")
    assert overlay[20:60, 500:].mean() < 0.5 * overlay[20:60, :200].mean()
