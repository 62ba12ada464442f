"""The page sees a photograph whose key somebody else has spelled: it is not replaced unasked, and can be deleted."""

from __future__ import annotations

import pytest

from frontend.domain.file_names import Guess
from frontend.domain.upload_plan import IncomingFile, UploadStatus, plan
from frontend.services import photos
from reefsteps.surveys import SurveyKey
from tests.page.conftest import PageWorld
from tests.support.page_world import BUCKETS

RAW = BUCKETS["RAW_BUCKET"]


@pytest.mark.parametrize("key", ["2006-Mo’orea-07.jpg", "2006-Mo%27orea-07.jpg", "2006-Moʻorea-007.jpg"])
def test_the_position_is_taken_and_the_photograph_can_be_deleted(empty_world: PageWorld, key: str) -> None:
    empty_world.s3.put_object(Bucket=RAW, Key=key, Body=b"x")
    present = photos.originals(2006, "Mo'orea")
    file = IncomingFile("a", "2006-Moorea/07.jpg", 1000)
    (found,) = plan([file], typed={"a": Guess(island="Mo'orea")}, defaults=Guess(), present=present, max_bytes=10**9)
    assert found.status is UploadStatus.DUPLICATE
    assert f"The position already has {key}" in found.note
    assert photos.find_original("2006-Mo'orea-07.jpg") == key
    assert photos.find_original("2006-Mo'orea-07.nef") is None


def test_deleting_a_survey_names_every_photograph_of_a_position(empty_world: PageWorld) -> None:
    keys = ["2006-Nuku+Hiva-02.jpg", "2006-Nuku Hiva-02.nef", "2006-Nuku Hiva-03.jpg"]
    for key in keys:
        empty_world.s3.put_object(Bucket=RAW, Key=key, Body=b"x")
    app = empty_world.open("delete").segmented_control[0].set_value("Campaign").run()
    app.text_input(key="delete_island").set_value("Nuku Hiva")
    app = app.number_input(key="delete_year").set_value(2006).run()
    assert not app.exception
    assert "3 original photographs" in "\n".join(element.value for element in app.markdown)
    named = "\n".join(element.value for element in app.text)
    assert all(key in named for key in keys)
    assert set(photos.originals(2006, "Nuku Hiva")[SurveyKey(2006, "Nuku Hiva", 2)].keys) == set(keys[:2])
