"""The reframing step against S3 (moto): what it reads, writes, records and refuses.

The model is stood in for by the drawn frame's mask; the models themselves have tests of their own.
"""

import base64
import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

import cv2
import numpy as np
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from reefsteps import decisions
from reefsteps.document import StateDocument
from reefsteps.errors import (
    InvalidParameterError,
    ModelNotReadyError,
    NoQuadratError,
    PhotoDeletedError,
    PhotoNotFoundError,
    QuadratNotFoundError,
    RelabellingUnderWayError,
    SupersededError,
)
from reefsteps.images import decode, encode_jpeg
from reefsteps.model_store import Models, ModelStore
from reefsteps.quadrat_size import QuadratSize
from reefsteps.results import ModelIdentity, ObjectRef, ReframingResult, RestorationResult, Source, SurveyRef
from reefsteps.settings import Environment
from reefsteps.storage import Storage
from reframing.quadrat import find_quadrat
from reframing.quadrat_fit import QuadratFit
from reframing.settings import Settings
from reframing.shape import extents_of
from reframing.step import reframe_photograph
from tests.support import quadrat_drawing as drawing
from tests.support.handlers import ENVIRONMENT

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RAW, TREATED, REFRAMED, MODELS = "reef-raw", "reef-treated", "reef-reframed", "reef-models"
KEY, STEM = "2006-Mo'orea-3.jpg", "2006-Mo'orea-03"
CORNERS = np.array([[160.0, 80.0], [560.0, 100.0], [540.0, 500.0], [140.0, 480.0]])  # a square of 400.5 px
BAR_PX = 24
IDENTITY = ModelIdentity("detectron2-reframe", "ab" * 32)


@dataclasses.dataclass
class Step:
    """The step's settings and models; `fake_model` puts another model in."""

    settings: Settings
    models: Models

    def __call__(self, payload: dict[str, Any]) -> ReframingResult:
        given = StateDocument.parse(payload, self.settings.raw_bucket)
        return reframe_photograph(given, self.settings, Storage(), self.models)


@pytest.fixture
def step(s3: "S3Client", tmp_path: Path) -> Step:
    settings = Settings.from_environment(Environment(ENVIRONMENT))
    return Step(settings, ModelStore(s3, settings.model_bucket, settings.model_name, cache_dir=tmp_path))


def outer_corners() -> np.ndarray:
    centre = CORNERS.mean(0)
    return np.asarray(centre + (CORNERS - centre) * (1 + 2 * BAR_PX / 400))


def photograph() -> np.ndarray:
    random = np.random.default_rng(5)
    coarse = random.uniform(20, 150, (120, 140, 3)).astype(np.float32)
    scene = cv2.resize(coarse, (2100, 1800), interpolation=cv2.INTER_CUBIC)
    cv2.fillPoly(scene, [np.round(outer_corners() * 3).astype(np.int32)], (230, 225, 215))
    inside = cv2.fillPoly(np.zeros(scene.shape[:2], np.uint8), [np.round(CORNERS * 3).astype(np.int32)], 1) > 0
    seabed = cv2.resize(coarse[::-1].copy(), (2100, 1800), interpolation=cv2.INTER_CUBIC)
    scene[inside] = seabed[inside]
    return np.clip(cv2.resize(scene, (700, 600), interpolation=cv2.INTER_AREA), 0, 255).astype(np.uint8)


def frame_mask() -> np.ndarray:
    mask = np.zeros((600, 700), np.uint8)
    cv2.fillPoly(mask, [np.round(outer_corners()).astype(np.int32)], 1)
    return cv2.fillPoly(mask, [np.round(CORNERS).astype(np.int32)], 0)


def fake_model(step: Step, mask: np.ndarray | None) -> Any:
    class Detections:
        def __len__(self) -> int:
            return 0 if mask is None else 1

        def union_mask(self) -> np.ndarray:
            assert mask is not None
            return mask

    detector = SimpleNamespace(
        identity=IDENTITY, manifest=SimpleNamespace(score_threshold=0.5), detect=lambda *_: Detections()
    )
    return mock.patch.object(step, "models", SimpleNamespace(detector=lambda: detector))


