"""Connections to the coverage database: Aurora MySQL (IAM), any MySQL or MariaDB, or an SQLite file.

One connection per use and no pool: an open connection keeps a paused Aurora awake. Faults that waiting can cure become
DatabaseUnavailableError, which the state machine retries; faults of the deployment become ConfigurationError.
"""

from __future__ import annotations

import sqlite3
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import boto3
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from reefsteps.errors import ConfigurationError, DatabaseUnavailableError
from reefsteps.schema_reading import Row
from reefsteps.schema_upgrade import bring_up_to_date
from reefsteps.settings import Environment

# MySQL 8.0 error reference. Server: 1040 too many connections, 1042 cannot get host name, 1053 shutdown in progress,
# 1129 host blocked, 1159/1161 network timeouts, 1203 user's connections used up, 1205 lock wait timeout, 1213 deadlock,
# 1290/1836 read only (a fail-over is under way), 3024 execution interrupted, 3159 TLS required but not up yet,
# 1226 the user's connections or updates of this hour are used up, 1021/1114 disk or table full.
# Client: 2002/2003 cannot connect, 2005 unknown host, 2006 gone away, 2013 lost, 2055 lost with system error.
_UNAVAILABLE = frozenset({1040, 1042, 1053, 1129, 1159, 1161, 1203, 1205, 1213, 1290, 1836, 2002, 2003, 2005, 2006})
_UNAVAILABLE |= {2013, 2055, 3024, 1226, 1021, 1114}
_FULL = frozenset({1021, 1114, sqlite3.SQLITE_FULL})
# 1044/1045 access denied, 1049 unknown database, 1142/1143 command denied, 1146 no such table, 1054 no such column.
_MISCONFIGURED = frozenset({1044, 1045, 1049, 1054, 1142, 1143, 1146})
_CONFLICTS = frozenset({1062, 1205, 1213})
_ATTEMPTS = 5
_SQLITE_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR})

_CONNECT_TIMEOUT_S = 10
_ANSWER_TIMEOUT_S = 20
_SQLITE_TIMEOUT_S = 20
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})

# Put there by the functions' build: Aurora's certificates are signed by Amazon RDS's own authority.
CA_BUNDLE = Path(__file__).parents[1] / "rds-ca-bundle.pem"

Answer = TypeVar("Answer")


