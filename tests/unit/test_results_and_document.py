"""Records travel as JSON and come back; the state document refuses what a person could have mistyped."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reefsteps.document import Execution, PipelineInput, StateDocument
from reefsteps.errors import InvalidParameterError, InvalidSurveyKeyError
from reefsteps.object_metadata import maker_of, run_metadata
from reefsteps.originals import Photograph
from reefsteps.precedence import Run, compare_sequencers, compare_uploads, same_photo
from reefsteps.quadrat_size import QuadratSize
from reefsteps.removals import Removal
from reefsteps.results import (
    Colony,
    ModelIdentity,
    ObjectRef,
    Record,
    ReframingResult,
    RestorationResult,
    SegmentationResult,
    Source,
)
from reefsteps.storage import ObjectInfo
from tests.support.pipeline_records import result

RECORDS: tuple[type[Record], ...] = (
    RestorationResult,
    ReframingResult,
    SegmentationResult,
    Source,
    Colony,
    ObjectRef,
    Execution,
)
RAW = "raw"
EXECUTION = {"id": "arn", "name": "run", "started_at": "2026-01-01T00:00:00Z"}
SOURCE = Source(
    ObjectRef("raw", "2006-X-1.jpg", "v1"), "etag1", "2026-01-01T10:00:00+00:00", "00A1", "JPEG", 4000, 3000
)


st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))  # JSON has no other numbers


@pytest.mark.parametrize("kind", RECORDS)
def test_every_record_survives_json(kind: type[Record]) -> None:
    @given(st.from_type(kind))
    def survives(record: Record) -> None:
        assert kind.from_json(json.loads(json.dumps(record.to_json()))) == record

    survives()


def test_a_record_names_what_it_lacks_and_ignores_what_it_does_not_know() -> None:
    assert ModelIdentity.from_json({"name": "n", "sha256": "s", "later": 1}) == ModelIdentity("n", "s")
    with pytest.raises(InvalidParameterError, match="ModelIdentity lacks 'sha256'"):
        ModelIdentity.from_json({"name": "n"})


FOUR = [[0, 0], [9, 0], [9, 9], [0, 9]]


def entry(**changes: Any) -> dict[str, Any]:
    return {"execution": EXECUTION, "input": {"bucket": "raw", "key": "2006-X-1.jpg"} | changes}


def test_bucket_and_key_are_enough() -> None:
    document = StateDocument.parse(entry(version_id=None, start_at=None), RAW)
    assert (document.input.start_at, document.input.corners_px, document.survey.stem) == (None, None, "2006-X-01")


def test_corners_and_side_come_through() -> None:
    corners = [[1, 2], [3.5, 2], [3, 4], [1, 4]]
    document = StateDocument.parse(entry(corners_px=corners, side_cm=50, start_at="reframing"), RAW)
    assert document.input.corners_px == ((1.0, 2.0), (3.5, 2.0), (3.0, 4.0), (1.0, 4.0))
    assert document.input.size == QuadratSize(50, 50)
    area = [[1, 2], [3, 4], [5.5, 6]]
    document = StateDocument.parse(entry(corners_px=corners, excluded_px=[area], no_quadrat=False), RAW)
    assert document.input.excluded_px == (((1.0, 2.0), (3.0, 4.0), (5.5, 6.0)),)


@pytest.mark.parametrize(
    ("side_cm", "size"),
    [(1, (1, 1)), (10_000, (10_000, 10_000)), ("70.7", (70.7, 70.7)), ("50x75", (50, 75)), ("75 x 50 cm", (50, 75))],
)
def test_a_size_is_a_number_or_text(side_cm: float | str, size: tuple[float, float]) -> None:
    asked = StateDocument.parse(entry(side_cm=side_cm), RAW).input
    assert asked.size == QuadratSize(*size)
    assert PipelineInput.from_json(asked.to_json()) == asked
    assert StateDocument.parse(entry(), RAW).input.size is None


@given(st.floats(1, 10_000), st.floats(1, 10_000), st.booleans())
def test_records_keep_a_size_and_old_ones_have_a_squares(side: float, other: float, square: bool) -> None:
    size = QuadratSize(side, side if square else other)
    lengths: dict[str, Any] = {"side_cm": size.short_cm, "height_cm": None if size.is_square else size.long_cm}
    done = result()
    records: tuple[Any, ...] = (done.restoration, done.reframing)
    for record in records:
        kept = dataclasses.replace(record, **lengths)
        assert type(record).from_json(json.loads(json.dumps(kept.to_json()))).size == size
        old = {name: value for name, value in record.to_json().items() if name not in ("height_cm", "height_px")}
        assert type(record).from_json(old).size == QuadratSize(100, 100)
    assert done.reframing.size_px == (600, 600)
    assert dataclasses.replace(done.reframing, height_px=400).size_px == (600, 400)


@pytest.mark.parametrize(
    "changes",
    [
        {"bucket": ""},
        {"key": 7},
        {"start_at": "middle"},
        {"start_at": 2},
        {"side_cm": "wide"},
        {"side_cm": "50x"},
        {"side_cm": "50x20000"},
        {"side_cm": [50, 75]},
        {"side_cm": 0},
        {"side_cm": 10_000.5},
        {"side_cm": True},
        {"side_cm": float("nan")},
        {"corners_px": [[1, 2], [3, 4], [5, 6]]},
        {"corners_px": [[1, 2], [3, 4], [5, 6], [7]]},
        {"corners_px": [[1, 2], [3, 4], [5, 6], [7, float("inf")]]},
        {"corners_px": "1,2,3,4"},
        {"excluded_px": [[[1, 2], [3, 4], [5, 6]]]},
        {"corners_px": FOUR, "excluded_px": [[[1, 2], [3, 4]]]},
        {"corners_px": FOUR, "excluded_px": [[[1, 2], [3, 4], [5, None]]]},
        {"corners_px": FOUR, "excluded_px": [[[1, 2]] * 201]},
        {"corners_px": FOUR, "excluded_px": [[[1, 2]] * 3] * 21},
        {"corners_px": FOUR, "excluded_px": "all"},
        {"no_quadrat": "yes"},
        {"no_quadrat": True, "corners_px": FOUR},
        {"version_id": 3},
        {"restoration_method": ["planar"]},
    ],
)
def test_mistyped_input_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError):
        StateDocument.parse(entry(**changes), RAW)


@pytest.mark.parametrize("event", [{}, {"input": {}}, {"execution": EXECUTION}, {"execution": {}, "input": {}}])
def test_a_payload_that_is_no_state_document_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError):
        StateDocument.parse(event, RAW)


def test_a_key_that_names_no_survey_is_refused_when_it_is_needed() -> None:
    document = StateDocument.parse(entry(key="IMG_1.jpg"), RAW)
    with pytest.raises(InvalidSurveyKeyError):
        _ = document.survey


def uploaded(**changes: Any) -> Source:
    image = ObjectRef("raw", changes.pop("key", "2006-X-1.jpg"), changes.pop("version", "v1"))
    return dataclasses.replace(SOURCE, image=image, **changes)


@pytest.mark.parametrize(
    ("other", "order"),
    [
        (SOURCE, 0),
        (uploaded(version="v0", uploaded_at="2026-01-01T09:59:59+00:00"), 1),
        (uploaded(version="v2", uploaded_at="2026-01-01T12:00:01+02:00"), -1),
        (uploaded(version="v2", sequencer="00A100"), 0),
        (uploaded(version="v2", sequencer="00A0FF"), 1),
        (uploaded(version="v2", sequencer="00a101"), -1),
        (uploaded(version="v2", sequencer=None), 0),
        (uploaded(key="2006-X-01.NEF", version="v2", sequencer="FF"), 0),
    ],
)
def test_the_order_of_uploads(other: Source, order: int) -> None:
    assert compare_uploads(SOURCE, other) == order
    assert compare_uploads(other, SOURCE) == -order


def test_without_versions_content_tells_photos_apart() -> None:
    assert same_photo(uploaded(version="null"), uploaded(version=None))
    assert not same_photo(uploaded(version=None), uploaded(version=None, etag="etag2"))
    assert not same_photo(uploaded(version="v1"), uploaded(version="v2"))


sequencers = st.none() | st.text("0123456789ABCDEFabcdef", min_size=1, max_size=20)


@given(sequencers, sequencers, sequencers)
def test_sequencers_are_in_one_order(one: str | None, other: str | None, third: str | None) -> None:
    assert compare_sequencers(one, other) == -compare_sequencers(other, one)
    if one and other and third and compare_sequencers(one, other) >= 0 and compare_sequencers(other, third) >= 0:
        assert compare_sequencers(one, third) >= 0


@pytest.mark.parametrize(
    ("removal", "covered"),
    [
        (Removal("2006-X-1.jpg", None, "2026-01-01T10:00:01Z"), True),
        (Removal("2006-X-1.jpg", None, "2026-01-01T09:59:59.9Z"), False),
        (Removal("2006-X-1.jpg", None, "2026-01-01T10:00:00.9Z"), False),
        (Removal("2006-X-1.jpg", None, "2026-01-01T10:00:00Z", sequencer="00A2"), True),
        (Removal("2006-X-1.jpg", None, "2026-01-01T10:00:00Z", sequencer="00A0"), False),
        (Removal("2006-X-01.jpg", None, "2027-01-01T10:00:00Z"), False),
        (Removal("2006-X-1.jpg", "v1", "2020-01-01T10:00:00Z"), True),
        (Removal("2006-X-1.jpg", "v2", "2027-01-01T10:00:00Z"), False),
    ],
)
def test_what_a_deletion_covers(removal: Removal, covered: bool) -> None:
    assert removal.covers(SOURCE) is covered


@given(
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255),
    name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80),
    version=st.none() | st.text("0123456789abcdefXYZ._-", min_size=1, max_size=32),
    sequencer=st.none() | st.text("0123456789ABCDEF", min_size=1, max_size=24),
    decided_at=st.none() | st.just("2026-01-01T10:00:04+00:00"),
)
def test_derived_objects_say_which_run_made_them_of_what(
    key: str, name: str, version: str | None, sequencer: str | None, decided_at: str | None
) -> None:
    version = None if version == "null" else version
    image = ObjectRef("raw", key, version)
    photo = Photograph(image, "0123456789abcdef0123456789abcdef", "2026-01-01T10:00:00+00:00", sequencer)
    run = Run(photo, "2026-01-01T10:00:05.123000+00:00", name, decided_at)
    metadata = run_metadata(run, "0" * 40)
    assert "".join((*metadata, *metadata.values())).isascii()
    info = ObjectInfo(ObjectRef("treated", "x.jpg"), "e", 1, datetime.now(UTC), "image/jpeg", metadata)
    assert maker_of(info, "raw") == run
    if len(key.encode()) <= 1024 and name.isascii():
        assert sum(len(part) for part in (*metadata, *metadata.values(), "model-sha256", "f" * 64)) <= 2048


def test_another_bucket_than_the_originals_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="not the bucket of original photographs: write raw"):
        StateDocument.parse({"execution": EXECUTION, "input": {"bucket": "treated", "key": "2006-X-01.jpg"}}, "raw")
