"""A full disk is told as a full disk, wherever it is met; nothing else changes its name."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pymysql
import pytest
from botocore.exceptions import ClientError
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from reefsteps.database import Database, named_errors
from reefsteps.errors import DatabaseUnavailableError, DiskFullError, OutOfMemoryError
from reefsteps.machine_faults import named_machine_faults
from reefsteps.observability import step_handler


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_gets_its_name(number: int) -> None:
    with pytest.raises(DiskFullError, match="free space"), named_machine_faults():
        raise OSError(number, "No space left on device", "/tmp/model.onnx")


def test_the_local_stack_s_full_disk_gets_its_name() -> None:
    answer = {"Error": {"Code": "DiskFull", "Message": "full"}}
    with pytest.raises(DiskFullError, match="local stack"), named_machine_faults():
        raise ClientError(answer, "PutObject")  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [PermissionError(errno.EACCES, "no"), ClientError({"Error": {"Code": "500"}}, "x")])
def test_other_faults_keep_their_names(error: Exception) -> None:
    with pytest.raises(type(error)), named_machine_faults():
        raise error


def test_a_step_that_fills_its_disk_ends_with_the_name() -> None:
    @step_handler("restoration")
    def handler(_event: dict[str, object], _context: object) -> dict[str, object]:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFullError):
        handler({}, None)


def test_a_full_sqlite_file_is_told_as_full(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'reefs.sqlite'}")
    database.create_tables()

    def fill(connection: object) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # type: ignore[attr-defined]
        connection.exec_driver_sql("CREATE TABLE filler (content BLOB)")  # type: ignore[attr-defined]
        connection.exec_driver_sql("INSERT INTO filler VALUES (zeroblob(1000000))")  # type: ignore[attr-defined]

    assert sqlite3.SQLITE_FULL == 13
    with pytest.raises(DatabaseUnavailableError, match="is full"):
        database.write(fill)


@pytest.mark.parametrize(("code", "words"), [(1226, "resource"), (1021, "disk .* full"), (1114, "disk .* full")])
def test_a_database_without_room_is_waited_for(code: int, words: str) -> None:
    error = OperationalError("INSERT", {}, pymysql.err.OperationalError(code, "User has exceeded a resource"))
    address = make_url("mysql+pymysql://writer@db.example/reefs")
    with pytest.raises(DatabaseUnavailableError, match=words), named_errors(address):
        raise error


def test_a_step_without_memory_ends_with_the_name() -> None:
    @step_handler("restoration")
    def handler(_event: dict[str, object], _context: object) -> dict[str, object]:
        raise MemoryError

    with pytest.raises(OutOfMemoryError, match="MemorySize"):
        handler({}, None)
