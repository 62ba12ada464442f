"""What a browser may send, and for how long."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.credentials import RefreshableCredentials

from frontend.services import aws
from reefsteps.quadrat_size import QuadratSize

if TYPE_CHECKING:
    from tests.page.conftest import PageWorld

FRAME = QuadratSize(50, 75)


class _Session:
    """A boto3 session whose credentials, as a task's role has them, end after some seconds."""

    def __init__(self, left_s: int) -> None:
        ends = (datetime.now(UTC) + timedelta(seconds=left_s)).isoformat()
        given = {"access_key": "testing", "secret_key": "testing", "token": "testing", "expiry_time": ends}
        self.credentials = RefreshableCredentials.create_from_metadata(given, lambda: given, "test")

    def get_credentials(self) -> RefreshableCredentials:
        return self.credentials


def _policy(grant: aws.Grant) -> Any:
    return json.loads(base64.b64decode(grant.fields["policy"]))


def test_a_grant_holds_for_one_survey_and_one_size_of_quadrat(world: PageWorld) -> None:
    grant = aws.grant(2006, "Bora-Bora", FRAME)
    assert (grant.id, grant.prefix) == (aws.grant_id(2006, "Bora-Bora", FRAME), "2006-Bora-Bora-")
    assert grant.id != aws.grant_id(2006, "Bora-Bora", QuadratSize(50, 50))
    assert grant.fields["x-amz-meta-side-cm"] == "50x75"
    assert {"x-amz-meta-side-cm": "50x75"} in _policy(grant)["conditions"]
    assert 3500 < grant.expires_at - time.time() <= 3600


@pytest.mark.parametrize(("left_s", "least_s", "most_s"), [(7200, 3500, 3600), (1500, 1300, 1500), (1000, 850, 1000)])
def test_a_grant_ends_before_the_credentials_that_signed_it(
    world: PageWorld, monkeypatch: pytest.MonkeyPatch, left_s: int, least_s: int, most_s: int
) -> None:
    aws.s3()
    monkeypatch.setattr(aws, "_session", lambda: _Session(left_s))
    grant = aws.grant(2006, "Bora-Bora", FRAME)
    assert least_s <= grant.expires_at - time.time() <= most_s
    ends = datetime.fromisoformat(_policy(grant)["expiration"])
    assert abs(ends.timestamp() - grant.expires_at) < 60


class _Clock:
    """A clock that tests set; botocore's credentials and the page read the same one."""

    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0  # a multiple of half an hour

    def time(self) -> float:
        return self.now_s

    def utc(self) -> datetime:
        return datetime.fromtimestamp(self.now_s, UTC)


class _TaskRole:
    """Credentials as a task has them: some hours each, fetched anew when a quarter of an hour is left."""

    def __init__(self, clock: _Clock, life_s: int) -> None:
        self._clock, self._life_s = clock, life_s
        self.ends_s = 0.0
        self.credentials = RefreshableCredentials.create_from_metadata(self._fetch(), self._fetch, "test")
        self.credentials._time_fetcher = clock.utc  # type: ignore[attr-defined]

    def _fetch(self) -> dict[str, str]:
        self.ends_s = self._clock.now_s + self._life_s
        ends = datetime.fromtimestamp(self.ends_s, UTC).isoformat()
        return {"access_key": "testing", "secret_key": "testing", "token": f"{self.ends_s}", "expiry_time": ends}

    def get_credentials(self) -> RefreshableCredentials:
        return self.credentials


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr(aws, "time", clock)
    return clock


class _Signer:
    """Signs by the tests' clock; an address is the moment of signing and the seconds that it can be used."""

    def __init__(self, clock: _Clock) -> None:
        self._clock = clock

    def generate_presigned_url(self, _operation: str, **arguments: Any) -> str:
        return f"{self._clock.now_s} {arguments['ExpiresIn']}"

    def generate_presigned_post(self, *_: object, **__: object) -> dict[str, Any]:
        return {"url": "https://reef-raw", "fields": {}}


def _life_s(address: str) -> int:
    return int(parse_qs(urlsplit(address).query)["X-Amz-Expires"][0])


@pytest.mark.parametrize("life_s", [1000, 1800, 3600, 6 * 3600])
def test_nothing_that_the_page_hands_out_outlives_the_credentials(
    world: PageWorld, clock: _Clock, monkeypatch: pytest.MonkeyPatch, life_s: int
) -> None:
    role = _TaskRole(clock, life_s)
    monkeypatch.setattr(aws, "_session", lambda: role)
    monkeypatch.setattr(aws, "s3", cache(lambda: _Signer(clock)))
    for _ in range(140):  # five hours, whatever the minute
        signed_s, expires_in_s = map(float, aws.link("reef-raw", "2006-Takapoto-01.jpg").split())
        ends_s = signed_s + expires_in_s
        left_s = ends_s - clock.now_s
        assert ends_s <= role.ends_s
        assert left_s >= min(aws.LINK_SLOT_S, role.ends_s - clock.now_s) - aws.STEP_S
        grant = aws.grant(2006, "Takapoto", FRAME)
        assert grant.expires_at <= role.ends_s
        assert grant.expires_at - clock.now_s >= min(aws.GRANT_LIFE_S, role.ends_s - clock.now_s) - aws.STEP_S - 1
        clock.now_s += 131


def test_a_link_stays_the_same_for_half_an_hour(
    world: PageWorld, clock: _Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _life_s(aws.link("reef-raw", "2006-Takapoto-02.jpg")) == 3600
    monkeypatch.setattr(aws, "s3", cache(lambda: _Signer(clock)))
    first = aws.link("reef-raw", "2006-Takapoto-01.jpg")
    clock.now_s += aws.LINK_SLOT_S - 1
    assert aws.link("reef-raw", "2006-Takapoto-01.jpg") == first
    clock.now_s += 1
    assert aws.link("reef-raw", "2006-Takapoto-01.jpg") != first
