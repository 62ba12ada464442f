"""Each function does its work in an environment that holds its locked requirements and nothing else.

The code beside it is what its image or zip gets: reefsteps and its own folder. S3 is moto's, the database SQLite, the
model a tiny random one. Every call to S3 is recorded and held against the function's role in the template. The
environments are kept in .cache/venvs, by the hash of the lock file.
"""

import copy
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import cv2
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from reefsteps.database import Database
from scripts.deployment import ROOT, Deployment, listed
from tests.support.checkpoints import config_dump, random_mask_rcnn, write_checkpoint
from tests.support.steps import package_of

MEASURING = ("restoration", "reframing", "segmentation", "conversion", "coverage")
STEPS = (*MEASURING, "removal", "importing", "relabel", "points", "notices", "provision")
BUCKETS = ("raw", "treated", "reframed", "segmented", "masks", "model-reframing", "model-segmentation")
KEY = "2024-Moorea-07.jpg"
CORNERS = [[100.0, 80.0], [540.0, 90.0], [530.0, 520.0], [110.0, 510.0]]  # a square, nearly
CALL = """
import botocore.client, importlib, json, sys, types
calls, send = [], botocore.client.BaseClient._make_api_call
def record(client, operation, arguments):
    calls.append([operation, arguments.get("Bucket"), arguments.get("Key"), "VersionId" in arguments])
    return send(client, operation, arguments)
botocore.client.BaseClient._make_api_call = record
step, package, event = json.load(sys.stdin)
handler = importlib.import_module(package + ".app").handler
try:
    answer = {"result": handler(event, types.SimpleNamespace(aws_request_id="1", function_name=step))}
except Exception as error:
    answer = {"error": type(error).__name__, "message": str(error)}
print("ANSWER" + json.dumps(answer | {"calls": calls}))
"""
ACTIONS = {
    "HeadObject": "s3:GetObject",
    "GetObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
    "CopyObject": "s3:PutObject",
    "ListObjectsV2": "s3:ListBucket",
}


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def s3(s3_endpoint: str) -> Any:
    keys: dict[str, Any] = {"aws_access_key_id": "fake", "aws_secret_access_key": "fake"}
    return boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1", **keys)


