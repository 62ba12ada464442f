"""A stack for one command: the one that runs, or one that is started for as long as the command takes."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from local.stack_info import StackInfo, StackRunningError, running

_START_TIMEOUT_S = 180.0
_STOP_TIMEOUT_S = 20.0


@contextmanager
def a_stack(options: argparse.Namespace, console: Console) -> Iterator[StackInfo]:
    """Yield the stack that runs on the state folder, or one that lives as long as the command."""
    info = running(options.state)
    if info is not None:
        yield info
        return
    from local.lambda_emulator import emulator_path, spawn

    emulator_path()
    options.state.mkdir(parents=True, exist_ok=True)
    log_path = options.state / "stack.log"
    arguments = [sys.executable, "-m", "local", "up", "--no-page", "--state", str(options.state)]
    arguments += ["--database-url", options.database_url] if options.database_url else []
    arguments += ["--convert"] if options.convert else []
    with log_path.open("wb") as log:
        process = spawn(arguments, cwd=Path.cwd(), environment=dict(os.environ), log=log.fileno())
    try:
        with console.status("Starting the local stack (the first time, the models are converted)"):
            yield_info = _wait_until_ready(options.state, process, log_path)
        yield yield_info
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_TIMEOUT_S)
        process.kill()


def _wait_until_ready(state: Path, process: subprocess.Popen[bytes], log: Path) -> StackInfo:
    end = time.monotonic() + _START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < end:
        info = running(state)
        if info is not None:
            return info
        time.sleep(0.1)
    said = log.read_text(errors="replace").strip().splitlines()
    raise StackRunningError(f"The stack did not start: {said[-1] if said else 'it said nothing'} (all of it: {log})")
