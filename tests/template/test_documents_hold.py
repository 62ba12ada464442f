"""Documents know every failure, alarm, variable and command of the code, and name none that does not exist."""

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from reefsteps import errors
from scripts import stacks
from scripts.deployment import ROOT, Deployment
from scripts.state_machine_rules import tasks

DOCS = ROOT / "docs"
ERRORS = (DOCS / "reference/errors.md").read_text()
OPERATE = (DOCS / "how-to/operate.md").read_text()
RECOVER = (DOCS / "how-to/recover.md").read_text()
ENVIRONMENT = (DOCS / "reference/environment.md").read_text()
COMMANDS = (DOCS / "reference/commands.md").read_text()
ROOMS = ("statemachine", "models", "events")  # their README.md
DOCUMENTS = sorted({*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / room / "README.md" for room in ROOMS)})
MAKEFILES = (ROOT / "Makefile", ROOT / "deploy.mk")
NAMING_DOCUMENTS = {".py", ".js", ".html", ".json", ".in", ".ipynb", ".css"}
NAMED_ON_PURPOSE = {"frontend/pages"}  # a decision not to have it
FAMILIES = {"ReefStepsError", "BadInputError", "TransientError"}
OWN_PACKAGES = ("functions", "frontend", "local")
SET_BY_LAMBDA_OR_SHELL = {"PATH", "HOME", "LANG"}


def test_every_named_error_has_its_row() -> None:
    named = {name for name in vars(errors) if name.endswith("Error")} - FAMILIES
    assert len(named) >= 10
    assert {name for name in named if f"| `{name}` |" not in ERRORS} == set()


def test_no_row_is_of_an_error_that_does_not_exist() -> None:
    own = re.search(r"(?ms)^## ReefSteps' own errors\n(.*?)^## ", ERRORS)
    assert own
    assert set(re.findall(r"(?m)^\| `(\w+)`", own[1])) <= set(vars(errors))


def test_waiting_times_are_those_of_the_state_machine(deployment: Deployment) -> None:
    machine = deployment.machines["statemachine/pipeline.asl.json"]
    waits: dict[str, float] = {}
    for _, state in tasks(machine):
        for retrier in state["Retry"]:
            rate, attempts = retrier.get("BackoffRate", 2), retrier["MaxAttempts"]
            steps = [retrier.get("IntervalSeconds", 1) * rate**n for n in range(attempts)]
            longest = retrier.get("MaxDelaySeconds", float("inf"))
            # Full jitter draws each wait evenly between nothing and its length: half of it, on average.
            share = 0.5 if retrier.get("JitterStrategy") == "FULL" else 1.0
            for error in retrier["ErrorEquals"]:
                waits[error] = share * sum(min(step, longest) for step in steps)
    assert round(waits["ModelNotReadyError"] / 60) == 5
    assert "five minutes" in ERRORS
    assert round(waits["DatabaseUnavailableError"] / 60) == 8
    assert "eight minutes" in ERRORS
    assert round(waits["Lambda.TooManyRequestsException"] / 3600) == 2
    assert "two hours of throttling" in ERRORS


def test_every_alarm_is_mentioned(deployment: Deployment) -> None:
    assert set(re.findall(r"(?m)^\| `(\w+Alarm)` \|", OPERATE)) == set(deployment.resources("AWS::CloudWatch::Alarm"))


def test_every_state_that_stops_a_deployment_is_explained() -> None:
    for state in stacks._REMEDIES:
        assert f"`{state}`" in RECOVER


def test_every_environment_variable_is_described(deployment: Deployment) -> None:
    described = set(re.findall(r"`([A-Z][A-Z0-9_]{2,})`", ENVIRONMENT))
    assert _variables_of_the_template(deployment) <= described
    assert _variables_that_code_reads() <= described


