"""The restoration step against S3 (moto): what it reads, writes, records and refuses."""

import hashlib
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from PIL import Image

from reefsteps.copies import followed_by
from reefsteps.document import StateDocument
from reefsteps.errors import (
    InvalidImageError,
    InvalidParameterError,
    InvalidSurveyKeyError,
    PhotoNotFoundError,
    SupersededError,
)
from reefsteps.images import decode, encode_jpeg, encode_png
from reefsteps.quadrat_size import QuadratSize
from reefsteps.results import RestorationResult
from reefsteps.settings import Environment
from reefsteps.storage import Storage
from reefsteps.texts import LONGEST_CAMERA
from restoration.settings import Settings
from restoration.step import restore_photograph
from tests.support.handlers import ENVIRONMENT
from tests.support.real_data import NOT_HERE, REAL_DATA

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NEF = REAL_DATA / "raw/lat_sample1_1200px.NEF"
RAW, TREATED = "reef-raw", "reef-treated"
KEY, STEM = "2006-Mo'orea-3.jpg", "2006-Mo'orea-03"

VARIABLES = {"RESTORATION_METHOD": "planar", "QUADRAT_SIDE_CM": "100", "MAX_MEGAPIXELS": "20"}


def settings_with(**variables: str) -> Settings:
    return Settings.from_environment(Environment(ENVIRONMENT | VARIABLES | variables))


@pytest.fixture
def settings() -> Settings:
    return settings_with()


def photograph(seed: int = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0.1, 0.9, (12, 16, 1)) * rng.uniform(0.75, 1.1, (12, 16, 3))
    scene = np.clip(cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC), 0, 1)
    return ((scene * [0.75, 0.65, 0.2] + [0.12, 0.14, 0.02]) * 255).astype(np.uint8)


def upload(s3: "S3Client", body: bytes, key: str = KEY, **metadata: str) -> str:
    return s3.put_object(Bucket=RAW, Key=key, Body=body, Metadata=metadata)["VersionId"]


def run(settings: Settings, **entry: Any) -> RestorationResult:
    document = {
        "execution": {"id": "arn:x", "name": "x", "started_at": "2026-01-01T00:00:00Z"},
        "input": {"bucket": RAW, "key": KEY} | entry,
    }
    given = StateDocument.parse(json.loads(json.dumps(document)), settings.raw_bucket)
    answer = restore_photograph(given, settings, Storage()).to_json()
    return RestorationResult.from_json(json.loads(json.dumps(answer)))


def read(s3: "S3Client", key: str) -> tuple[bytes, dict[str, Any]]:
    answer = s3.get_object(Bucket=TREATED, Key=key)
    return answer["Body"].read(), dict(answer)


def test_photograph_becomes_a_treated_picture(settings: Settings, s3: "S3Client") -> None:
    version = upload(s3, encode_jpeg(photograph()))
    result = run(settings, version_id=version, sequencer="0055AED6DCD90281E5")

    assert (result.survey.year, result.survey.island, result.survey.location) == (2006, "Mo'orea", 3)
    assert (result.method, result.applied, result.skipped_because, result.side_cm) == ("planar", True, None, 100.0)
    assert (result.source.image.key, result.source.image.version_id) == (KEY, version)
    assert (result.source.image_format, result.source.width_px, result.source.height_px) == ("JPEG", 640, 480)
    assert result.source.sequencer == "0055AED6DCD90281E5"
    assert (result.source.colour_encoding, result.source.grey) == ("sRGB assumed: the file does not say", False)
    assert (result.treated.bucket, result.treated.key) == (TREATED, f"{STEM}.jpg")

    body, treated = read(s3, f"{STEM}.jpg")
    assert treated["ContentType"] == "image/jpeg"
    assert treated["Metadata"]["source-version-id"] == version
    assert treated["Metadata"]["pipeline-version"] == "1.2.3"
    assert "model-sha256" not in treated["Metadata"]
    assert decode(body).pixels_bgr.shape == (480, 640, 3)
    blue, _, red = decode(body).pixels_bgr.reshape(-1, 3).mean(axis=0)
    assert red > 0.8 * blue  # before: about a third

    small, _ = read(s3, f"thumbnails/{STEM}.jpg")
    assert decode(small).pixels_bgr.shape == (240, 320, 3)
    record, _ = read(s3, f"results/{STEM}.json")
    assert RestorationResult.from_json(json.loads(record)) == result


def test_second_run_writes_the_same_bytes(settings: Settings, s3: "S3Client") -> None:
    upload(s3, encode_jpeg(photograph()))
    run(settings)
    first = [read(s3, key)[0] for key in (f"{STEM}.jpg", f"thumbnails/{STEM}.jpg")]
    run(settings)
    assert [read(s3, key)[0] for key in (f"{STEM}.jpg", f"thumbnails/{STEM}.jpg")] == first
    assert s3.list_objects_v2(Bucket=TREATED)["KeyCount"] == 3