def restored(
    s3: "S3Client", *, version: str = "v1", side_cm: float = 50.0, picture: np.ndarray | None = None
) -> dict[str, Any]:
    """Put the treated picture and return restoration's record as it stands in the document."""
    s3.put_object(Bucket=RAW, Key=KEY, Body=b"photograph")
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[RAW].keys[KEY]._version_id = version
    body = encode_jpeg(photograph() if picture is None else picture)
    s3.put_object(Bucket=TREATED, Key=f"{STEM}.jpg", Body=body, Metadata={"source-etag": version})
    source = Source(ObjectRef(RAW, KEY, version), version, "2026-01-01T00:00:00+00:00", None, "JPEG", 700, 600)
    return RestorationResult(
        SurveyRef(2006, "Mo'orea", 3), source, ObjectRef(TREATED, f"{STEM}.jpg"),
        ObjectRef(TREATED, f"thumbnails/{STEM}.jpg"), "planar", True, side_cm, 0.1,
    ).to_json()  # fmt: skip


def run(step: Step, record: dict[str, Any] | None, **entry: Any) -> ReframingResult:
    document = {
        "execution": {"id": "arn:x", "name": "x", "started_at": "2026-01-01T00:00:00Z"},
        "input": {"bucket": RAW, "key": KEY} | entry,
    } | ({"restoration": record} if record else {})
    answer = step(json.loads(json.dumps(document))).to_json()
    return ReframingResult.from_json(json.loads(json.dumps(answer)))


def read(s3: "S3Client", key: str) -> tuple[bytes, dict[str, str]]:
    answer = s3.get_object(Bucket=REFRAMED, Key=key)
    return answer["Body"].read(), answer["Metadata"]


def test_frame_is_found_and_cut_out(step: Step, s3: "S3Client") -> None:
    with fake_model(step, frame_mask()):
        result = run(step, restored(s3))
    np.testing.assert_allclose(np.array(result.corners_px), CORNERS, atol=1.5)
    assert (result.manual, result.strings_used, result.side_cm, result.model) == (False, False, 50.0, IDENTITY)
    assert 0.5 < result.confidence <= 1
    assert result.residual_px is not None
    assert result.residual_px < 1
    assert result.side_px == pytest.approx(400, abs=6)
    assert result.px_per_cm == pytest.approx(result.side_px / 50, abs=1e-3)

    body, metadata = read(s3, f"{STEM}.jpg")
    assert decode(body).pixels_bgr.shape == (result.side_px, result.side_px, 3)
    assert metadata["model-sha256"] == IDENTITY.sha256
    assert metadata["source-version-id"] == "v1"
    assert metadata["pipeline-version"] == result.pipeline_version == "1.2.3"
    assert decode(read(s3, f"thumbnails/{STEM}.jpg")[0]).pixels_bgr.shape == (320, 320, 3)
    assert ReframingResult.from_json(json.loads(read(s3, f"results/{STEM}.json")[0])) == result


def test_a_partly_visible_frame_is_said_to_be(step: Step, s3: "S3Client") -> None:
    shares = (1.0, 0.41234, 0.9, 1.0)

    def hidden(*found: Any) -> QuadratFit:
        return dataclasses.replace(find_quadrat(*found), partly_visible=True, visible_share=shares)

    with fake_model(step, frame_mask()):
        whole = run(step, restored(s3))
        with mock.patch("reframing.step.find_quadrat", hidden):
            run(step, restored(s3))
    assert not whole.partly_visible
    assert whole.visible_share is not None
    assert min(whole.visible_share) > 0.9
    kept = ReframingResult.from_json(json.loads(read(s3, f"results/{STEM}.json")[0]))
    assert kept.partly_visible
    assert kept.visible_share == (1.0, 0.412, 0.9, 1.0)


def test_corners_by_hand_replace_detection_and_are_kept_for_this_version(step: Step, s3: "S3Client") -> None:
    corners = [[150.0, 480.0], [540.0, 490.0], [560.0, 110.0], [150.0, 90.0]]  # mirrored order: put right
    result = run(step, restored(s3), corners_px=corners)
    assert result.manual
    assert result.corners_px == ((150, 90), (560, 110), (540, 490), (150, 480))
    assert (result.confidence, result.residual_px, result.uncertainty_percent, result.model) == (1.0, None, None, None)
    assert "model-sha256" not in read(s3, f"{STEM}.jpg")[1]

    again = run(step, restored(s3))
    assert again.manual
    assert again.corners_px == result.corners_px
    with fake_model(step, frame_mask()):
        other = run(step, restored(s3, version="v2"))
    assert not other.manual


FIN = [[300.0, 200.0], [420.0, 210.0], [380.0, 330.0]]


def test_hidden_areas_are_kept_with_the_corners_of_this_version_and_replaced_with_them(
    step: Step, s3: "S3Client"
) -> None:
    given = run(step, restored(s3), corners_px=CORNERS.tolist(), excluded_px=[FIN])
    assert given.excluded_px == (tuple(tuple(point) for point in FIN),)
    assert json.loads(read(s3, f"corners/{STEM}.json")[0])["excluded_px"] == [FIN]
    assert run(step, restored(s3)).excluded_px == given.excluded_px
    with fake_model(step, frame_mask()):
        assert run(step, restored(s3, version="v2")).excluded_px == ()
    assert run(step, restored(s3), corners_px=CORNERS.tolist()).excluded_px == ()
    assert run(step, restored(s3)).excluded_px == ()


