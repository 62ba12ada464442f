"""Downloads are made when they are asked for, also while the database wakes, and leave nothing out unsaid."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from streamlit.testing.v1 import AppTest

from frontend.components import downloads, states
from frontend.domain.coco import to_coco
from frontend.domain.exports import About
from frontend.services import masks, measurements
from reefsteps.derived_objects import MASK
from reefsteps.errors import DatabaseUnavailableError
from tests.support import page_world

if TYPE_CHECKING:
    from tests.page.conftest import PageWorld

Texts = Callable[[AppTest], str]
ABOUT = About("all", datetime(2026, 5, 1, tzinfo=UTC), [])


def test_opening_the_page_makes_no_file(world: PageWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("made with the page")

    for name in ("measurement_rows", "to_csv", "colony_rows"):
        monkeypatch.setattr(f"frontend.components.downloads.exports.{name}", refuse)
    monkeypatch.setattr(masks, "masked_quadrats", refuse)
    app = world.open("coverage", show="Export")
    assert not app.exception


def test_too_many_masks_for_one_file_are_refused_with_what_to_do(
    world: PageWorld, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "too many for one COCO file" not in texts(world.open("coverage", show="Export"))
    monkeypatch.setattr(downloads, "MOST_MASKS", 5)
    assert "too many for one COCO file of at most 5: choose islands or years" in texts(
        world.open("coverage", show="Export")
    )


def test_masks_come_from_the_bucket_and_a_quadrat_without_one_is_named(world: PageWorld) -> None:
    rows = [row for row in measurements.coverage() if row.island == "Takapoto"][:4]
    data = json.loads(to_coco(masks.masked_quadrats(rows), ABOUT))
    assert [image["width"] for image in data["images"]] == [800, 800, 800]
    assert data["info"]["quadrats_without_mask"] == [f"{rows[3].year}-Takapoto-{rows[3].location:02d}"]
    assert {a["image_id"] for a in data["annotations"]} == {1, 2, 3}


def test_a_mask_of_another_model_is_not_taken_for_the_rows(world: PageWorld) -> None:
    row = next(row for row in measurements.coverage() if row.island == "Takapoto")
    key = MASK.key(f"{row.year}-{row.island}-{row.location:02d}")
    body = world.s3.get_object(Bucket="test-masks", Key=key)["Body"].read()
    for sha256, taken in ((page_world.SHA, True), ("cd" * 32, False)):
        world.s3.put_object(Bucket="test-masks", Key=key, Body=body, Metadata={"model-sha256": sha256})
        (found,) = masks.masked_quadrats([row])
        assert (found.mask is not None) is taken


def test_a_download_waits_for_a_database_that_wakes(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)

    def waking() -> str:
        if len(waited) < 2:
            raise DatabaseUnavailableError("asleep")
        return "awake"

    assert states.patiently(waking) == "awake"
    assert waited == [states.PAUSE_S] * 2


def test_a_download_gives_up_when_the_database_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))

    def asleep() -> str:
        raise DatabaseUnavailableError("asleep")

    with pytest.raises(DatabaseUnavailableError):
        states.patiently(asleep)
