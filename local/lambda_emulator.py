"""Pools of AWS's Lambda Runtime Interface Emulator: the real handlers, supervised.

The emulator comes with aws-sam-cli. It serves one request at a time (a second one kills it). It reports a handler's
exception and a timeout as success, and does not end with its parent. This module handles all of that.
"""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

_START_TIMEOUT_S = 15.0
_GRACE_S = 5.0  # beyond the function's own timeout, which the emulator enforces
_STOP_TIMEOUT_S = 3.0
_PR_SET_PDEATHSIG = 1
_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}

# PR_SET_PDEATHSIG fires when the THREAD that forked ends; request threads come and go, this one stays.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")
_libc = ctypes.CDLL(None, use_errno=True)


class EmulatorMissingError(RuntimeError):
    """This machine cannot run AWS's emulator; the message says why."""


class ThrottledError(Exception):
    """Every worker of the function is busy: Lambda's TooManyRequestsException."""


@dataclass(frozen=True)
class FunctionSpec:
    """One function as deployed: what Lambda would know about it."""

    name: str
    handler: str  # module.function
    code: Path  # the folder that Lambda would mount as /var/task
    timeout_s: int
    memory_mb: int
    region: str
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Invocation:
    """What Lambda answers: the payload, whether it is an error, and whether the worker is lost with it."""

    payload: bytes
    failed: bool
    request_id: str
    broken: bool = False


def emulator_path() -> Path:
    """Return the emulator that aws-sam-cli ships for this machine.

    Raises:
        EmulatorMissingError: not Linux, another architecture, or aws-sam-cli is not installed.
    """
    if sys.platform != "linux":
        raise EmulatorMissingError(
            "The local stack runs on Linux (WSL2 and containers included): AWS ships its Lambda Runtime Interface "
            f"Emulator for Linux only, and this is {platform.system()}."
        )
    architecture = _ARCHITECTURES.get(platform.machine().lower())
    if architecture is None:
        raise EmulatorMissingError(f"AWS ships no Lambda emulator for {platform.machine()}; x86_64 and arm64 work.")
    try:
        import samcli
    except ImportError as error:
        raise EmulatorMissingError("aws-sam-cli is missing: install requirements/local.txt.") from error
    path = Path(samcli.__file__).parent / "local" / "rapid" / f"aws-lambda-rie-{architecture}"
    if not path.exists():
        raise EmulatorMissingError(f"This aws-sam-cli ships no {path.name}: install requirements/local.txt.")
    return path


def spawn(command: list[str], *, cwd: Path, environment: dict[str, str], log: int) -> subprocess.Popen[bytes]:
    """Start a process that is killed when this one ends, however it ends; it leads a process group of its own."""
    parent = os.getpid()

    def end_with_parent() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )

    return _spawner.submit(start).result()


