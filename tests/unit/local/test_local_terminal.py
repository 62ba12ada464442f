"""What a person reads in the terminal: lines, not dumps; sentences, not tracebacks; commands that work as printed."""

from __future__ import annotations

import errno
import logging
import shlex
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from local import cli
from local.journal import Journal, JournalledExecution
from local.terminal import ERROR_LOG, command, explain_os_error, line_of, log_to_file

REPOSITORY = Path(__file__).parents[3]


def _ended(status: str, error: str | None = None, cause: str | None = None) -> JournalledExecution:
    return JournalledExecution(
        arn="arn:aws:states:eu-west-1:123456789012:execution:pipeline:one",
        machine="m",
        name="one",
        status=status,
        input='{"bucket": "raw", "key": "2006-Hao-01.jpg"}',
        started_at="2026-01-01T00:00:00+00:00",
        error=error,
        cause=cause,
    )


def test_a_refusal_is_one_line() -> None:
    line = line_of(_ended("FAILED", "InvalidImageError", "restoration: The file is\nno photograph."))
    assert line == "2006-Hao-01.jpg: InvalidImageError in restoration: The file is no photograph."


def test_a_success_is_no_line() -> None:
    assert line_of(_ended("SUCCEEDED")) is None


def test_the_journal_tells_of_each_end(tmp_path: Path) -> None:
    told: list[str] = []
    journal = Journal(tmp_path, lambda ended: told.append(ended.status))
    journal.start_execution(_ended("RUNNING"))
    journal.finish_execution(_ended("FAILED"))
    assert told == ["FAILED"]
    journal.close()


def test_libraries_and_threads_write_to_the_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before, hook = list(logging.getLogger().handlers), threading.excepthook
    try:
        log_to_file(tmp_path)
        logging.getLogger("moto.stepfunctions").error("a dump of objects")
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
    finally:
        for handler in set(logging.getLogger().handlers) - set(before):
            logging.getLogger().removeHandler(handler)
            handler.close()
        threading.excepthook = hook
    text = (tmp_path / ERROR_LOG).read_text()
    assert "a dump of objects" in text
    assert "ZeroDivisionError" in text
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.ENOSPC, "The disk is full"), (errno.EROFS, "may not"), (errno.EADDRINUSE, "port"), (errno.EIO, "refused")],
)
def test_a_fault_of_the_machine_is_one_sentence(number: int, expected: str) -> None:
    text = explain_os_error(OSError(number, "said so", "some/file"))
    assert expected in text
    assert "\n" not in text


def test_a_printed_command_runs_as_printed() -> None:
    printed = shlex.split(command("--help"))
    answered = subprocess.run(printed, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True)
    assert "process" in answered.stdout


def test_a_mistake_of_ours_is_a_sentence_with_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_state: Path) -> None:
        raise KeyError("surprise")

    monkeypatch.setattr(cli, "running", broken)
    assert cli.main(["status", "--state", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert said.count("\n") == 1
    assert "KeyError" in (tmp_path / "logs" / ERROR_LOG).read_text()


@pytest.mark.parametrize("port", ["70000", "-1", "eighty", "80.5"])
def test_a_port_that_is_none_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["up", f"--port={port}"])
    assert "from 0 to 65535" in capsys.readouterr().err


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        arguments = [sys.executable, "-m", "local", "up", f"--port={taken.getsockname()[1]}", f"--state={tmp_path}"]
        answered = subprocess.run(arguments, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    assert answered.returncode == 1
    assert "cannot be used" in answered.stderr
    assert "Traceback" not in answered.stderr


def test_an_interpreter_without_the_packages_says_which_has_them() -> None:
    arguments = [sys.executable, "-I", "-S", "-c", "import runpy, sys; sys.path.insert(0, '.');"]
    arguments[-1] += " runpy.run_module('local', run_name='__main__')"
    answered = subprocess.run(arguments, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    assert answered.returncode == 1
    assert "make up" in answered.stderr
    assert "Traceback" not in answered.stderr
