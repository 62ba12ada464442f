"""Two people at once: who is told, and that nobody is told of their own photographs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.domain.arrivals import StoredVersion, arrived_meanwhile
from reefsteps.surveys import SurveyKey

START = datetime(2026, 1, 1, 10, 0, tzinfo=UTC)


def version(key: str, version_id: str, minute: int, size: int = 5) -> StoredVersion:
    return StoredVersion(SurveyKey.parse(key), key, version_id, size, START + timedelta(minutes=minute))


OLD = version("2006-Hao-01.jpg", "old", -60)
MINE = version("2006-Hao-01.jpg", "mine", 5)


@pytest.mark.parametrize(
    ("theirs", "mine_counts"),
    [
        (version("2006-Hao-01.jpg", "theirs", 2, size=7), True),
        (version("2006-Hao-01.jpg", "theirs", 9, size=7), False),
        (version("2006-Hao-1.png", "theirs", 2), True),
        (version("2006-Hao-1.png", "theirs", 9), False),
        (version("2006-Hao-01.jpg", "theirs", 2), True),  # as many bytes as mine
    ],
)
def test_the_sender_is_told_what_else_arrived_and_which_counts(theirs: StoredVersion, mine_counts: bool) -> None:
    (found,) = arrived_meanwhile({"old"}, {MINE.key: 5}, [OLD, MINE, theirs])
    assert (found.theirs, found.ours, found.ours_counts) == (theirs, MINE, mine_counts)
    assert ("yours is measured" in str(found)) is mine_counts
    assert "2006-Hao-01: somebody else sent" in str(found)


def test_what_was_known_and_what_belongs_to_other_quadrats_is_not_told() -> None:
    others = [version("2006-Hao-02.jpg", "x", 3), version("2007-Hao-01.jpg", "y", 3)]
    assert arrived_meanwhile({"old"}, {MINE.key: 5}, [OLD, MINE, *others]) == []


KEYS = ("2006-Hao-01.jpg", "2006-Hao-1.png", "2006-Hao-02.jpg")
VERSIONS = st.lists(
    st.builds(version, st.sampled_from(KEYS), st.uuids().map(str), st.integers(-5, 5), st.integers(1, 3)),
    max_size=8,
    unique_by=lambda v: v.version_id,
)


@given(before=VERSIONS, after=VERSIONS, sizes=st.dictionaries(st.sampled_from(KEYS), st.integers(1, 3), max_size=2))
def test_alone_nobody_is_told_anything(
    before: list[StoredVersion], after: list[StoredVersion], sizes: dict[str, int]
) -> None:
    known = {v.version_id for v in before}
    mine = [version(key, f"mine-{key}", 9, size) for key, size in sizes.items()]
    one_each = {v.survey: v for v in mine}.values()  # a position takes one photograph
    assert arrived_meanwhile(known, {v.key: v.size_bytes for v in one_each}, [*before, *one_each]) == []
    told = arrived_meanwhile(known, {v.key: v.size_bytes for v in one_each}, [*before, *one_each, *after])
    assert {m.theirs.version_id for m in told} == {
        v.version_id for v in after if v.survey in {o.survey for o in one_each}
    }
    assert all(m.ours in one_each for m in told)
