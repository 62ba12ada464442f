"""What survives a kill."""

from __future__ import annotations

from pathlib import Path

from local.journal import Journal, JournalledExecution, JournalledObject


def stored(version: str, key: str = "k") -> JournalledObject:
    return JournalledObject("bucket", key, version, None, {"etag": version})


def test_objects_come_back_in_order_with_their_bodies(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for version in ("v1", "v2"):
        journal.put_object(stored(version), version.encode())
    journal.put_object(stored("marker"), None)
    found = list(Journal(tmp_path).objects())
    assert [item.version_id for item in found] == ["v1", "v2", "marker"]
    assert [item.file.read_bytes() if item.file else None for item in found] == [b"v1", b"v2", None]


def test_rewritten_and_removed_objects_leave_no_files(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.put_object(stored("null"), b"first")
    journal.put_object(stored("null"), b"second")
    (only,) = journal.objects("bucket")
    assert only.file is not None and only.file.read_bytes() == b"second"
    assert list((tmp_path / "objects" / "bucket").iterdir()) == [only.file]
    journal.remove_object("bucket", "k", "null")
    assert not list((tmp_path / "objects" / "bucket").iterdir())


def test_file_of_an_unfinished_write_is_removed_at_the_next_start(tmp_path: Path) -> None:
    Journal(tmp_path).put_object(stored("v1"), b"whole")
    left = tmp_path / "objects" / "bucket" / "0123.partial"
    left.write_bytes(b"ha")
    (kept,) = Journal(tmp_path).objects()
    assert not left.exists()
    assert kept.file is not None and kept.file.read_bytes() == b"whole"


def test_execution_that_ended_before_it_was_noted_stays_ended(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    begun = JournalledExecution("arn", "machine", "name", "RUNNING", "{}", "2026-01-01T00:00:00+00:00")
    ended = JournalledExecution("arn", "machine", "name", "SUCCEEDED", "{}", begun.started_at, output="1")
    journal.finish_execution(ended)
    journal.start_execution(begun)
    assert Journal(tmp_path).executions() == [ended]


def test_events_stay_until_they_are_delivered(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in ("a", "b"):
        journal.add_event({"id": number})
    journal.remove_event("a")
    assert Journal(tmp_path).events() == [{"id": "b"}]