class Worker:
    """One emulator with one handler inside; one request at a time."""

    def __init__(self, spec: FunctionSpec, folder: Path, logs: Path) -> None:
        self._spec = spec
        self._port, api_port = _free_ports()
        self._tmp = Path(tempfile.mkdtemp(prefix=f"{spec.name}-", dir=folder))
        command = [
            str(_executable(folder)),
            "--runtime-interface-emulator-address",
            f"127.0.0.1:{self._port}",
            "--runtime-api-address",
            f"127.0.0.1:{api_port}",
            sys.executable,
            "-m",
            "local.worker",
            spec.handler,
        ]
        with (logs / f"{spec.name}.log").open("ab") as log:
            self._process = spawn(command, cwd=spec.code, environment=self._environment(), log=log.fileno())
        self._wait_until_listening()

    @property
    def pid(self) -> int:
        """The emulator's process id, also its process group."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether the emulator runs."""
        return self._process.poll() is None

    def invoke(self, payload: bytes, request_id: str) -> tuple[int, bytes]:
        """Return the emulator's status and body; raises OSError or HTTPException when it is lost."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._spec.timeout_s + _GRACE_S)
        try:
            headers = {"Content-Type": "application/json", "X-Amzn-RequestId": request_id}
            connection.request("POST", "/2015-03-31/functions/function/invocations", payload, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def stop(self) -> None:
        """End the emulator and what it started."""
        for number, wait_s in ((signal.SIGTERM, _STOP_TIMEOUT_S), (signal.SIGKILL, _STOP_TIMEOUT_S)):
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                break
            try:
                self._process.wait(wait_s)
            except subprocess.TimeoutExpired:
                continue
        self._process.poll()
        shutil.rmtree(self._tmp, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        spec = self._spec
        repository = Path(__file__).resolve().parent.parent
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._tmp),
            "TMPDIR": str(self._tmp),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            # The task root first, as in Lambda; local.worker takes the repository off again.
            "PYTHONPATH": f"{spec.code}{os.pathsep}{repository}",
            "PYTHONUNBUFFERED": "1",
            "AWS_REGION": spec.region,
            "AWS_DEFAULT_REGION": spec.region,
            "AWS_LAMBDA_FUNCTION_NAME": spec.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(spec.timeout_s),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
            "LAMBDA_TASK_ROOT": str(spec.code),
            **spec.environment,
        }

    def _wait_until_listening(self) -> None:
        end = time.monotonic() + _START_TIMEOUT_S
        while self.alive() and time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self._port), 0.2).close()
            except OSError:
                time.sleep(0.01)
            else:
                return
        self.stop()
        raise RuntimeError(f"The emulator of {self._spec.name} did not start; its log says why.")


class FunctionPool:
    """The workers of one function: started when needed, kept warm, replaced when they crash or time out."""

    def __init__(self, spec: FunctionSpec, folder: Path, logs: Path, max_workers: int, queue_s: float) -> None:
        self.spec = spec
        self._folder, self._logs = folder, logs
        self._max_workers, self._queue_s = max_workers, queue_s
        self._changed = threading.Condition()
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._starting = 0
        self.stopped = False

    def invoke(self, payload: bytes) -> Invocation:
        """Run the handler once.

        Raises:
            ThrottledError: no worker became free within the queue's time.
        """
        request_id = str(uuid.uuid4())
        try:
            worker = self._acquire()
        except (RuntimeError, OSError) as error:
            return _failure("Runtime.InitError", str(error), request_id)
        try:
            result = _classify(*worker.invoke(payload or b"{}", request_id), request_id)
        except (OSError, http.client.HTTPException) as error:
            result = _failure("Runtime.ExitError", f"The emulator was lost: {error!r}", request_id)
        self._release(worker, result.broken)
        return result

    def stop(self) -> None:
        """End every worker; further invocations are throttled."""
        with self._changed:
            self.stopped = True
            workers = [*self._idle, *self._busy]
            self._idle = []
        for worker in workers:
            worker.stop()

    def _acquire(self) -> Worker:
        end = time.monotonic() + self._queue_s
        with self._changed:
            while True:
                if self.stopped:
                    raise ThrottledError(self.spec.name)
                while self._idle:
                    worker = self._idle.pop()
                    if worker.alive():
                        self._busy.add(worker)
                        return worker
                    worker.stop()
                if len(self._busy) + self._starting < self._max_workers:
                    self._starting += 1
                    break
                if not self._changed.wait(max(0.0, end - time.monotonic())) and time.monotonic() >= end:
                    raise ThrottledError(self.spec.name)
        try:
            worker = Worker(self.spec, self._folder, self._logs)
        except BaseException:
            self._settle(None)
            raise
        self._settle(worker)
        return worker

    def _settle(self, worker: Worker | None) -> None:
        with self._changed:
            self._starting -= 1
            if worker is not None:
                self._busy.add(worker)
            self._changed.notify()

    def _release(self, worker: Worker, broken: bool) -> None:
        if broken or self.stopped:
            worker.stop()
        with self._changed:
            self._busy.discard(worker)
            if worker.alive():
                self._idle.append(worker)
            self._changed.notify()


def _classify(status: int, body: bytes, request_id: str) -> Invocation:
    """Tell a handler's result from its errors, which the emulator sends with status 200."""
    if body.startswith(b"Task timed out after"):
        return _failure("Sandbox.Timedout", f"RequestId: {request_id} Error: {body.decode()}", request_id)
    if status != 200:
        if _error_type(body):
            return Invocation(body, failed=True, request_id=request_id, broken=True)
        return _failure("Runtime.ExitError", body.decode(errors="replace") or f"HTTP {status}", request_id)
    try:
        answer = json.loads(body)
    except ValueError:
        return Invocation(body, failed=False, request_id=request_id)
    # What awslambdaric posts as an error always has these three; a result that looks the same is one by its id.
    raised = isinstance(answer, dict) and {"errorMessage", "errorType", "requestId"} <= answer.keys()
    failed = raised and answer["requestId"] in (request_id, "")
    return Invocation(body, failed=failed, request_id=request_id)


def _failure(kind: str, message: str, request_id: str) -> Invocation:
    payload = json.dumps({"errorType": kind, "errorMessage": message}).encode()
    return Invocation(payload, failed=True, request_id=request_id, broken=True)


def _error_type(body: bytes) -> str:
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    return str(answer.get("errorType", "")) if isinstance(answer, dict) else ""


def _executable(folder: Path) -> Path:
    """Return the emulator as an executable file; packages are installed without the execute bit."""
    source = emulator_path()
    if os.access(source, os.X_OK):
        return source
    copy = folder / source.name
    if not copy.exists():
        partial = folder / f"{source.name}.{uuid.uuid4().hex}"
        shutil.copyfile(source, partial)
        partial.chmod(0o755)
        partial.replace(copy)
    return copy


def _free_ports() -> tuple[int, int]:
    """Return two ports of 127.0.0.1 that were free a moment ago."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]
