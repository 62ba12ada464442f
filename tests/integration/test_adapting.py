"""The adapt function: from points in the database to a model in the bucket, which a person puts into use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from conversion.convert import convert
from reefsteps.adaptation import AdaptResult
from reefsteps.database import Database
from reefsteps.detection import Manifest
from reefsteps.errors import InvalidParameterError, ModelNotReadyError, UnsupportedModelError
from reefsteps.model_keys import model_card_key, model_in_use_key, model_key
from reefsteps.model_store import ModelStore
from reefsteps.point_queries import measured_photographs
from reefsteps.point_store import record_points
from reefsteps.surveys import SurveyKey
from tests.support.checkpoints import config_dump, random_mask_rcnn, write_checkpoint
from tests.support.handlers import emulated_s3, loaded
from tests.support.page_world import Quadrat, write_results
from tests.support.point_answers import answered

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MODELS, PICTURES, BASE = "reef-models", "test", "detectron2-classifier"
SIDE_PX = 320
STARTED = "2026-11-28T03:15:00.000Z"
NEW = f"{BASE}-adapted-20261128T031500"


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parent")
    write_checkpoint(folder / f"{BASE}.pth", random_mask_rcnn())
    convert(folder / f"{BASE}.pth", config_dump(folder / f"{BASE}.yaml"), folder)
    return folder


@pytest.fixture
def s3() -> Iterator[S3Client]:
    with emulated_s3() as client:
        client.create_bucket(Bucket=PICTURES, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
        yield client


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(f"sqlite:///{tmp_path / 'coverage.db'}")
    made.create_tables()
    return made


@pytest.fixture
def app(s3: S3Client, database: Database) -> Iterator[ModuleType]:
    with loaded("adapt", {"DATABASE_URL": str(database.url), "DATABASE_AUTH": "url"}) as module:
        yield module


def put_model(s3: S3Client, converted: Path) -> None:
    for key in (model_key(BASE), model_card_key(BASE)):
        s3.put_object(Bucket=MODELS, Key=key, Body=(converted / key).read_bytes())


def survey_with_points(s3: S3Client, database: Database, count: int, *, sensible: bool = True) -> None:
    """Quadrats with blue colonies on orange ground, and points on them; answers are coin tosses if not sensible."""
    surveys = [SurveyKey(2024, "Moorea", number) for number in range(1, count + 1)]
    write_results(database, [Quadrat(survey, 10.0, ()) for survey in surveys])
    with database.read() as connection:
        photographs = measured_photographs(connection)
    sets = []
    for photo in photographs:
        rng = np.random.default_rng(photo.survey.location)
        coral = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
        for _ in range(rng.integers(2, 7)):
            x, y, radius = (int(value) for value in (*rng.integers(0, SIDE_PX, 2), rng.integers(20, 80)))
            cv2.circle(coral, (x, y), radius, 1, -1)
        ground = np.where(coral[:, :, None] > 0, (200, 90, 40), (40, 110, 210))
        noise = rng.normal(0, 12, (SIDE_PX, SIDE_PX, 1))
        _, encoded = cv2.imencode(".jpg", np.clip(ground + noise, 0, 255).astype(np.uint8))
        s3.put_object(Bucket=PICTURES, Key=f"{photo.survey.stem}.jpg", Body=encoded.tobytes())
        plane = rng.random((100, 2))
        column, row = (plane * SIDE_PX).astype(int).T
        said = coral[row, column] > 0 if sensible else rng.random(100) < 0.5
        sets.append(answered(photo, plane, "".join("c" if one else "o" for one in said)))
    record_points(database, sets)


def run(app: ModuleType, **asked: Any) -> AdaptResult:
    return AdaptResult.from_json(app.handler({"execution": {"started_at": STARTED}, "input": asked}, None))


def keys(s3: S3Client) -> set[str]:
    return {one["Key"] for one in s3.list_objects_v2(Bucket=MODELS).get("Contents", [])}


def store(s3: S3Client, folder: Path, **more: Any) -> ModelStore:
    return ModelStore(s3, MODELS, BASE, cache_dir=folder, adaptable=True, check_interval_s=0, threads=1, **more)


def test_a_model_is_learned_then_used_then_left_again(
    s3: S3Client, database: Database, app: ModuleType, converted: Path, tmp_path: Path
) -> None:
    put_model(s3, converted)
    survey_with_points(s3, database, 4)
    result = run(app)
    assert result.adapted, result.sentence
    assert (result.model, result.in_use) == (NEW, BASE)
    assert keys(s3) == {model_key(BASE), model_card_key(BASE), model_key(NEW), model_card_key(NEW)}

    manifest = Manifest.parse(s3.get_object(Bucket=MODELS, Key=model_card_key(NEW))["Body"].read().decode())
    parent = Manifest.load(converted / model_card_key(BASE))
    assert manifest.adaptation is not None
    assert manifest.adaptation.parent == parent.identity
    assert [one.key for one in manifest.adaptation.left_out] == [f"2024-Moorea-0{n}.jpg" for n in range(1, 5)]
    assert {one.points for one in manifest.adaptation.left_out} == {100}
    assert manifest.measured is not None
    assert manifest.measured.checkpoint_sha256 == manifest.identity.sha256 == manifest.model.sha256
    learned = manifest.measured.learned_from
    assert learned is not None
    assert [(one.key, one.left_out_cover_percent) for one in learned] == [
        (one.key, one.found_percent) for one in manifest.adaptation.left_out
    ]
    assert manifest.measured.sets[0].value("mae_points") == manifest.adaptation.verdict.adapted.mean_points

    models = store(s3, tmp_path / "cache")
    assert models.detector().manifest.name == BASE  # nothing changes before a person agrees
    assert run(app, use=NEW).in_use == NEW
    assert models.detector().manifest.name == NEW

    put_model(s3, converted)  # a new conversion
    assert models.detector().manifest.name == NEW
    with pytest.raises(UnsupportedModelError, match=rf"'{NEW}'.*engine 'detectron2' cannot serve"):
        store(s3, tmp_path / "other", engine="detectron2").detector()

    assert run(app, use=BASE).in_use == BASE
    assert models.detector().manifest.name == BASE


def test_a_second_adaptation_is_compared_by_left_out_predictions(
    s3: S3Client, database: Database, app: ModuleType, converted: Path
) -> None:
    put_model(s3, converted)
    survey_with_points(s3, database, 3)
    first = run(app)
    assert first.adaptation
    run(app, use=NEW)
    second = run(app)
    assert second.adaptation
    found = [one.found_percent for one in first.adaptation.left_out]
    assert [one.in_use_percent for one in second.adaptation.left_out] == found
    assert second.adaptation.compared_with == NEW


def test_answers_that_nothing_can_be_learned_from_change_nothing(
    s3: S3Client, database: Database, app: ModuleType, converted: Path
) -> None:
    put_model(s3, converted)
    survey_with_points(s3, database, 4, sensible=False)
    result = run(app)
    assert not result.adapted
    assert "not published" in result.sentence
    assert result.adaptation is not None  # with its figures
    assert keys(s3) == {model_key(BASE), model_card_key(BASE)}


@pytest.mark.parametrize("count", [0, 1, 2])
def test_below_three_photographs_it_says_so(
    s3: S3Client, database: Database, app: ModuleType, converted: Path, count: int
) -> None:
    put_model(s3, converted)
    survey_with_points(s3, database, count) if count else None
    result = run(app)
    assert not result.adapted
    assert f"on {count} photograph" in result.sentence
    assert "Nothing was changed" in result.sentence


def test_photographs_whose_picture_is_gone_do_not_count(
    s3: S3Client, database: Database, app: ModuleType, converted: Path
) -> None:
    put_model(s3, converted)
    survey_with_points(s3, database, 3)
    s3.delete_object(Bucket=PICTURES, Key="2024-Moorea-02.jpg")
    assert "on 2 photographs" in run(app).sentence


def test_another_islands_photographs_can_be_left_out(
    s3: S3Client, database: Database, app: ModuleType, converted: Path
) -> None:
    put_model(s3, converted)
    survey_with_points(s3, database, 3)
    assert "on 0 photographs" in run(app, island="Takapoto").sentence
    assert "on 0 photographs" in run(app, year=2023).sentence


@pytest.mark.parametrize("asked", [{"use": 5}, {"island": 5}, {"year": "2024"}, {"year": True}])
def test_malformed_input_is_refused(app: ModuleType, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError):
        run(app, **asked)


def test_only_a_model_of_the_bucket_that_passed_can_be_used(s3: S3Client, app: ModuleType, converted: Path) -> None:
    for name in ("other", f"{BASE}-adapted-nothing"):
        with pytest.raises(UnsupportedModelError):
            run(app, use=name)
    s3.put_object(Bucket=MODELS, Key=model_card_key(NEW), Body=(converted / model_card_key(BASE)).read_bytes())
    with pytest.raises(UnsupportedModelError, match="has not passed"):
        run(app, use=NEW)
    assert model_in_use_key(BASE) not in keys(s3)


def test_without_a_converted_model_the_run_can_be_tried_again(
    s3: S3Client, database: Database, app: ModuleType
) -> None:
    survey_with_points(s3, database, 3)
    with pytest.raises(ModelNotReadyError):
        run(app)


def test_a_choice_that_names_nothing_is_refused_by_the_workers(s3: S3Client, tmp_path: Path) -> None:
    body = json.dumps({"format": 1, "model": "elsewhere"}).encode()
    s3.put_object(Bucket=MODELS, Key=model_in_use_key(BASE), Body=body)
    with pytest.raises(UnsupportedModelError, match="names none of"):
        store(s3, tmp_path).detector()