def test_original_is_untouched(settings: Settings, s3: "S3Client") -> None:
    body = encode_jpeg(photograph())
    upload(s3, body)
    run(settings)
    assert s3.get_object(Bucket=RAW, Key=KEY)["Body"].read() == body
    assert len(s3.list_object_versions(Bucket=RAW)["Versions"]) == 1


def test_version_in_the_event_is_the_one_that_is_read(settings: Settings, s3: "S3Client") -> None:
    first = upload(s3, encode_jpeg(photograph(1)))
    upload(s3, encode_jpeg(photograph(2)[:240]))
    uploaded = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[RAW].keys.getlist(KEY)
    uploaded[0].last_modified = uploaded[1].last_modified
    with pytest.raises(SupersededError, match="in the same second"):
        run(settings, version_id=first)
    uploaded[0].last_modified -= timedelta(seconds=1)
    assert run(settings, version_id=first).source.height_px == 480


def test_key_of_an_event_is_decoded_once(settings: Settings, s3: "S3Client") -> None:
    upload(s3, encode_jpeg(photograph()), "2006-Nuku Hiva-01.jpg")
    assert run(settings, key="2006-Nuku+Hiva-01.jpg").survey.island == "Nuku Hiva"
    assert run(settings, key="2006-Nuku%20Hiva-01.jpg").survey.island == "Nuku Hiva"


def test_side_is_the_runs_else_the_uploads_else_the_deployments(settings: Settings, s3: "S3Client") -> None:
    upload(s3, encode_jpeg(photograph()))
    assert run(settings).side_cm == 100
    upload(s3, encode_jpeg(photograph()), **{"side-cm": "50"})
    assert run(settings).side_cm == 50
    assert run(settings, side_cm=75).side_cm == 75


def test_decisions_that_follow_a_copy_are_named_for_its_own_key_only(settings: Settings, s3: "S3Client") -> None:
    upload(s3, encode_jpeg(photograph()), **followed_by(KEY, ["corners"]))
    assert run(settings).decisions_follow == ("corners",)
    upload(s3, encode_jpeg(photograph()), **followed_by("2006-Mo'orea-04.jpg", ["corners"]))
    assert run(settings).decisions_follow == ()


def test_the_files_own_name_is_kept_with_its_accents(settings: Settings, s3: "S3Client") -> None:
    upload(s3, encode_jpeg(photograph()))
    assert run(settings).source.original_name is None
    upload(s3, encode_jpeg(photograph()), **{"original-name": "Mo%27orea%20%C3%A9t%C3%A9%2C%20no%207.JPG"})
    assert run(settings).source.original_name == "Mo'orea été, no 7.JPG"


def test_the_files_content_is_recorded(settings: Settings, s3: "S3Client") -> None:
    body = encode_jpeg(photograph())
    upload(s3, body)
    assert run(settings).source.sha256 == hashlib.sha256(body).hexdigest()


def test_a_rectangle_is_recorded_by_both_sides(settings: Settings, s3: "S3Client") -> None:
    upload(s3, encode_jpeg(photograph()), **{"side-cm": "75x50"})
    result = run(settings)
    assert (result.side_cm, result.height_cm, result.size) == (50, 75, QuadratSize(50, 75))
    assert run(settings, side_cm="60x80").size == QuadratSize(60, 80)
    assert run(settings, side_cm=100).height_cm is None


@pytest.mark.parametrize(("text", "size"), [("5", (5, 5)), ("2000", (2000, 2000)), ("50x75", (50, 75))])
def test_the_deployments_size_may_be_any(s3: "S3Client", text: str, size: tuple[float, float]) -> None:
    upload(s3, encode_jpeg(photograph()))
    assert run(settings_with(QUADRAT_SIDE_CM=text)).size == QuadratSize(*size)


@pytest.mark.parametrize("text", ["half a metre", "-50", "nan", "50x", "0.5", "10001", "50x20000"])
def test_unreadable_side_is_refused(settings: Settings, s3: "S3Client", text: str) -> None:
    upload(s3, encode_jpeg(photograph()), **{"side-cm": text})
    with pytest.raises(InvalidParameterError, match=f"'side-cm' is '{text}'"):
        run(settings)


