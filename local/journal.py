"""What survives a restart of the local stack: objects, undelivered events and executions, in one folder.

Bodies are files under ``objects/<bucket>/``, written beside and renamed; ``journal.sqlite`` holds the rest. A row is
written after its file, so a kill at any moment leaves either the old state or the new one. At worst a file stays that
no row names; ``Journal`` removes such files when it opens.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    position INTEGER PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, version_id TEXT NOT NULL,
    file TEXT, details TEXT NOT NULL, UNIQUE (bucket, key, version_id));
CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS executions (
    arn TEXT PRIMARY KEY, machine TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL, input TEXT NOT NULL,
    started_at TEXT NOT NULL, stopped_at TEXT, output TEXT, error TEXT, cause TEXT, history TEXT);
"""


@dataclass(frozen=True)
class JournalledObject:
    """One version of an object; ``file`` is None for a delete marker, ``details`` what S3 keeps beside the body."""

    bucket: str
    key: str
    version_id: str
    file: Path | None
    details: dict[str, Any]


@dataclass(frozen=True)
class JournalledExecution:
    """One execution; times are ISO 8601, ``input`` and ``output`` JSON text, ``history`` as GetExecutionHistory."""

    arn: str
    machine: str
    name: str
    status: str
    input: str
    started_at: str
    stopped_at: str | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    history: str | None = None


class Journal:
    """The durable side of the local stack; safe to use from several threads of one process."""

    def __init__(self, folder: Path, ended: Callable[[JournalledExecution], None] | None = None) -> None:
        """Open the journal in `folder`; `ended` is told of each execution that ends."""
        self._ended = ended
        self._records_ends = True
        self._objects = folder / "objects"
        self._objects.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._database = sqlite3.connect(folder / "journal.sqlite", check_same_thread=False, isolation_level=None)
        self._database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + _SCHEMA)
        self._remove_unnamed_files()

    def stop_recording_ends(self) -> None:
        """Take every execution that ends from now on for interrupted: the stack stops under it.

        What ends then ends because its workers are gone, so the next life of the stack starts it again.
        """
        with self._lock:
            self._records_ends = False

    def close(self) -> None:
        """Finish writing; the journal cannot be used afterwards."""
        with self._lock:
            self._database.close()

    # -- objects

    def put_object(self, stored: JournalledObject, body: bytes | None) -> Path | None:
        """Keep a version and return its file; ``body`` None keeps a delete marker. A known version is replaced."""
        name = None
        if body is not None:
            folder = self._objects / stored.bucket
            folder.mkdir(exist_ok=True)
            name = f"{stored.bucket}/{uuid.uuid4().hex}"
            partial = self._objects / f"{name}.partial"
            partial.write_bytes(body)
            partial.replace(self._objects / name)
        with self._transaction() as database:
            old = database.execute(
                "DELETE FROM objects WHERE bucket = ? AND key = ? AND version_id = ? RETURNING file",
                (stored.bucket, stored.key, stored.version_id),
            ).fetchall()
            database.execute(
                "INSERT INTO objects (bucket, key, version_id, file, details) VALUES (?, ?, ?, ?, ?)",
                (stored.bucket, stored.key, stored.version_id, name, json.dumps(stored.details)),
            )
        self._unlink(old)
        return self._objects / name if name else None

    def update_details(self, stored: JournalledObject) -> None:
        """Replace what is kept beside a version's body (tags, metadata)."""
        with self._transaction() as database:
            database.execute(
                "UPDATE objects SET details = ? WHERE bucket = ? AND key = ? AND version_id = ?",
                (json.dumps(stored.details), stored.bucket, stored.key, stored.version_id),
            )

    def remove_object(self, bucket: str, key: str, version_id: str) -> None:
        """Forget a version and its body."""
        with self._transaction() as database:
            old = database.execute(
                "DELETE FROM objects WHERE bucket = ? AND key = ? AND version_id = ? RETURNING file",
                (bucket, key, version_id),
            ).fetchall()
        self._unlink(old)

    def objects(self, bucket: str | None = None) -> Iterator[JournalledObject]:
        """Yield the versions in the order in which they were written."""
        query = "SELECT bucket, key, version_id, file, details FROM objects"
        rows = self._rows(
            f"{query} WHERE bucket = ? ORDER BY position" if bucket else f"{query} ORDER BY position",
            (bucket,) if bucket else (),
        )
        for row_bucket, key, version_id, file, details in rows:
            path = self._objects / file if file else None
            yield JournalledObject(row_bucket, key, version_id, path, json.loads(details))

    # -- events that wait for their targets

    def add_event(self, event: dict[str, Any]) -> None:
        """Keep an event until ``remove_event``."""
        with self._transaction() as database:
            database.execute("INSERT OR REPLACE INTO events VALUES (?, ?)", (event["id"], json.dumps(event)))

    def remove_event(self, event_id: str) -> None:
        """The event has reached its targets."""
        with self._transaction() as database:
            database.execute("DELETE FROM events WHERE id = ?", (event_id,))

    def events(self) -> list[dict[str, Any]]:
        """Return the events whose delivery was not finished."""
        return [json.loads(body) for (body,) in self._rows("SELECT body FROM events ORDER BY rowid", ())]

    # -- executions

    def start_execution(self, execution: JournalledExecution) -> None:
        """Keep an execution that has begun; one that has ended meanwhile stays as it is."""
        with self._transaction() as database:
            database.execute(
                "INSERT OR IGNORE INTO executions (arn, machine, name, status, input, started_at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (execution.arn, execution.machine, execution.name, "RUNNING", execution.input, execution.started_at),
            )

    def finish_execution(self, execution: JournalledExecution) -> None:
        """Keep how an execution ended."""
        with self._lock:
            if not self._records_ends:
                return  # the journal may be closed already
            with self._transaction() as database:
                database.execute(
                    "INSERT OR REPLACE INTO executions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    tuple(getattr(execution, name) for name in JournalledExecution.__dataclass_fields__),
                )
        if self._ended is not None:
            self._ended(execution)

    def remove_execution(self, arn: str) -> None:
        """Forget an execution (Express ones leave no record behind)."""
        with self._lock:
            if not self._records_ends:
                return
            with self._transaction() as database:
                database.execute("DELETE FROM executions WHERE arn = ?", (arn,))

    def executions(self) -> list[JournalledExecution]:
        """Return every execution, oldest first."""
        rows = self._rows("SELECT * FROM executions ORDER BY started_at", ())
        return [JournalledExecution(*row) for row in rows]

    # -- inside

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def _rows(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(query, values).fetchall()

    def _unlink(self, rows: list[tuple[str | None]]) -> None:
        for (name,) in rows:
            if name:
                (self._objects / name).unlink(missing_ok=True)

    def _remove_unnamed_files(self) -> None:
        known = {name for (name,) in self._rows("SELECT file FROM objects WHERE file IS NOT NULL", ())}
        for path in self._objects.glob("*/*"):
            if str(path.relative_to(self._objects)) not in known:
                path.unlink()