def _variables_of_the_template(deployment: Deployment) -> set[str]:
    found: set[str] = set()
    for function in deployment.resources("AWS::Lambda::Function").values():
        found |= set(function.get("Environment", {}).get("Variables", {}))
    for task in deployment.resources("AWS::ECS::TaskDefinition").values():
        for container in task["ContainerDefinitions"]:
            found |= {entry["Name"] for entry in [*container.get("Environment", []), *container.get("Secrets", [])]}
    return found


def _variables_that_code_reads() -> set[str]:
    found: set[str] = set()
    for package in OWN_PACKAGES:
        for path in (ROOT / package).rglob("settings.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found |= set(re.findall(r"\A[A-Z][A-Z0-9]*_[A-Z0-9_]+\Z", node.value))
    assert {"SCORE_THRESHOLD", "AUTH_MODE"} <= found
    return found - SET_BY_LAMBDA_OR_SHELL


def test_every_make_target_is_described() -> None:
    described = set(re.findall(r"make ([a-z-]+)", COMMANDS))
    assert _make_targets() == described


def _make_targets() -> set[str]:
    text = "\n".join(path.read_text() for path in MAKEFILES)
    return {name for line in re.findall(r"(?m)^\.PHONY:(.*)$", text) for name in line.split()}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_named_command_exists(document: Path) -> None:
    text = document.read_text()
    code = re.findall(r"(?ms)^ *```\w*\n(.*?)^ *```", text) + re.findall(r"`([^`\n]+)`", text)
    for target in {name for part in code for name in re.findall(r"\bmake ([a-z][a-z-]+)", part)}:
        assert target in _make_targets(), f"there is no make {target}"
    for module in {name for part in code for name in re.findall(r"python -m ([\w.]+)", part)} - {"venv"}:
        assert _is_module(module), f"there is no module {module} to run"


def _is_module(name: str) -> bool:
    if name in ("pytest", "pip"):
        return True
    path = name.replace(".", "/")
    places = [ROOT, ROOT / "functions"]
    return any((place / f"{path}.py").is_file() or (place / path / "__main__.py").is_file() for place in places)


def test_options_of_named_local_commands_exist() -> None:
    text = "\n".join(path.read_text() for path in DOCUMENTS)
    said = {part for part in re.findall(r"python -m local [a-z]+[^`\n|#]*", text) if "--" in part}
    assert said
    help_of: dict[str, str] = {}
    for part in said:
        words = shlex.split(part, posix=False)
        command = words[3]
        if command not in help_of:
            shown = [sys.executable, "-m", "local", command, "--help"]
            help_of[command] = subprocess.run(shown, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for option in (word for word in words[4:] if word.startswith("--")):
            assert option in help_of[command], f"python -m local {command} has no {option}"


def test_documents_that_code_names_exist() -> None:
    rooms = ("functions", "frontend", "local", "scripts", "training", "synthetic", "statemachine", "requirements")
    files = [path for room in rooms for path in (ROOT / room).rglob("*") if path.suffix in NAMING_DOCUMENTS]
    files += [ROOT / "template.yaml", ROOT / "registry.yaml", *MAKEFILES]
    named = {(name, path) for path in files for name in re.findall(r"\bdocs/[\w/-]+\.md", path.read_text())}
    assert named
    assert {(name, str(path)) for name, path in named if not (ROOT / name).is_file()} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_named_file_exists(document: Path) -> None:
    text = document.read_text()
    if document.name == "CHANGELOG.md":
        return  # names files as they were
    spans = re.findall(r"`([^`\n]+)`", text)
    rooms = "functions|frontend|local|scripts|training|synthetic|tests|statemachine|findings|requirements|docs"
    paths = {
        name for span in spans for name in re.findall(rf"(?<![\w/.-])(?:{rooms})/[\w./-]*", span) if "..." not in name
    }
    missing = {name for name in paths if not (ROOT / name.rstrip(".")).exists()}
    named_tests = set(re.findall(r"\b(test_\w+\.py)\b", text))
    assert (
        missing - NAMED_ON_PURPOSE | (named_tests - {path.name for path in (ROOT / "tests").rglob("test_*.py")})
        == set()
    )
