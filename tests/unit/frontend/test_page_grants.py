"""What a browser may send, and for how long."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.credentials import RefreshableCredentials

from frontend.services import aws
from reefsteps.quadrat_size import QuadratSize

if TYPE_CHECKING:
    from tests.unit.frontend.conftest import PageWorld

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
