"""Page, commands and removal see a survey's photographs however their keys are spelled."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from reefsteps.originals import originals
from reefsteps.storage import Storage
from reefsteps.surveys import SurveyKey

SPELLINGS = {
    "2006-Mo’orea-07.jpg": SurveyKey(2006, "Mo'orea", 7),
    "2006-Moʻorea-0007.NEF": SurveyKey(2006, "Mo'orea", 7),
    unicodedata.normalize("NFD", "2006-Nouméa-05.jpg"): SurveyKey(2006, "Nouméa", 5),
    "2006-Noum%C3%A9a-06.jpg": SurveyKey(2006, "Nouméa", 6),
    "2006-Nuku+Hiva-02.jpg": SurveyKey(2006, "Nuku Hiva", 2),
    "2006-Nuku%20Hiva-03.jpg": SurveyKey(2006, "Nuku Hiva", 3),
    "2006-Nuku  Hiva-04.jpg": SurveyKey(2006, "Nuku Hiva", 4),
    "2006-Nuku\u00a0Hiva-05.jpg": SurveyKey(2006, "Nuku Hiva", 5),
    "2006- Nuku Hiva -06.jpg": SurveyKey(2006, "Nuku Hiva", 6),
    "2006-Takapoto-0006.jpg": SurveyKey(2006, "Takapoto", 6),
}
OTHERS = ("2006-Nuku-Hiva-02.jpg", "2006-Nukuhiva-02.jpg", "2007-Nuku Hiva-02.jpg", "IMG_1.jpg", "2006-Noumea-05.jpg")


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="raw")
        for key in (*SPELLINGS, *OTHERS):
            client.put_object(Bucket="raw", Key=key, Body=key.encode())
        yield client


@pytest.mark.parametrize("key", SPELLINGS)
def test_the_photograph_is_seen(s3: Any, key: str) -> None:
    survey = SPELLINGS[key]
    found = originals(Storage(s3), "raw", survey.year, survey.island)
    assert key in [info.ref.key for info in found[survey]]
    assert {s.island for s in found} == {survey.island}
    listed = {info.ref.key for info in Storage(s3).list("raw", f"{survey.year}-{survey.island}-")}
    assert listed & set(SPELLINGS) == {key for key, other in SPELLINGS.items() if other.island == survey.island}


def test_a_prefix_letter_by_letter_sees_that_spelling_only(s3: Any) -> None:
    assert [i.ref.key for i in Storage(s3).list_exactly("raw", "2006-Nuku+")] == ["2006-Nuku+Hiva-02.jpg"]


def test_the_newest_photograph_of_a_position_comes_first(s3: Any) -> None:
    found = originals(Storage(s3), "raw", 2006, "Mo'orea")[SurveyKey(2006, "Mo'orea", 7)]
    assert len(found) == 2
    assert found[0].last_modified >= found[1].last_modified