def test_areas_that_hide_nearly_all_of_the_quadrat_are_refused_and_not_kept(step: Step, s3: "S3Client") -> None:
    everything = [[0, 0], [700, 0], [700, 600], [0, 600]]
    with pytest.raises(InvalidParameterError, match="leave 0 % of the quadrat"):
        run(step, restored(s3), corners_px=CORNERS.tolist(), excluded_px=[everything])
    assert s3.list_objects_v2(Bucket=REFRAMED)["KeyCount"] == 0


def test_no_quadrat_is_obeyed_for_this_version_until_it_is_taken_back(step: Step, s3: "S3Client") -> None:
    with fake_model(step, frame_mask()):
        with pytest.raises(NoQuadratError, match="shows no quadrat"):
            run(step, restored(s3), no_quadrat=True)
        with pytest.raises(NoQuadratError):
            run(step, restored(s3))
        assert not run(step, restored(s3, version="v2")).manual
        with pytest.raises(NoQuadratError):
            run(step, restored(s3), no_quadrat=True)
        assert not run(step, restored(s3), no_quadrat=False).manual
        assert not run(step, restored(s3)).manual


@pytest.mark.parametrize("decided", [{"corners_px": CORNERS.tolist()}, {"no_quadrat": True}])
def test_a_decision_about_another_version_changes_nothing(step: Step, s3: "S3Client", decided: dict[str, Any]) -> None:
    with pytest.raises(SupersededError, match="another version"):
        run(step, restored(s3, version="v2"), version_id="v1", **decided)
    assert s3.list_objects_v2(Bucket=REFRAMED)["KeyCount"] == 0


@pytest.mark.parametrize("said", [True, False])
def test_a_decision_about_a_photograph_that_was_deleted_meanwhile_is_removed_with_it(
    step: Step, s3: "S3Client", said: bool
) -> None:
    record = restored(s3)
    s3.delete_object(Bucket=RAW, Key=KEY, VersionId="v1")
    with fake_model(step, None), pytest.raises(PhotoDeletedError, match="is removed"):
        run(step, record, version_id="v1", no_quadrat=said)


def test_corners_take_no_quadrat_back(step: Step, s3: "S3Client") -> None:
    with pytest.raises(NoQuadratError):
        run(step, restored(s3), no_quadrat=True)
    assert run(step, restored(s3), corners_px=CORNERS.tolist()).manual
    assert run(step, restored(s3)).manual


def test_corners_that_older_releases_kept_are_read(step: Step, s3: "S3Client") -> None:
    kept = {"corners_px": CORNERS.tolist(), "source_version_id": "v1", "source_etag": "v1"}
    s3.put_object(Bucket=REFRAMED, Key=f"corners/{STEM}.json", Body=json.dumps(kept).encode())
    result = run(step, restored(s3))
    assert (result.manual, result.excluded_px) == (True, ())


def test_a_run_waits_for_decisions_that_follow_the_photograph_to_its_new_name(
    step: Step, s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC)
    monkeypatch.setattr(decisions, "datetime", SimpleNamespace(now=lambda _zone: now))
    record = restored(s3) | {"decisions_follow": ["corners"]}
    with fake_model(step, frame_mask()):
        with pytest.raises(RelabellingUnderWayError, match="has not followed"):
            run(step, record)
        former = {"source-key": base64.b64encode(KEY.encode()).decode(), "source-version-id": "v0"}
        other = json.dumps({"source_version_id": "v0", "source_etag": "v0"}).encode()
        s3.put_object(Bucket=REFRAMED, Key=f"corners/{STEM}.json", Body=other, Metadata=former)
        with pytest.raises(RelabellingUnderWayError):
            run(step, record)
        kept = {"corners_px": CORNERS.tolist(), "source_version_id": "v1", "source_etag": "v1"}
        own = former | {"source-version-id": "v1"}
        s3.put_object(Bucket=REFRAMED, Key=f"corners/{STEM}.json", Body=json.dumps(kept).encode(), Metadata=own)
        assert run(step, record).manual


def test_a_photograph_that_was_copied_by_hand_with_such_metadata_is_measured_in_the_end(
    step: Step, s3: "S3Client"
) -> None:
    with fake_model(step, frame_mask()):  # it was uploaded long ago
        assert not run(step, restored(s3) | {"decisions_follow": ["corners", "no-quadrat"]}).manual


