"""A private MariaDB for tests: its own folder, its own port on 127.0.0.1, never a system service.

Debian's ``mariadb-server-core`` holds the server without the service that ``mariadb-server`` would start.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql

from tests.support.one_at_a_time import one_at_a_time
from tests.support.ports import reserved_port

_PACKAGES = ("mariadb-server-core", "mariadb-client-core")  # the second: what mariadb-install-db calls
_NAME = "reefs"
_USER = "coverage_writer"
_PASSWORD = "not-a-secret"
_START_TIMEOUT_S = 60


class MariaDbMissingError(Exception):
    """MariaDB is neither installed nor can it be installed here; the message is the reason to skip with."""


class MariaDb:
    """A server that can be stopped and started again with its data."""

    def __init__(self, folder: Path) -> None:
        """Prepare an empty data folder; raises MariaDbMissingError."""
        self._folder = folder
        self._binary = _installed("mariadbd")
        self._process: subprocess.Popen[bytes] | None = None
        self.port = reserved_port()
        (folder / "tmp").mkdir(parents=True)
        command = [_installed("mariadb-install-db"), "--no-defaults", *self._common(), "--skip-test-db"]
        subprocess.run([*command, "--auth-root-authentication-method=normal"], check=True, capture_output=True)

    @property
    def url(self) -> str:
        """The database URL of the one user."""
        return f"mysql+pymysql://{_USER}:{_PASSWORD}@127.0.0.1:{self.port}/{_NAME}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = ["--bind-address=127.0.0.1", f"--port={self.port}", "--innodb-buffer-pool-size=32M"]
        options += [
            "--innodb-flush-log-at-trx-commit=0",
            "--skip-log-bin",
            "--skip-name-resolve",
            "--performance-schema=OFF",
        ]
        with (self._folder / "server.log").open("ab") as log:
            command = [self._binary, "--no-defaults", *self._common(), *options]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._prepared():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "server.log").read_text()[-2000:])
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop the server; its data stay."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=60)
            self._process = None

    def execute(self, statement: str) -> None:
        """Run a statement as the administrator."""
        with pymysql.connect(unix_socket=str(self._socket), user="root", autocommit=True) as connection:
            connection.cursor().execute(statement)

    def _prepared(self) -> bool:
        try:
            self.execute(f"CREATE DATABASE IF NOT EXISTS {_NAME}")
        except pymysql.err.OperationalError:
            return False
        self.execute(f"CREATE USER IF NOT EXISTS {_USER}@'127.0.0.1' IDENTIFIED BY '{_PASSWORD}'")
        self.execute(f"GRANT ALL ON {_NAME}.* TO {_USER}@'127.0.0.1'")
        return True

    @property
    def _socket(self) -> Path:
        return self._folder / "s"

    def _common(self) -> list[str]:
        options = [f"--datadir={self._folder / 'data'}", f"--tmpdir={self._folder / 'tmp'}"]
        options.append(f"--socket={self._socket}")
        return [*options, "--user=root"] if os.geteuid() == 0 else options


@contextmanager
def running_mariadb() -> Iterator[MariaDb]:
    """Yield a running server and remove it and its data afterwards; raises MariaDbMissingError."""
    # A socket's path may have 107 characters, fewer than pytest's folders need.
    with tempfile.TemporaryDirectory(prefix="mariadb-") as folder:
        server = MariaDb(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _installed(program: str) -> str:
    """Return the program's path, after installing Debian's package if that is possible."""
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"])
    if found := shutil.which(program, path=places):
        return found
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise MariaDbMissingError(f"{program} is not installed: apt-get install mariadb-server-core")
    with one_at_a_time("apt"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-qq", "--no-install-recommends", *_PACKAGES]
        for command in (install, ["apt-get", "update", "-qq"], install):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if found := shutil.which(program, path=places):
                return found
    raise MariaDbMissingError(f"mariadb-server-core cannot be installed: {done.stderr.strip()[-300:]}")
