"""The table of derived objects against the roles of functions and page, and against its page in the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from reefsteps.derived_objects import DERIVED_OBJECTS, DerivedObject
from scripts.relations import reach

KEYS_AND_BUCKETS = Path(__file__).parents[2] / "docs/reference/keys-and-buckets.md"
EACH = pytest.mark.parametrize("item", DERIVED_OBJECTS, ids=lambda item: item.name)


@EACH
def test_roles_let_writer_and_readers_reach_the_object(item: DerivedObject) -> None:
    uses = {who: buckets.get(item.bucket.resource, ()) for who, buckets in reach.BUCKETS.items()}
    assert "write" in uses[item.writer]
    assert all("read" in uses[reader] for reader in item.readers)
    assert {"look", "delete"} <= set(uses["removal"])
    assert {"read", "write", "delete"} <= set(uses["relabel"])


def test_every_reader_of_a_bucket_reads_one_of_its_objects() -> None:
    for who, buckets in reach.BUCKETS.items():
        for item in DERIVED_OBJECTS:
            if "read" in buckets.get(item.bucket.resource, ()) and who not in ("relabel", item.writer):
                assert any(other.bucket is item.bucket and who in other.readers for other in DERIVED_OBJECTS), who


@EACH
def test_the_documentation_has_the_row(item: DerivedObject) -> None:
    readers = ", ".join(item.readers)
    line = f"| {item.bucket} | `{item.pattern}` | {item.writer} | {readers} |"
    assert line in KEYS_AND_BUCKETS.read_text()
