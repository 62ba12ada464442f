"""The coverage tables and the two database users, through Aurora's Data API (so from outside the VPC, with no driver).

Tables that are there are checked before anything is changed. Every statement may run again and again; nothing here
drops or empties anything.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from provision.aws_retries import until_answered
from reefsteps.schema_reading import Row
from reefsteps.schema_upgrade import bring_up_to_date
from reefsteps.tables import create_statements, metadata

WRITER = "coverage_writer"
READER = "coverage_reader"

_NOT_YET = {"DatabaseResumingException", "DatabaseUnavailableException", "StatementTimeoutException"}
# A cluster that has just been created, or is waking, answers BadRequestException with one of these.
_NOT_YET_TEXT = re.compile(r"communications link failure|not available|starting up|resuming", re.IGNORECASE)

_HOW_TO_CONVERT = (
    "deploy with ConvertExistingTable=yes (docs/how-to/import-existing-data.md, Convert an existing table)."
)


def statements(database: str) -> list[str]:
    """Return the SQL that brings an empty database to this version's tables, users and grants."""
    return [*create_statements("mysql"), *user_statements(database)]


def user_statements(database: str) -> list[str]:
    """Return the SQL that makes the two users and gives them their rights; raises ValueError for a hostile name."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", database):
        raise ValueError(f"'{database}' is no database name that can be granted on.")
    sql = []
    for user, rights in ((WRITER, "SELECT, INSERT, UPDATE, DELETE"), (READER, "SELECT")):
        sql.append(f"CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'")
        sql.append(f"ALTER USER '{user}'@'%' REQUIRE SSL")
        sql += [f"GRANT {rights} ON `{database}`.`{table}` TO '{user}'@'%'" for table in sorted(metadata.tables)]
    return sql


def version() -> str:
    """Return a short hash of the statements: the template's SchemaVersion, so that a change of them is carried out."""
    return hashlib.sha256("\n".join(statements("reefs")).encode()).hexdigest()[:12]


def apply(
    data_api: Any,
    cluster_arn: str,
    secret_arn: str,
    database: str,
    deadline: Callable[[], bool],
    *,
    convert: bool = False,
) -> int:
    """Bring the database up to date and return how many statements that took.

    A database that is not there yet is waited for until `deadline()`. With `convert`, an existing `coral_coverage` gets
    the collation and engine that it needs, and a copy is kept. Raises ExistingTableError if what is there cannot be
    used, botocore's ClientError or BotoCoreError for what waiting cannot cure, or has not cured in time.
    """
    count = 0

    def ask(statement: str) -> Sequence[Row]:
        nonlocal count
        call = partial(
            data_api.execute_statement,
            resourceArn=cluster_arn,
            secretArn=secret_arn,
            database=database,
            sql=statement,
            continueAfterTimeout=True,
            formatRecordsAs="JSON",
        )
        count += 1
        try:
            answer = until_answered(call, deadline, also_passing=wakes)
        except ClientError as error:
            if not _was_done_before(statement, error):
                raise
            return []
        rows: list[Row] = json.loads(answer.get("formattedRecords") or "[]")
        return rows

    users = user_statements(database)
    bring_up_to_date(ask, "mysql", convert=convert, how_to_convert=_HOW_TO_CONVERT)
    for statement in users:
        ask(statement)
    return count


def _was_done_before(statement: str, error: ClientError) -> bool:
    """Tell whether a column was added by a call that was cut off before it was answered, and then tried again."""
    duplicate = "duplicate column name" in error.response["Error"].get("Message", "").lower()
    return duplicate and " ADD COLUMN " in statement


def wakes(error: ClientError) -> bool:
    """Tell whether the Data API refused a call only because the database is starting or waking up."""
    details = error.response["Error"]
    return details["Code"] in _NOT_YET or bool(_NOT_YET_TEXT.search(details.get("Message", "")))