class Database:
    """The coverage database; holds no connection and is safe to keep in a module."""

    def __init__(self, url: str, *, iam: bool = False, ca_file: Path = CA_BUNDLE) -> None:
        """Describe the database; nothing is connected.

        `url` is ``mysql+pymysql://user[:password]@host:3306/name`` or ``sqlite:////folder/file.db``; with `iam` a
        signed token takes the password's place and the server must prove itself with a certificate under `ca_file`.
        Raises ConfigurationError.
        """
        try:
            self.url = make_url(url)
        except ArgumentError:
            raise ConfigurationError("DATABASE_URL is no database URL (mysql+pymysql://user@host:3306/name).") from None
        if self.url.drivername in ("sqlite", "sqlite+pysqlite"):
            self.engine = _sqlite_engine(self.url)
        elif self.url.drivername == "mysql+pymysql":
            self.engine = _mysql_engine(self.url, ca_file if iam else None)
        else:
            raise ConfigurationError(f"DATABASE_URL names {self.url.drivername}; use mysql+pymysql or sqlite.")

    @classmethod
    def from_environment(cls, environment: Environment | None = None) -> Self:
        """Build from DATABASE_URL, DATABASE_AUTH (``iam`` or ``url``) and optionally DATABASE_CA_FILE."""
        variables = environment or Environment()
        iam = variables.choice("DATABASE_AUTH", ("iam", "url"), "url") == "iam"
        ca_file = Path(variables.text("DATABASE_CA_FILE", str(CA_BUNDLE)))
        return cls(variables.text("DATABASE_URL"), iam=iam, ca_file=ca_file)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a connection for one consistent reading; raises DatabaseUnavailableError or ConfigurationError."""
        with named_errors(self.url), self.engine.connect() as connection:
            yield connection

    def write(self, work: Callable[[Connection], Answer]) -> Answer:
        """Run `work` in one transaction and return its answer.

        Conflicts with another writer (deadlock, the same new row) are tried again, so `work` may run more than once.
        Raises as `read`.
        """
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._transaction(work)
            except DBAPIError as error:
                if _code(error) not in _CONFLICTS:
                    raise _named(error, self.url) from error
        with named_errors(self.url):
            return self._transaction(work)

    def create_tables(self, *, convert: bool = False) -> str | None:
        """Create what is missing of tables and columns; existing ones are checked and left as they are.

        With `convert`, `coral_coverage` gets the collation and engine that it needs, and a copy is kept; returns the
        copy's name, else None. Raises ExistingTableError if what is there cannot be used.
        """
        with named_errors(self.url), self.engine.connect() as connection:
            connection = connection.execution_options(writes=True)

            def ask(statement: str) -> Sequence[Row]:
                answer = connection.exec_driver_sql(statement)
                return [dict(row) for row in answer.mappings()] if answer.returns_rows else []

            with connection.begin():
                how = "run `python -m local up` with --convert."
                return bring_up_to_date(ask, self.engine.dialect.name, convert=convert, how_to_convert=how)

    def _transaction(self, work: Callable[[Connection], Answer]) -> Answer:
        options: dict[str, Any] = {"writes": True}
        if self.engine.dialect.name == "mysql":
            # No gap locks, so writers of different surveys never wait for each other; the survey's lock does the rest.
            options["isolation_level"] = "READ COMMITTED"
        with self.engine.connect() as connection:
            connection = connection.execution_options(**options)
            with connection.begin():
                return work(connection)


@contextmanager
def named_errors(url: URL) -> Iterator[None]:
    """Give the driver's errors the project's names; programming and constraint errors keep their own."""
    try:
        yield
    except DBAPIError as error:
        raise _named(error, url) from error


def _named(error: DBAPIError, url: URL) -> Exception:
    code, place = _code(error), f"{url.host or 'the SQLite file'}/{url.database}"
    if code in _FULL:
        return DatabaseUnavailableError(
            f"The disk of the database {place} is full ({error.orig}): free space there. The run tries again by itself "
            "for some minutes; after that, retry it."
        )
    unavailable = code in (_SQLITE_BUSY if url.drivername.startswith("sqlite") else _UNAVAILABLE)
    if unavailable or error.connection_invalidated:
        return DatabaseUnavailableError(
            f"The database {place} cannot be reached now ({error.orig}). A paused Aurora needs 15 to 30 s to wake; "
            "the run tries again by itself."
        )
    if code in _MISCONFIGURED:
        return ConfigurationError(
            f"The database {place} refuses the function ({error.orig}): check DATABASE_URL, the user's grants and that "
            "the tables have been created."
        )
    return error


def _code(error: DBAPIError) -> int | None:
    original = error.orig
    if isinstance(original, sqlite3.Error):
        extended = getattr(original, "sqlite_errorcode", None)
        return None if extended is None else extended & 0xFF
    code = original.args[0] if original is not None and original.args else None
    # PyMySQL reports a connection that died under it as InterfaceError(0, '').
    return 2006 if code == 0 else code if isinstance(code, int) else None


def _mysql_engine(url: URL, ca_file: Path | None) -> Engine:
    options: dict[str, Any] = {
        "charset": "utf8mb4",
        "connect_timeout": _CONNECT_TIMEOUT_S,
        "read_timeout": _ANSWER_TIMEOUT_S,
        "write_timeout": _ANSWER_TIMEOUT_S,
    }
    if ca_file is not None:
        options["ssl"] = _tls(ca_file)
    elif url.host in _THIS_MACHINE:
        options["ssl_disabled"] = True  # nothing to protect there, and PyMySQL needs 50 ms to get ready for TLS
    # REPEATABLE READ: several queries of one reading see one state.
    engine = create_engine(url, poolclass=NullPool, connect_args=options, isolation_level="REPEATABLE READ")
    if ca_file is not None:
        _sign_connections(engine, url)
    return engine


def _tls(ca_file: Path) -> ssl.SSLContext:
    if not ca_file.is_file():
        raise ConfigurationError(
            f"{ca_file} is missing: the build puts Amazon RDS's certificate bundle there. Build again "
            "(docs/how-to/deploy.md), or set DATABASE_CA_FILE."
        )
    return ssl.create_default_context(cafile=str(ca_file))


def _sign_connections(engine: Engine, url: URL) -> None:
    signer: Any = boto3.client("rds")

    @event.listens_for(engine, "do_connect")
    def sign(_dialect: Any, _record: Any, _args: Any, options: dict[str, Any]) -> None:
        # Signed on this machine without a request; valid for 15 minutes, so every connection gets its own.
        options["password"] = signer.generate_db_auth_token(
            DBHostname=url.host, Port=url.port or 3306, DBUsername=url.username
        )


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": _SQLITE_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes its lock at once: two that had read first could not both go on to write.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
