"""Starts moto's server, fills it, and starts the page over it: for browser tests and benchmarks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reefsteps.database import Database
from tests.support import page_world
from tests.support.ports import reserved_port

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class ServedPage:
    """A running page and the world under it."""

    url: str
    process_id: int
    s3: Any
    step_functions: Any
    pipeline_arn: str
    database: Database


@contextmanager
def served_page(folder: Path, fill: Callable[[ServedPage], None]) -> Iterator[ServedPage]:
    """Run the page over a world that ``fill`` has filled; everything ends with the context."""
    aws_port, page_port = reserved_port(), reserved_port()
    endpoint, url = f"http://127.0.0.1:{aws_port}", f"http://127.0.0.1:{page_port}"
    environment = {**os.environ, **page_world.CREDENTIALS}
    environment.pop("AWS_ENDPOINT_URL", None)
    moto = [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(aws_port)]
    with _process(moto, environment, folder / "moto.log"):
        _until_answers(f"{endpoint}/moto-api/")
        config = json.dumps({"stepfunctions": {"execute_state_machine": True}}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/config", config, method="POST"))
        s3, step_functions = page_world.clients(endpoint)
        page_world.create_buckets(s3, origin=url)
        arn = page_world.create_state_machine(step_functions)
        database = Database(f"sqlite:///{folder / 'coverage.sqlite'}")
        database.create_tables()
        variables = page_world.environment(arn, folder / "coverage.sqlite", endpoint)
        command = [
            *(sys.executable, "-m", "streamlit", "run", str(REPOSITORY / "frontend" / "app.py")),
            *("--server.address=127.0.0.1", f"--server.port={page_port}", "--server.headless=true"),
            *("--browser.gatherUsageStats=false", "--server.fileWatcherType=none"),
        ]
        with _process(command, {**environment, **variables}, folder / "page.log") as page:
            served = ServedPage(url, page.pid, s3, step_functions, arn, database)
            fill(served)
            _until_answers(f"{url}/_stcore/health")
            yield served


@contextmanager
def _process(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _until_answers(url: str, timeout_s: float = 60) -> None:
    ends = time.monotonic() + timeout_s
    while time.monotonic() < ends:
        try:
            urllib.request.urlopen(url, timeout=2)
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(f"{url} did not answer within {timeout_s:g} s")
