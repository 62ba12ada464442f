"""What every test needs: this checkout in processes that it starts, AWS's APIs read once, files kept in one process."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT / "functions"), str(ROOT)])


def _read_descriptions_once() -> None:
    """Let every boto3 session know what others have read of AWS's APIs: each mock of moto begins a session anew."""
    from botocore import loaders, session

    read: dict[Any, Any] = {}

    def create_loader(search_path_string: str | None = None) -> loaders.Loader:
        loader: Any = loaders.create_loader(search_path_string)
        loader._cache = read
        return loader

    session.create_loader = create_loader


if importlib.util.find_spec("botocore"):
    _read_descriptions_once()

if importlib.util.find_spec("hypothesis"):
    from hypothesis import settings

    # By default an example that takes over 200 ms fails. That says how busy the machine is, and nothing of the code.
    settings.register_profile("any machine", deadline=None)
    settings.load_profile("any machine")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One process runs all tests of a file, and one runs all of e2e: they share what is slow to start."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return "tests/e2e" if nodeid.startswith("tests/e2e/") else super()._split_scope(nodeid)

    return ByFile(config, log)
