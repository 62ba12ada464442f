"""What a person reads in the terminal: commands that work as printed, one line for a failed run, no tracebacks."""

from __future__ import annotations

import errno
import json
import logging
import os
import shlex
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from local.journal import JournalledExecution
from reefsteps.execution_status import WITHOUT_RESULT
from reefsteps.failures import split_cause
from reefsteps.machine_faults import is_full_disk

ERROR_LOG = "errors.log"
_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def command(arguments: str, module: str = "local") -> str:
    """Return a command line that works where the reader stands, with the interpreter that runs now."""
    interpreter = Path(sys.executable)
    if interpreter.is_relative_to(Path.cwd()):
        interpreter = interpreter.relative_to(Path.cwd())
    return f"{shlex.quote(str(interpreter))} -m {module} {arguments}".rstrip()


def log_to_file(logs: Path) -> None:
    """Send what libraries log, and what threads raise, to ``errors.log`` in `logs` instead of the terminal."""
    logs.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(logs / ERROR_LOG, delay=True)
    handler.setFormatter(logging.Formatter(_LOG_FORMAT))
    logging.getLogger().addHandler(handler)
    threading.excepthook = _log_thread_failure


def _log_thread_failure(failure: threading.ExceptHookArgs) -> None:
    if failure.exc_value is not None:
        logging.getLogger("local").error("a thread failed", exc_info=failure.exc_value)


def line_of(execution: JournalledExecution) -> str | None:
    """Return one line about an execution that ended without a result; None for one that succeeded."""
    if execution.status not in WITHOUT_RESULT:
        return None
    step, message = split_cause(execution.cause or "")
    reason = " ".join(message.split()) or "no cause was given"
    where = f" in {step}" if step else ""
    return f"{_subject(execution)}: {execution.error or execution.status.lower()}{where}: {reason}"


def _subject(execution: JournalledExecution) -> str:
    try:
        given = json.loads(execution.input)
        key = given.get("key") or given["detail"]["object"]["key"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return execution.name
    return str(key)


def explain_os_error(error: OSError) -> str:
    """Return what a fault of the machine means and what to do about it, in one sentence."""
    place = f" ({error.filename})" if error.filename else ""
    if is_full_disk(error):
        return f"The disk is full{place}: free space, then run the same command again. No stored data is lost."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"This user may not write or read there{place}: choose another folder, or change its permissions."
    if error.errno == errno.EADDRINUSE:
        return "The port is taken: choose another one with --port, or leave the option out."
    return f"The operating system refused{place}: {error.strerror or error}."


def report_crash(error: BaseException, folder: Path, say: Callable[[str], None]) -> None:
    """Keep the traceback of a fault of ReefSteps in a file under `folder`, and say where it is in one sentence."""
    text = "".join(traceback.format_exception(error))
    path = folder / "logs" / ERROR_LOG
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(f"{datetime.now(UTC).isoformat()} {shlex.join(sys.argv)}\n{text}\n")
    except OSError:
        path = Path(os.devnull)
    kept = f"The details are in {path}" if path != Path(os.devnull) else "The details could not be written"
    say(f"ReefSteps has a fault ({type(error).__name__}: {' '.join(str(error).split())[:300]}). {kept}.")
