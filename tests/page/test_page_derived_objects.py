"""The page shows, offers and counts a picture that was added to the table of derived objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block

from frontend.services import measurements, photos
from frontend.settings import settings
from reefsteps import derived_objects
from reefsteps.buckets import Bucket
from reefsteps.derived_objects import DERIVED_OBJECTS, DerivedObject, Kind
from reefsteps.steps import Step
from reefsteps.surveys import SurveyKey

if TYPE_CHECKING:
    from tests.page.conftest import PageWorld

DEPTH = DerivedObject("depth", Bucket.SEGMENTED, "depth/{stem}.png", Kind.PICTURE, Step.SEGMENTATION, label="Depth")


@pytest.fixture(autouse=True)
def with_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived_objects, "DERIVED_OBJECTS", (*DERIVED_OBJECTS, DEPTH))


def addresses(app: AppTest) -> str:
    """Return everything that the page sends to the browser, addresses of pictures and downloads among it."""
    sent, blocks = [], [app.main]
    while blocks:
        for child in blocks.pop().children.values():
            sent.append(str(getattr(child, "proto", "")))
            blocks += [child] if isinstance(child, Block) else []
    return " ".join(sent)


def test_the_gallery_shows_an_added_picture(world: PageWorld) -> None:
    app = world.open("gallery", picture="Depth")
    assert not app.exception
    assert "/depth/" in addresses(app)


def test_the_quadrats_page_offers_an_added_picture(world: PageWorld) -> None:
    row = next(row for row in measurements.coverage() if row.island == "Takapoto")
    app = world.open("quadrat", island=row.island, year=str(row.year), location=str(row.location))
    assert not app.exception
    assert "-depth.png" in addresses(app)


def test_an_added_picture_is_among_what_a_deletion_removes(world: PageWorld) -> None:
    survey = SurveyKey(2006, "Hao", 1)
    world.s3.put_object(Bucket=settings().segmented_bucket, Key=DEPTH.key(survey.stem), Body=b"depth")
    world.s3.put_object(Bucket=settings().segmented_bucket, Key=f"depth/{survey.stem}0.png", Body=b"another")
    assert [trace.key for trace in photos.traces([survey])] == ["depth/2006-Hao-01.png"]
