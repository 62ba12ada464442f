"""Supervised emulators: what Lambda would answer."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import lambda_emulator
from local.gateway import function_name
from local.lambda_emulator import EmulatorMissingError, FunctionPool, FunctionSpec, ThrottledError
from tests.support.waiting import wait_for

HANDLER = """
import importlib.util, os, time
from typing import Any

def handler(event, context):
    if event.get("raise"):
        raise type(event["raise"], (Exception,), {})("said so")
    if event.get("exit"):
        os._exit(3)
    if "begun" in event:
        open(event["begun"], "w").close()
        while not os.path.exists(event["until"]):
            time.sleep(0.01)
    time.sleep(event.get("sleep_s", 0))
    return {"pid": os.getpid(), "environment": os.environ.get("COLOUR"), "name": context.function_name,
            "memory_mb": int(context.memory_limit_in_mb), "path": __import__("sys").path, "echo": event.get("echo"),
            "finds_the_project": importlib.util.find_spec("frontend") is not None}
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="AWS ships its emulator for Linux only")


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[FunctionPool]:
    """One worker, two seconds, no queue."""
    (tmp_path / "code" / "probe").mkdir(parents=True)
    (tmp_path / "code" / "probe" / "app.py").write_text(HANDLER)
    (tmp_path / "run").mkdir()
    spec = FunctionSpec("stack-probe", "probe.app.handler", tmp_path / "code", 3, 640, "eu-west-1", {"COLOUR": "blue"})
    made = FunctionPool(spec, tmp_path / "run", tmp_path, max_workers=1, queue_s=0.0)
    yield made
    made.stop()


def answer(pool: FunctionPool, **event: object) -> dict[str, Any]:
    """Invoke and return the payload."""
    return json.loads(pool.invoke(json.dumps(event).encode()).payload)


def test_handler_sees_what_was_deployed_and_stays_warm(pool: FunctionPool) -> None:
    first, second = answer(pool, echo="é\n"), answer(pool)
    assert (first["environment"], first["name"], first["memory_mb"], first["echo"]) == (
        "blue",
        "stack-probe",
        640,
        "é\n",
    )
    assert first["pid"] == second["pid"]
    assert str(Path(lambda_emulator.__file__).resolve().parents[1]) not in first["path"]
    assert not first["finds_the_project"]  # however the project is installed


def test_exception_is_an_error_and_the_worker_lives(pool: FunctionPool) -> None:
    pid = answer(pool)["pid"]
    result = pool.invoke(b'{"raise": "QuadratNotFoundError"}')
    error = json.loads(result.payload)
    assert (result.failed, error["errorType"], error["errorMessage"]) == (True, "QuadratNotFoundError", "said so")
    assert answer(pool)["pid"] == pid


def test_exit_is_reported_and_the_next_invocation_gets_a_new_worker(pool: FunctionPool) -> None:
    pid = answer(pool)["pid"]
    result = pool.invoke(b'{"exit": true}')
    assert (result.failed, json.loads(result.payload)["errorType"]) == (True, "Runtime.ExitError")
    assert answer(pool)["pid"] != pid


def test_timeout_is_reported_and_the_next_invocation_gets_a_new_worker(pool: FunctionPool) -> None:
    pid = answer(pool)["pid"]
    result = pool.invoke(b'{"sleep_s": 3600}')  # longer than any test may take
    assert (result.failed, json.loads(result.payload)["errorType"]) == (True, "Sandbox.Timedout")
    assert answer(pool)["pid"] != pid


def test_one_request_at_a_time_and_throttling_beyond(pool: FunctionPool, tmp_path: Path) -> None:
    answer(pool)
    begun, until = tmp_path / "begun", tmp_path / "until"
    busy = threading.Thread(target=answer, args=(pool,), kwargs={"begun": str(begun), "until": str(until)})
    busy.start()
    wait_for(begun.exists, 60)
    with pytest.raises(ThrottledError):
        pool.invoke(b"{}")
    until.touch()
    busy.join()
    assert answer(pool)["pid"]


def test_result_that_looks_like_an_error_is_none(pool: FunctionPool) -> None:
    result = pool.invoke(json.dumps({"echo": {"errorType": "x", "errorMessage": "y", "requestId": "z"}}).encode())
    assert not result.failed


@pytest.mark.parametrize(
    "reference",
    [
        "f",
        "f:live",
        "arn:aws:lambda:eu-west-1:1:function:f",
        "arn:aws:lambda:eu-west-1:1:function:f:$LATEST",
        "1:function:f",
    ],
)
def test_function_references(reference: str) -> None:
    assert function_name(reference) == "f"


def test_other_systems_are_told_what_is_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.lambda_emulator.sys.platform", "darwin")
    with pytest.raises(EmulatorMissingError, match="runs on Linux"):
        lambda_emulator.emulator_path()
    monkeypatch.undo()
    monkeypatch.setattr("local.lambda_emulator.platform.machine", lambda: "riscv64")
    with pytest.raises(EmulatorMissingError, match="riscv64"):
        lambda_emulator.emulator_path()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_both_architectures_have_an_emulator(monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    monkeypatch.setattr("local.lambda_emulator.platform.machine", lambda: machine)
    assert lambda_emulator.emulator_path().exists()
