"""What an operator's commands say when something is missing or does not go together, before anything is started."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    SSOTokenLoadError,
    TokenRetrievalError,
)

from reefsteps.errors import InvalidParameterError
from scripts import backfill, retry
from scripts.aws_words import explained
from scripts.backfill_options import add_options, check, chosen, described
from scripts.deployment import ROOT


def options(*arguments: str) -> argparse.Namespace:
    """Read options as `make backfill` gives them."""
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser.parse_args(arguments)


def no_runs() -> Any:
    raise AssertionError("AWS is asked, though it matters to nothing")


def refused(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStackResource")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NoCredentialsError(), "Sign in"),
        (SSOTokenLoadError(error_msg="no token"), "Sign in"),
        (TokenRetrievalError(provider="sso", error_msg="Token has expired"), "Sign in"),
        (refused("ExpiredTokenException"), "Sign in"),
        (refused("AccessDenied", "User .../AWSReservedSSO_reader may not"), "Use those of who deploys"),
        (refused("ValidationError", "Stack 'reefsteps-dev' does not exist"), "make deploy"),
        (EndpointConnectionError(endpoint_url="https://cloudformation"), "safe to run this again"),
        (refused("Throttling", "Rate exceeded"), "safe to run this again"),
    ],
)
def test_each_fault_of_aws_says_what_to_do(error: BotoCoreError | ClientError, words: str) -> None:
    said = explained(error)
    assert words in said
    assert ("safe to run this again" in said) == (words == "safe to run this again")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--prefix", "2024-", "--keys", "list.txt"),
        ("--prefix", "2024-", "--failed", "ModelNotReadyError"),
        ("--since", "3d"),
        ("--failed", "ModelNotReadyError", "--since", "yesterday"),
        ("--at-once", "0"),
    ],
)
def test_options_that_do_not_go_together_start_nothing(arguments: tuple[str, ...]) -> None:
    with pytest.raises(InvalidParameterError):
        chosen(options(*arguments), no_runs)


@pytest.mark.parametrize("content", [b"", b"\n  \r\n", b"2024-T\xe9-01.jpg\n"])
def test_a_list_without_names_or_in_another_encoding_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(InvalidParameterError, match=r"list\.txt"):
        chosen(options("--keys", str(tmp_path / "list.txt")), no_runs)


def test_a_list_is_read_as_windows_saves_it_and_names_each_photograph_once(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes("\ufeff2024-Hao-01.jpg\r\n\r\n2024-Hao-02.jpg\r\n2024-Hao-01.jpg\r\n".encode())
    given = chosen(options("--keys", str(tmp_path / "list.txt")), no_runs)
    assert given == [{"keys": ["2024-Hao-01.jpg", "2024-Hao-02.jpg"]}]


def test_all_photographs_are_taken_by_whoever_says_nothing_else() -> None:
    given = chosen(options(), no_runs)
    assert given == [{"prefix": ""}]
    assert "all photographs" in described(given)
    assert check(options("--prefix", "2024-")) == []


@pytest.mark.parametrize("command", [retry, backfill])
def test_a_wrong_time_is_told_without_credentials(
    command: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "history", no_runs)
    given = ["--since", "yesterday"] + (["--failed", "ModelNotReadyError"] if command is backfill else [])
    monkeypatch.setattr(sys, "argv", ["command", *given])
    assert command.main() == 1
    assert "no time" in capsys.readouterr().err


def test_make_hands_on_what_holds_spaces() -> None:
    call = ["make", "-n", "backfill", "PREFIX=2024-Nuku Hiva", "KEYS=my list.txt", "SINCE=2026-05-01 08:00"]
    said = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for words in ('--prefix "2024-Nuku Hiva"', '--keys "my list.txt"', '--since "2026-05-01 08:00"'):
        assert words in said