def test_method_of_the_run_is_used_and_recorded(settings: Settings, s3: "S3Client") -> None:
    upload(s3, encode_png(photograph()))
    result = run(settings, restoration_method="none")
    assert (result.method, result.applied) == ("none", False)
    treated = decode(read(s3, f"{STEM}.jpg")[0]).pixels_bgr
    assert np.abs(treated.astype(int) - photograph()).mean() < 1.5
    with pytest.raises(InvalidParameterError, match="one of planar, none, histogram, dark_channel"):
        run(settings, restoration_method="magic")


def test_photograph_that_needs_nothing_is_left_and_says_so(settings: Settings, s3: "S3Client") -> None:
    rng = np.random.default_rng(1)
    grey = rng.integers(0, 256, (48, 64), dtype=np.uint8).repeat(10, axis=0).repeat(10, axis=1)
    upload(s3, encode_png(np.dstack([grey] * 3)))
    result = run(settings)
    assert (result.method, result.applied) == ("planar", False)
    assert "already neutral and contrasty" in (result.skipped_because or "")


def test_camera_date_and_orientation_are_read(settings: Settings, s3: "S3Client", tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[271], exif[272], exif[274] = "NIKON CORPORATION", "NIKON D70s", 6
    exif._ifds[34665] = {36867: "2006:07:08 09:10:11"}
    Image.fromarray(photograph()[..., ::-1]).save(tmp_path / "photo.jpg", exif=exif)
    upload(s3, (tmp_path / "photo.jpg").read_bytes())
    source = run(settings).source
    assert (source.camera, source.captured_at) == ("NIKON D70s", "2006-07-08T09:10:11")
    assert (source.width_px, source.height_px) == (480, 640)


@pytest.mark.data
@pytest.mark.skipif(not NEF.exists(), reason=NOT_HERE)
def test_raw_photograph_is_developed(settings: Settings, s3: "S3Client") -> None:
    upload(s3, NEF.read_bytes(), "2008-Takapoto-12.jpg")
    result = run(settings, key="2008-Takapoto-12.jpg")
    assert (result.source.image_format, result.source.width_px) == ("NEF", 1199)
    assert decode(read(s3, "2008-Takapoto-12.jpg")[0]).pixels_bgr.shape == (800, 1199, 3)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"a text", "no photograph"),
        (b"", "empty"),
        (encode_jpeg(photograph())[:-5000], "damaged or incomplete"),
        (encode_png(np.zeros((5000, 5000, 3), np.uint8)), "more than 20 megapixels"),
    ],
)
def test_bad_photographs_are_refused_and_leave_nothing(
    settings: Settings, s3: "S3Client", body: bytes, message: str
) -> None:
    upload(s3, body)
    with pytest.raises(InvalidImageError, match=message):
        run(settings)
    assert s3.list_objects_v2(Bucket=TREATED)["KeyCount"] == 0


def test_bad_keys_and_missing_objects_are_named(settings: Settings, s3: "S3Client") -> None:
    with pytest.raises(InvalidSurveyKeyError):
        run(settings, key="holiday.jpg")
    with pytest.raises(PhotoNotFoundError, match=KEY):
        run(settings)


def test_older_version_does_not_replace_a_newer_ones_picture(settings: Settings, s3: "S3Client") -> None:
    old = upload(s3, encode_jpeg(photograph(1)))
    new = upload(s3, encode_jpeg(photograph(2)))
    run(settings, version_id=new, sequencer="02")
    kept, _ = read(s3, f"{STEM}.jpg")
    with pytest.raises(SupersededError):
        run(settings, version_id=old, sequencer="01")
    assert read(s3, f"{STEM}.jpg")[0] == kept


def test_what_a_camera_writes_at_length_fits_the_database(settings: Settings, s3: "S3Client") -> None:
    exif = Image.Exif()
    exif[271], exif[272] = "Maker", "Model " + "x" * 5000
    details = exif.get_ifd(34665)
    details[36867], details[36881] = "2005:12:31 09:00:00", "+05:30:15.123456"
    file = io.BytesIO()
    Image.fromarray(photograph()).save(file, "JPEG", exif=exif)
    upload(s3, file.getvalue())
    source = run(settings).source
    assert source.captured_at == "2005-12-31T09:00:00"
    assert source.camera is not None
    assert source.camera.startswith("Maker Model xxx")
    assert len(source.camera) == LONGEST_CAMERA


def test_a_name_longer_than_the_database_keeps_is_refused_first(settings: Settings, s3: "S3Client") -> None:
    with pytest.raises(InvalidSurveyKeyError, match="longest name"):
        run(settings, key=f"2006-Mo'{' ' * 300}orea-3.jpg")
    literal = "2006-" + "%E3%81%82" * 29 + "-3.jpg"  # 29 characters once decoded, and really named so
    upload(s3, encode_jpeg(photograph()), key=literal)
    with pytest.raises(InvalidSurveyKeyError, match="longest name"):
        run(settings, key=literal)
