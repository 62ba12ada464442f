"""The coverage tables and the two database users, through Aurora's Data API (so from outside the VPC, with no driver).

Every statement may run again and again; nothing here drops or empties anything.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from provision.patience import until_answered
from reefsteps.tables import create_statements, metadata

WRITER = "coverage_writer"
READER = "coverage_reader"

_NOT_YET = {"DatabaseResumingException", "DatabaseUnavailableException", "StatementTimeoutException"}
# A cluster that has just been created, or is waking, answers BadRequestException with one of these.
_NOT_YET_TEXT = re.compile(r"communications link failure|not available|starting up|resuming", re.IGNORECASE)


def statements(database: str) -> list[str]:
    """Return the SQL that brings an empty or an older database to this version's tables, users and grants."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", database):
        raise ValueError(f"'{database}' is no database name that can be granted on.")
    sql = create_statements("mysql")
    for user, rights in ((WRITER, "SELECT, INSERT, UPDATE, DELETE"), (READER, "SELECT")):
        sql.append(f"CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'")
        sql.append(f"ALTER USER '{user}'@'%' REQUIRE SSL")
        sql += [f"GRANT {rights} ON `{database}`.`{table}` TO '{user}'@'%'" for table in sorted(metadata.tables)]
    return sql


def version() -> str:
    """Return a short hash of the statements: the template's SchemaVersion, so that a change of them is carried out."""
    return hashlib.sha256("\n".join(statements("reefs")).encode()).hexdigest()[:12]


def apply(data_api: Any, cluster_arn: str, secret_arn: str, database: str, deadline: Callable[[], bool]) -> int:
    """Run every statement and return how many; a database that is not there yet is waited for until `deadline()`.

    Raises botocore's ClientError or BotoCoreError for what waiting cannot mend, or has not mended in time.
    """
    sql = statements(database)
    for statement in sql:
        call = partial(
            data_api.execute_statement,
            resourceArn=cluster_arn,
            secretArn=secret_arn,
            database=database,
            sql=statement,
            continueAfterTimeout=True,
        )
        until_answered(call, deadline, also_passing=_wakes)
    return len(sql)


def _wakes(error: ClientError) -> bool:
    details = error.response["Error"]
    return details["Code"] in _NOT_YET or bool(_NOT_YET_TEXT.search(details.get("Message", "")))
