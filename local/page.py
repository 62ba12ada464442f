"""The Streamlit page as a process of the local stack."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from local.lambda_emulator import spawn
from local.resources import REPOSITORY

_STOP_TIMEOUT_S = 5.0


class PageServer:
    """A running Streamlit server."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def stop(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def start_page(environment: dict[str, str], port: int, logs: Path) -> tuple[PageServer, str]:
    """Start the page with what its container would have in its environment; returns it and its URL.

    A port that is taken is replaced by a free one.
    """
    port = port if _is_free(port) else _free_port()
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(REPOSITORY / "frontend" / "app.py"),
        "--server.address=127.0.0.1",
        f"--server.port={port}",
        "--server.headless=true",
        "--browser.gatherUsageStats=false",
        "--server.fileWatcherType=none",
    ]
    url = f"http://127.0.0.1:{port}"
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    variables = {**inherited, "AUTH_MODE": "none", "PUBLIC_URL": url, **environment}
    with (logs / "page.log").open("ab") as log:
        process = spawn(command, cwd=REPOSITORY, environment=variables, log=log.fileno())
    return PageServer(process), url


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
