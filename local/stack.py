"""One running local stack: moto, gateway, pools, journal and page, from start to stop."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import functools
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.journal import JournalledExecution
from local.lambda_emulator import FunctionPool, emulator_path
from local.resources import ACCOUNT, REPOSITORY, LocalResources, default_template, read_resources
from local.stack_info import STATE, StackInfo, StackRunningError
from local.terminal import command, line_of, log_to_file
from reefsteps.execution_status import ExecutionStatus

_QUEUE_S = 20.0
_MAX_WORKERS = 4
_LOCK_WAIT_S = 1.0
_RUNS_A_WORKER = 2  # as many runs at once keep the workers of every function busy

Say = Callable[[str], None]


@dataclass(frozen=True)
class StackOptions:
    """How a stack is started. Tests replace template, definitions and limits; people the database and the ports."""

    state: Path = STATE
    template: Path = field(default_factory=default_template)
    definitions: Path | None = None
    models: Path | None = REPOSITORY / "models"
    database_url: str | None = None  # None: SQLite in the state folder
    convert: bool = False  # change collation and engine of a coral_coverage that another program made
    port: int = 0
    page_port: int | None = None  # None: no page
    max_workers: int = max(1, min(_MAX_WORKERS, os.cpu_count() or 1))
    queue_s: float = _QUEUE_S
    runs_at_once: int | None = None  # None: as many as keep the workers busy


# Whoever follows a log file sees a line when it is written.
_TELL = functools.partial(print, flush=True)


def serve(options: StackOptions, say: Say = _TELL) -> None:
    """Run a stack until SIGINT or SIGTERM, then stop everything that it started.

    Raises:
        StackRunningError: the state folder is in use.
        EmulatorMissingError: this machine cannot run the stack.
        TemplateError: the template cannot be carried out.
    """
    from local.provision import isolate_environment

    emulator_path()
    isolate_environment()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    options.state.mkdir(parents=True, exist_ok=True)
    with _lock(options.state), _run_folder(options.state) as run:
        log_to_file(options.state / "logs")
        (options.state / "stack.json").unlink(missing_ok=True)
        stack = _Stack(options, run, say)
        try:
            stack.start(stopping)
            stopping.wait()
            say("Stopping.")
        finally:
            stack.stop()


class _Stack:
    def __init__(self, options: StackOptions, run: Path, say: Say) -> None:
        from local.journal import Journal
        from local.persistence import ObjectMirror
        from local.provision import LOCAL_KEY

        self._options, self._run, self._say = options, run, say
        self._port = _checked(options.port) if options.port else _free_port()
        self._key = f"{LOCAL_KEY}{secrets.token_hex(8)}"  # what this stack and its workers sign with
        self._endpoint = f"http://127.0.0.1:{self._port}"
        self._database_url = options.database_url or f"sqlite:///{options.state.resolve() / 'reefsteps.sqlite'}"
        self._resources = self._read_resources()
        self._journal = Journal(options.state, self._tell)
        self._executions_before = self._journal.executions()
        self._mirror = ObjectMirror(self._journal, ACCOUNT)
        self._page: Any = None
        self._server: Any = None
        self._gateway: Any = None
        self._clock: Any = None

    def start(self, stopping: threading.Event) -> None:
        from local.clock import Clock
        from local.model_files import READY, install_models
        from local.page import start_page
        from local.provision import Clients, provision

        self._listen()
        clients = Clients(self._endpoint, self._resources.region, self._key)
        provision(self._resources, clients)
        objects = self._mirror.restore()
        self._create_tables()
        self._add_pools()
        restarted = self._restore_executions(clients)
        self._clock = Clock(self._resources.schedules, clients.stepfunctions)
        self._clock.start()
        redelivered = self._gateway.redeliver()
        self._gateway.open()
        if objects:
            self._say(
                f"State of an earlier run: {objects} object versions, {restarted} interrupted executions started "
                f"again, {redelivered} events sent again."
            )
        models = install_models(self._resources, clients, self._options.models, self._say, stopping)
        page_url = None
        if self._options.page_port is not None:
            logs = self._options.state / "logs"
            self._page, page_url = start_page(self._resources.page_environment, self._options.page_port, logs)
            self._gateway.trust(page_url)
        self._write_info(page_url, models)
        for name, state in models.items():
            if state != READY:
                self._say(f"The model {name} is not ready: {state}")
        self._say(f"AWS endpoint  {self._endpoint} (region {self._resources.region}; any credentials)")
        self._say(f"Database      {self._database_url}")
        self._say(f"State, logs   {self._options.state}")
        if page_url is not None:
            self._say(f"Page          {page_url}")
        self._say("Ready. Ctrl-C stops everything.")

    def stop(self) -> None:
        (self._options.state / "stack.json").unlink(missing_ok=True)
        self._journal.stop_recording_ends()
        if self._clock is not None:
            self._clock.stop()
        if self._page is not None:
            self._page.stop()
        if self._gateway is not None:
            self._gateway.stop()
        if self._server is not None:
            self._server.shutdown()
        self._journal.close()

    def _tell(self, ended: JournalledExecution) -> None:
        from local.moto_gaps.events import execution_status_change

        self._gateway.announce(execution_status_change(ended))
        line = line_of(ended)
        if line is not None:
            self._say(line)

    def _read_resources(self) -> LocalResources:
        return read_resources(
            self._options.template,
            endpoint=self._endpoint,
            definitions=self._options.definitions,
            runs_at_once=self._options.runs_at_once or _RUNS_A_WORKER * self._options.max_workers,
            overrides={
                "AWS_ENDPOINT_URL": self._endpoint,
                **_credentials(self._key),
                "DATABASE_URL": self._database_url,
                "DATABASE_AUTH": "url",
            },
        )

    def _listen(self) -> None:
        # moto's Step Functions calls Lambda at this port; read when moto is imported.
        os.environ.update(MOTO_PORT=str(self._port), **_credentials(self._key))
        from moto.core.config import default_user_config
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        from local import moto_gaps
        from local.gateway import Gateway, RequestHandler

        default_user_config["stepfunctions"] = {"execute_state_machine": True}
        moto_gaps.install_all(self._journal)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        moto = DomainDispatcherApplication(create_backend_app)
        self._gateway = Gateway(moto, self._mirror, self._journal, ACCOUNT, self._resources.region, self._key)
        moto_gaps.stepfunctions.ask(self._gateway)
        self._server = make_server(
            "127.0.0.1", self._port, self._gateway, threaded=True, request_handler=RequestHandler
        )
        threading.Thread(target=self._server.serve_forever, name="gateway", daemon=True).start()

    def _add_pools(self) -> None:
        logs = self._options.state / "logs"
        logs.mkdir(exist_ok=True)
        for spec in self._resources.functions:
            self._gateway.add(FunctionPool(spec, self._run, logs, self._options.max_workers, self._options.queue_s))

    def _restore_executions(self, clients: Any) -> int:
        """Put ended executions back and start interrupted ones again under their own names."""
        from moto.stepfunctions.parser.models import stepfunctions_parser_backends

        from local.moto_gaps.stepfunctions import restore

        backend = stepfunctions_parser_backends[ACCOUNT][self._resources.region]
        known = {machine.arn for machine in self._resources.state_machines}
        restarted = 0
        for execution in self._executions_before:
            if execution.machine not in known:
                continue
            if execution.status == ExecutionStatus.RUNNING:
                # One that was started again may have started another by itself, as it did before.
                with contextlib.suppress(clients.stepfunctions.exceptions.ExecutionAlreadyExists):
                    clients.stepfunctions.start_execution(
                        stateMachineArn=execution.machine, name=execution.name, input=execution.input
                    )
                restarted += 1
            else:
                restore(execution, backend)
        return restarted

    def _create_tables(self) -> None:
        from reefsteps.database import Database

        copy = Database(self._database_url).create_tables(convert=self._options.convert)
        if copy is not None:
            self._say(f"The table coral_coverage was converted; {copy} is the copy from before.")

    def _write_info(self, page_url: str | None, models: dict[str, str]) -> None:
        info = StackInfo(
            pid=os.getpid(),
            endpoint=self._endpoint,
            region=self._resources.region,
            database_url=self._database_url,
            page_url=page_url,
            buckets={bucket.logical_id: bucket.name for bucket in self._resources.buckets},
            state_machines={machine.logical_id: machine.arn for machine in self._resources.state_machines},
            models=models,
            left_out=self._resources.left_out,
            functions={spec.handler: spec.name for spec in self._resources.functions},
        )
        partial = self._options.state / "stack.json.partial"
        partial.write_text(json.dumps(dataclasses.asdict(info), indent=1))
        partial.replace(self._options.state / "stack.json")


@contextmanager
def _lock(state: Path) -> Iterator[None]:
    """Hold the state folder; the file names the holder."""
    with (state / "lock").open("a+") as file:
        end = time.monotonic() + _LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                # `is_locked` holds it for a moment too, so one refusal says nothing yet.
                if time.monotonic() > end:
                    raise StackRunningError(f"A stack already runs on {state}: see `{command('status')}`.") from None
                time.sleep(_LOCK_WAIT_S / 10)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextmanager
def _run_folder(state: Path) -> Iterator[Path]:
    """Yield the folder of the workers' /tmp; it is emptied at start too, should the last stack have been killed."""
    run = state / "run"
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir()
    try:
        yield run
    finally:
        shutil.rmtree(run, ignore_errors=True)


def _credentials(key: str) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": key, "AWS_SESSION_TOKEN": key}


def _checked(port: int) -> int:
    """Return the port; werkzeug would end the process with a message of its own if it cannot be had."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise StackRunningError(
                f"Port {port} cannot be used ({error.strerror}): choose another one with --port, or leave it out."
            ) from None
    return port


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
