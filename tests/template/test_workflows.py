"""What the workflows promise beyond their syntax: pinned actions, the agreed secrets, only what changed is built."""

import json
import re
import shutil
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
    code = (
        "functions/reefsteps/a.py",
        "functions/reframing/app.py",
        "functions/coverage_step/app.py",
        "functions/removal/app.py",
    )
    for name in (*code, "frontend/a.py", "template.yaml", "statemachine/pipeline.asl.json"):
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


def answer(folder: Path, *runs: str, everything: str = "false") -> dict[str, str]:
    """What changed.sh says in `folder` after these runs ("success <commit>"), the latest first."""
    script = ROOT / ".github/workflows/changed.sh"
    done = subprocess.run(
        ["bash", str(script), everything],
        input="\n".join(runs) + "\n",
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def changed(folder: Path, *runs: str, everything: str = "false") -> tuple[bool, list[str]]:
    """What is built."""
    lines = answer(folder, *runs, everything=everything)
    return lines["frontend"] == "true", json.loads(lines["workers"])


def change(folder: Path, name: str, content: str) -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content)
    return commit(folder)


ALL = ["restoration", "reframing", "segmentation"]


@pytest.mark.parametrize(
    ("touched", "frontend", "workers"),
    [
        ("functions/reframing/a.py", False, ["reframing"]),
        ("frontend/a.py", True, []),
        ("functions/reefsteps/a.py", True, ALL),
        ("functions/coverage_step/a.py", False, []),
        (".dockerignore", True, []),
        ("functions/.dockerignore", False, ALL),
        ("docs/a.md", False, []),
    ],
)
def test_only_what_changed_is_built(repository: Path, touched: str, frontend: bool, workers: list[str]) -> None:
    before = git(repository, "rev-parse", "HEAD")
    change(repository, touched, "2\n")
    assert changed(repository, f"success {before}") == (frontend, workers)


@pytest.mark.parametrize(
    ("touched", "left"),
    [
        ("functions/coverage_step/app.py", "coverage_step"),
        ("functions/reefsteps/a.py", "coverage_step removal"),
        ("template.yaml", "template.yaml"),
        ("statemachine/pipeline.asl.json", "statemachine"),
        ("functions/reframing/app.py", ""),
        ("frontend/a.py", ""),
    ],
)
def test_what_only_make_deploy_brings_is_named(repository: Path, touched: str, left: str) -> None:
    before = git(repository, "rev-parse", "HEAD")
    change(repository, touched, "2\n")
    assert answer(repository, f"success {before}")["left"] == left


def test_a_push_that_is_not_deployed_ends_with_a_warning() -> None:
    text = (ROOT / ".github/workflows/deploy.yml").read_text()
    assert "left: ${{ steps.diff.outputs.left }}" in text
    assert "::warning title=" in text
    assert "make deploy" in text


@pytest.mark.parametrize("ending", ["failure", "cancelled", "timed_out"])
def test_what_a_run_did_not_bring_is_built_by_the_next(repository: Path, ending: str) -> None:
    deployed = git(repository, "rev-parse", "HEAD")
    not_deployed = change(repository, "functions/reframing/app.py", "2\n")
    change(repository, "frontend/a.py", "2\n")
    assert changed(repository, f"{ending} {not_deployed}", f"success {deployed}") == (True, ["reframing"])


def test_what_a_failed_run_may_have_brought_is_taken_back(repository: Path) -> None:
    deployed = git(repository, "rev-parse", "HEAD")
    half = change(repository, "functions/reframing/app.py", "2\n")
    change(repository, "functions/reframing/app.py", "1\n")  # as it was deployed before
    assert changed(repository, f"failure {half}", f"success {deployed}") == (False, ["reframing"])


def test_runs_before_the_last_successful_one_do_not_count(repository: Path) -> None:
    old = git(repository, "rev-parse", "HEAD")
    deployed = change(repository, "frontend/a.py", "2\n")
    change(repository, "functions/segmentation/a.py", "2\n")
    assert changed(repository, f"success {deployed}", f"success {old}") == (False, ["segmentation"])


def test_the_same_commit_again_builds_nothing_but_on_demand(repository: Path) -> None:
    deployed = git(repository, "rev-parse", "HEAD")
    assert changed(repository, f"success {deployed}") == (False, [])
    assert changed(repository, f"success {deployed}", everything="true") == (True, ALL)


@pytest.mark.parametrize(
    "runs", [[], ["failure HEAD"], [f"success {'0' * 40}"], [f"failure {'0' * 40}", "success HEAD"]]
)
def test_without_a_known_successful_run_everything_is_built(repository: Path, runs: list[str]) -> None:
    assert changed(repository, *runs) == (True, ALL)


def test_deployment_compares_with_its_own_environments_runs() -> None:
    text = (ROOT / ".github/workflows/deploy.yml").read_text()
    title = "Deploy to ${{ inputs.environment || 'dev' }}"
    assert f"run-name: {title}\n" in text  # what the list of runs shows as displayTitle
    assert f"TITLE: {title}\n" in text
    assert "actions: read" in text
    assert "github.event.before" not in text
    assert "fetch-depth: 0" in text


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed; gh has its own")
def test_runs_are_listed_by_environment_the_latest_ending_first() -> None:
    text = (ROOT / ".github/workflows/deploy.yml").read_text()
    found = re.search(r"--jq '(.+?)'\)", text, re.DOTALL)
    assert found
    runs = [
        {"conclusion": conclusion, "displayTitle": f"Deploy to {where}", "headSha": sha, "updatedAt": f"2026-11-{day}"}
        for conclusion, where, sha, day in [
            ("", "dev", "running", "09"),
            ("failure", "dev", "failed", "07"),
            ("success", "prod", "other", "08"),
            ("success", "dev", "again", "08"),
            ("success", "dev", "first", "01"),
        ]
    ]
    done = subprocess.run(
        ["jq", "-r", found[1]],
        input=json.dumps(runs),
        env={"TITLE": "Deploy to dev", "PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["success again", "failure failed", "success first"]


def test_deployment_starts_for_everything_that_is_deployed() -> None:
    text = (ROOT / ".github/workflows/deploy.yml").read_text()
    assert re.search(r"(?m)^    paths:\n((?:      - \S+\n)+)", text)[1].split() == [  # type: ignore[index]
        word
        for path in (
            ".dockerignore",
            "frontend/**",
            "functions/**",
            "registry.yaml",
            "statemachine/**",
            "template.yaml",
        )
        for word in ("-", path)
    ]


def test_a_worker_is_built_with_its_version() -> None:
    text = (ROOT / ".github/workflows/deploy.yml").read_text()
    assert '--build-arg PIPELINE_VERSION="$GITHUB_SHA"' in text