def test_a_photograph_that_was_taken_back_before_its_decisions_came_is_deleted(
    step: Step, s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC)
    monkeypatch.setattr(decisions, "datetime", SimpleNamespace(now=lambda _zone: now))
    record = restored(s3) | {"decisions_follow": ["corners"]}
    s3.delete_object(Bucket=RAW, Key=KEY)
    s3.delete_object(Bucket=RAW, Key=KEY, VersionId="v1")
    with pytest.raises(PhotoDeletedError):
        run(step, record)


def test_side_of_the_execution_wins(step: Step, s3: "S3Client") -> None:
    result = run(step, restored(s3), corners_px=CORNERS.tolist(), side_cm=75)
    assert result.side_cm == 75
    assert result.px_per_cm == pytest.approx(result.side_px / 75, abs=1e-3)


@pytest.mark.parametrize("lying", [True, False])
@pytest.mark.parametrize("by_hand", [True, False])
def test_a_rectangle_is_cut_out_at_one_scale(step: Step, s3: "S3Client", lying: bool, by_hand: bool) -> None:
    model = drawing.view(6, extent=extents_of(QuadratSize(50, 75))[0 if lying else 1])
    picture, mask = drawing.draw(model, strings=True)
    record = restored(s3, picture=picture) | {"side_cm": 50.0, "height_cm": 75.0}
    given = {"corners_px": model.corners_px.tolist()} if by_hand else {}
    with fake_model(step, mask.astype(np.uint8)):
        result = run(step, record, **given)
    assert (result.side_cm, result.height_cm) == ((75, 50) if lying else (50, 75))
    assert result.size == QuadratSize(50, 75)
    assert result.px_per_cm == pytest.approx(result.side_px / result.side_cm, abs=1e-3)
    assert result.height_cm is not None
    assert result.height_px == pytest.approx(result.px_per_cm * result.height_cm, abs=0.6)
    assert decode(read(s3, f"{STEM}.jpg")[0]).pixels_bgr.shape[:2] == (result.height_px, result.side_px)
    assert result.string_cells == (None if by_hand else (15, 10) if lying else (10, 15))
    np.testing.assert_allclose(result.corners_px, model.corners_px, atol=1.5)

    with fake_model(step, mask.astype(np.uint8)), pytest.raises((QuadratNotFoundError, InvalidParameterError)):
        run(step, record, side_cm=100, **given)
    assert run(step, record, side_cm="1000x1500", corners_px=model.corners_px.tolist()).size == QuadratSize(1000, 1500)


def test_earlier_record_is_taken_from_the_bucket(step: Step, s3: "S3Client") -> None:
    record = restored(s3)
    s3.put_object(Bucket=TREATED, Key=f"results/{STEM}.json", Body=json.dumps(record).encode())
    assert run(step, None, corners_px=CORNERS.tolist(), start_at="reframing").manual


def test_refusals_write_nothing(step: Step, s3: "S3Client") -> None:
    record = restored(s3)
    with fake_model(step, None), pytest.raises(QuadratNotFoundError, match="sees no quadrat frame"):
        run(step, record)
    with fake_model(step, np.roll(frame_mask(), 90, axis=1)), pytest.raises(QuadratNotFoundError, match="by hand"):
        run(step, record)
    with pytest.raises(InvalidParameterError, match="outside the treated picture"):
        run(step, record, corners_px=[[0, 0], [800, 0], [800, 500], [0, 500]])
    with pytest.raises(ModelNotReadyError):
        run(step, record)
    assert s3.list_objects_v2(Bucket=REFRAMED)["KeyCount"] == 0


@pytest.mark.parametrize("shape", [(1, 600), (600, 1), (2, 600), (600, 3), (1, 1), (9, 5000)])
def test_very_narrow_pictures_are_refused_by_name(step: Step, s3: "S3Client", shape: tuple[int, int]) -> None:
    record = restored(s3, picture=np.full((*shape, 3), 128, np.uint8))
    with fake_model(step, np.ones(shape, np.uint8)), pytest.raises(QuadratNotFoundError):
        run(step, record)
    with pytest.raises(InvalidParameterError):
        run(step, record, corners_px=[[0, 0], [1, 0], [1, 1], [0, 1]])


def test_missing_picture_is_named(step: Step, s3: "S3Client") -> None:
    record = restored(s3)
    s3.delete_object(Bucket=TREATED, Key=f"{STEM}.jpg")
    with pytest.raises(PhotoNotFoundError, match=f"{TREATED}/{STEM}.jpg"):
        run(step, record)
