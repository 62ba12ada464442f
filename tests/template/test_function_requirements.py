"""Each function runs in a virtual environment that holds its locked requirements and nothing else.

The code beside it is what its image or zip gets: reefsteps and its own folder. S3 is moto's, the database SQLite. The
environments are kept in .cache/venvs, by the hash of the lock file.
"""

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

from scripts.deployment import ROOT

STEPS = ("restoration", "reframing", "segmentation", "conversion", "coverage", "removal", "provision")
BUCKETS = ("raw", "treated", "reframed", "segmented", "masks", "model-reframing", "model-segmentation")
KEY = "2024-Moorea-07.jpg"
CORNERS = [[100.0, 80.0], [700.0, 90.0], [690.0, 520.0], [110.0, 530.0]]
CALL = """
import importlib, json, sys, types
step, event = json.load(sys.stdin)
handler = importlib.import_module(step + ".app").handler
try:
    answer = {"result": handler(event, types.SimpleNamespace(aws_request_id="1", function_name=step))}
except Exception as error:
    answer = {"error": type(error).__name__, "message": str(error)}
print("ANSWER" + json.dumps(answer))
"""


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def s3(s3_endpoint: str) -> Any:
    keys = {"aws_access_key_id": "fake", "aws_secret_access_key": "fake"}
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
        task_root = tmp_path_factory.mktemp(step)
        for part in ("reefsteps", step):
            shutil.copytree(
                ROOT / "functions" / part, task_root / part, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True
            )
        own = {
            "MODEL_BUCKET": "model-reframing" if step == "reframing" else "model-segmentation",
            "POWERTOOLS_SERVICE_NAME": step,
            "TMPDIR": str(task_root),
        }
        done = subprocess.run(
            [str(bare_python(ROOT / "functions" / step / "requirements.txt")), "-c", program],
            cwd=task_root,
            env=variables | own,
            input=json.dumps([step, event]),
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


def test_restoration_and_reframing_measure_a_photograph(
    invoke: Callable[..., dict[str, Any]], photograph: dict[str, Any]
) -> None:
    restored = invoke("restoration", photograph)
    assert restored["result"]["treated"]["key"] == KEY
    photograph["restoration"] = restored["result"]
    reframed = invoke("reframing", photograph)  # manual corners: no model is needed
    assert reframed["result"]["manual"] is True
    photograph["reframing"] = reframed["result"]


def test_segmentation_asks_for_its_model(invoke: Callable[..., dict[str, Any]], photograph: dict[str, Any]) -> None:
    assert invoke("segmentation", photograph)["error"] == "ModelNotReadyError"


@pytest.mark.parametrize("step", ["reframing", "segmentation", "conversion"])
def test_inference_engine_is_there(step: str, invoke: Callable[..., dict[str, Any]]) -> None:
    program = (
        "import reefsteps.detection.onnx_engine, onnxruntime\n"
        "print('ANSWER{\"providers\": %d}' % len(onnxruntime.get_available_providers()))"
    )
    assert invoke(step, {}, program)["providers"] >= 1


def test_conversion_refuses_what_is_no_checkpoint(
    invoke: Callable[..., dict[str, Any]], photograph: dict[str, Any], s3: Any
) -> None:
    key = "detectron2-reframe.pth"
    s3.put_object(Bucket="model-reframing", Key=key, Body=b"no checkpoint")
    event = photograph | {"input": {"bucket": "model-reframing", "key": key, "version_id": None}}
    assert invoke("conversion", event)["error"] == "UnsupportedModelError"


def test_coverage_reaches_its_database(invoke: Callable[..., dict[str, Any]], photograph: dict[str, Any]) -> None:
    answer = invoke("coverage", photograph)  # there is no segmentation to record
    assert answer["error"] == "PhotoNotFoundError"


def test_removal_reaches_bucket_and_database(invoke: Callable[..., dict[str, Any]], photograph: dict[str, Any]) -> None:
    program = CALL.replace(
        "try:", "from reefsteps.database import Database; Database.from_environment().create_tables()\ntry:"
    )
    answer = invoke("removal", {"bucket": "raw", "key": KEY}, program)
    assert answer["result"]["survey"] == "2024-Moorea-07"


def test_provisioning_has_its_statements(invoke: Callable[..., dict[str, Any]]) -> None:
    program = "from provision import app, schema\nprint('ANSWER{\"statements\": %d}' % len(schema.statements('reefs')))"
    assert invoke("provision", {}, program)["statements"] > 10


@pytest.mark.parametrize("step", STEPS)
def test_no_lambda_brings_torch_or_a_test_tool(step: str) -> None:
    lock = (ROOT / "functions" / step / "requirements.txt").read_text().lower()
    names = {line.split("==")[0] for line in lock.splitlines() if "==" in line}
    assert not names & {"torch", "torchvision", "detectron2", "moto", "pytest", "streamlit", "opencv-python"}
    assert "--hash=sha256:" in lock