@pytest.fixture(scope="module")
def variables(s3_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    values = {f"{bucket.upper().replace('-', '_')}_BUCKET": bucket for bucket in BUCKETS}
    database = tmp_path_factory.mktemp("database") / "coverage.db"
    return values | {
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_ACCESS_KEY_ID": "fake",
        "AWS_SECRET_ACCESS_KEY": "fake",
        "AWS_DEFAULT_REGION": "us-east-1",
        "POWERTOOLS_METRICS_NAMESPACE": "ReefSteps",
        "POWERTOOLS_TRACE_DISABLED": "1",
        "DATABASE_URL": f"sqlite:///{database}",
        "DATABASE_AUTH": "url",
        "OMP_NUM_THREADS": "1",
        "PATH": os.environ["PATH"],
    }


@pytest.fixture(scope="module")
def photograph(s3: Any) -> dict[str, Any]:
    """A photograph in the raw bucket, and the document that the pipeline starts with."""
    for bucket in BUCKETS:
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    noise = np.random.default_rng(7).integers(0, 90, (600, 800, 3), dtype=np.uint8)
    blue = cv2.GaussianBlur(noise, (0, 0), 3) + np.array([110, 80, 30], dtype=np.uint8)
    _, encoded = cv2.imencode(".jpg", blue)
    version = s3.put_object(Bucket="raw", Key=KEY, Body=encoded.tobytes())["VersionId"]
    return {
        "execution": {"id": "arn:aws:states:::1", "name": "one", "started_at": "2026-01-02T03:04:05.000Z"},
        "input": {"bucket": "raw", "key": KEY, "version_id": version, "corners_px": CORNERS},
    }


@pytest.fixture(scope="module")
def invoke(
    variables: dict[str, str], bare_python: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., dict[str, Any]]:
    def call(step: str, event: dict[str, Any], program: str = CALL) -> dict[str, Any]:
        task_root, package = tmp_path_factory.mktemp(step), package_of(step)
        for part in ("reefsteps", package):
            shutil.copytree(
                ROOT / "functions" / part, task_root / part, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True
            )
        own = {
            "MODEL_BUCKET": "model-reframing" if step == "reframing" else "model-segmentation",
            "POWERTOOLS_SERVICE_NAME": step,
            "TMPDIR": str(task_root),
        }
        done = subprocess.run(
            [str(bare_python(ROOT / "functions" / package / "requirements.txt")), "-c", program],
            cwd=task_root,
            env=variables | own,
            input=json.dumps([step, package, event]),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        answers = [line for line in done.stdout.splitlines() if line.startswith("ANSWER")]
        assert answers, done.stderr
        answer: dict[str, Any] = json.loads(answers[-1].removeprefix("ANSWER"))
        return answer

    return call


def test_every_function_does_its_work_within_its_role(
    invoke: Callable[..., dict[str, Any]],
    photograph: dict[str, Any],
    s3: Any,
    variables: dict[str, str],
    deployment: Deployment,
    tmp_path: Path,
) -> None:
    document = copy.deepcopy(photograph)

    def run(step: str, event: dict[str, Any]) -> dict[str, Any]:
        answer = invoke(step, event)
        assert not refused_calls(deployment, step, answer["calls"])
        return answer

    def measure(step: str) -> dict[str, Any]:
        answer = run(step, document)
        assert "result" in answer, answer
        document[step] = answer["result"]
        return document[step]

    Database(variables["DATABASE_URL"]).create_tables()
    assert measure("restoration")["treated"]["key"] == KEY
    assert measure("reframing")["manual"] is True  # manual corners need no model
    assert run("segmentation", document)["error"] == "ModelNotReadyError"

    name = "detectron2-classifier"
    bucket = variables["MODEL_SEGMENTATION_BUCKET"]
    checkpoint = write_checkpoint(tmp_path / f"{name}.pth", random_mask_rcnn())
    for path in (config_dump(tmp_path / f"{name}.yaml"), checkpoint):
        s3.upload_file(str(path), bucket, path.name)
    uploaded = photograph | {"input": {"bucket": bucket, "key": checkpoint.name, "version_id": None}}
    assert run("conversion", uploaded)["result"]["converted"] is True

    assert 0 <= measure("segmentation")["cover_percent"] <= 100
    assert measure("coverage")["written"] is True
    new_key = KEY.replace("Moorea", "Mo'orea")
    asked = {"changes": [{"old": KEY[:-4], "new": new_key[:-4]}]}
    registered = run("relabel", {"action": "register", "execution": {"name": "r"}, "input": asked})["result"]
    assert run("relabel", registered | {"action": "carry_out", "group": 0})["result"].get("refused") is None
    s3.delete_object(Bucket="raw", Key=new_key)
    removed = run("removal", {"bucket": "raw", "key": new_key})["result"]
    assert removed["row_removed"] is True
    assert len(removed["objects_removed"]) >= 8


def refused_calls(deployment: Deployment, step: str, calls: list[Any]) -> list[str]:
    """Calls that the function's role in the template does not allow."""
    role = deployment.expanded["Resources"][f"{step.capitalize()}FunctionRole"]["Properties"]
    statements = [s for policy in role["Policies"] for s in policy["PolicyDocument"]["Statement"]]
    refused = []
    for operation, bucket, key, versioned in calls:
        logical = "".join(part.capitalize() for part in bucket.split("-")) + "Bucket"
        needed = {ACTIONS[operation]} | ({"s3:GetObjectVersion"} if versioned else set())
        resource = {"Fn::GetAtt": [logical, "Arn"]} if key is None else {"Fn::Sub": f"${{{logical}.Arn}}/*"}
        allowed = {a for s in statements if resource in listed(s["Resource"]) for a in listed(s["Action"])}
        refused += [f"{step}: {action} on {bucket}/{key}" for action in sorted(needed - allowed)]
    return refused


def test_the_role_check_sees_a_missing_permission(deployment: Deployment) -> None:
    assert refused_calls(deployment, "restoration", [["PutObject", "masks", "a", False]])
    assert refused_calls(deployment, "segmentation", [["GetObject", "treated", "a", True]])
    assert not refused_calls(deployment, "restoration", [["GetObject", "raw", "a", True]])


def test_provisioning_has_its_statements(invoke: Callable[..., dict[str, Any]]) -> None:
    program = "from provision import app, schema\nprint('ANSWER{\"statements\": %d}' % len(schema.statements('reefs')))"
    assert invoke("provision", {}, program)["statements"] > 10


def test_notices_read_an_event_in_an_environment_of_their_own(
    invoke: Callable[..., dict[str, Any]], variables: dict[str, str]
) -> None:
    names = ("FAILURES_QUEUE", "REFUSALS_QUEUE", "ALERTS_TOPIC", "STACK_NAME")
    program = f"""
import json, os
os.environ.update(dict.fromkeys({names!r}, "x"))
from notices import app, ended, mails
event = {{"detail": {{"executionArn": "arn:aws:states:eu-west-1:1:execution:r-pipeline:n", "error": "States.Timeout"}}}}
print("ANSWER" + json.dumps({{"mails": len(mails.mails_about([ended.read(event)], "r"))}}))
"""
    assert invoke("notices", {}, program)["mails"] == 1


@pytest.mark.parametrize("step", STEPS)
def test_no_lambda_brings_torch_or_a_test_tool(step: str) -> None:
    lock = (ROOT / "functions" / package_of(step) / "requirements.txt").read_text().lower()
    names = {line.split("==")[0] for line in lock.splitlines() if "==" in line}
    assert not names & {"torch", "torchvision", "detectron2", "moto", "pytest", "streamlit", "opencv-python"}
    assert "--hash=sha256:" in lock
