"""What the workflows promise beyond their syntax: pinned actions, the agreed secrets, only what changed is built."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from scripts.deployment import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
SECRETS = {
    "AWS_IAM_ROLE",
    "ECR_REGISTRY",
    "ECR_FRONTEND_APP",
    "ECR_REFRAMING_LAMBDA",
    "ECR_RESTORATION_LAMBDA",
    "ECR_SEGMENTATION_LAMBDA",
    "LAMBDA_IMAGE_REFRAMING",
    "LAMBDA_IMAGE_RESTORATION",
    "LAMBDA_IMAGE_SEGMENTATION",
}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit(workflow: Path) -> None:
    uses = re.findall(r"uses: (\S+)(.*)", workflow.read_text())
    assert uses
    for action, comment in uses:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action), action
        assert re.search(r"# v\d+\.\d+\.\d+$", comment), f"{action} does not say which version it is"


def test_deployment_uses_the_agreed_secrets() -> None:
    text = (ROOT / ".github/workflows/deploy.yml").read_text()
    assert set(re.findall(r"secrets\.(\w+)", text)) == SECRETS


def test_deployment_waits_until_stable_and_names_the_commit() -> None:
    text = (ROOT / ".github/workflows/deploy.yml").read_text()
    assert "aws lambda wait function-updated-v2" in text
    assert "aws ecs wait services-stable" in text
    assert "$GITHUB_SHA" in text
    assert ":latest" not in text
    assert text.count("environment: ${{ inputs.environment || 'dev' }}") == 2  # the subject that the role trusts


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    for name in ("functions/reefsteps/a.py", "functions/reframing/a.py", "functions/coverage/a.py", "frontend/a.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1\n")
    commit(tmp_path)
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "change")
    return git(folder, "rev-parse", "HEAD")


def changed(folder: Path, before: str, everything: str = "false") -> tuple[bool, list[str]]:
    script = ROOT / ".github/workflows/changed.sh"
    done = subprocess.run(
        ["bash", str(script), before, everything], cwd=folder, capture_output=True, text=True, check=True
    )
    lines = dict(line.split("=", 1) for line in done.stdout.splitlines())
    return lines["frontend"] == "true", json.loads(lines["workers"])


ALL = ["restoration", "reframing", "segmentation"]


@pytest.mark.parametrize(
    ("touched", "frontend", "workers"),
    [
        ("functions/reframing/a.py", False, ["reframing"]),
        ("frontend/a.py", True, []),
        ("functions/reefsteps/a.py", True, ALL),
        ("functions/coverage/a.py", False, []),
    ],
)
def test_only_what_changed_is_built(repository: Path, touched: str, frontend: bool, workers: list[str]) -> None:
    before = git(repository, "rev-parse", "HEAD")
    (repository / touched).write_text("2\n")
    commit(repository)
    assert changed(repository, before) == (frontend, workers)


@pytest.mark.parametrize(("before", "everything"), [("", "false"), ("0" * 40, "false"), ("HEAD", "true")])
def test_by_hand_or_on_a_new_branch_everything_is_built(repository: Path, before: str, everything: str) -> None:
    assert changed(repository, before, everything) == (True, ALL)
