"""What the handler tests start from: an emulated S3 with the buckets, and an empty coverage table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reefsteps.database import Database
from tests.support.handlers import emulated_s3
from tests.support.mariadb import MariaDb, MariaDbMissingError, running_mariadb

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def s3() -> Iterator[S3Client]:
    with emulated_s3() as client:
        yield client


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path / 'coverage.db'}")
    database.create_tables()
    return database


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDb]:
    """A private server; a test that stops it starts it again."""
    try:
        with running_mariadb() as server:
            yield server
    except MariaDbMissingError as missing:
        pytest.skip(str(missing))
