"""`python -m local up` twice, with an operator's own model uploaded in between: it stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.local_stack import RunningStack, project_with_fakes, wait_for

CORAL, FRAME = "detectron2-classifier", "detectron2-reframe"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo models of a release: stand-ins, which the stand-in for conversion takes."""
    folder = tmp_path_factory.mktemp("demo")
    for name in (CORAL, FRAME):
        (folder / f"{name}.pth").write_bytes(b"demo weights of " + name.encode())
        (folder / f"{name}.yaml").write_bytes(b"demo configuration")
        (folder / f"{name}.evaluation.json").write_bytes(b"demo errors")
    return folder


@pytest.fixture
def stack(demo: Path, tmp_path: Path) -> Iterator[RunningStack]:
    project = project_with_fakes(tmp_path / "project")
    running = RunningStack(tmp_path / "state", {"template": str(project), "models": str(demo)})
    yield running
    running.stop()


def content(stack: RunningStack, bucket: str) -> dict[str, bytes]:
    name = stack.info.buckets[bucket]
    return {key: stack.clients.s3.get_object(Bucket=name, Key=key)["Body"].read() for key in stack.keys(name)}


def log(stack: RunningStack) -> str:
    return (stack.state / "stack.log").read_text()


def wait_until_converted(stack: RunningStack) -> None:
    """Wait until every upload to a model bucket has had its execution: six of the demo models, two of this test."""

    def ended() -> bool:
        found = stack.executions("Convert")
        return len(found) == 8 and all(execution["status"] == "SUCCEEDED" for execution in found)

    wait_for(ended, 60)


def test_ones_own_model_survives_a_restart(stack: RunningStack, demo: Path) -> None:
    stack.start()
    assert stack.info.models == {CORAL: "ready", FRAME: "ready"}
    before = content(stack, "ModelSegmentationBucket")
    assert before[f"{CORAL}.pth"] == b"demo weights of detectron2-classifier"
    assert f"Model {CORAL}: the bucket has none, so the demo model goes there." in log(stack)

    bucket = stack.info.buckets["ModelSegmentationBucket"]
    stack.clients.s3.put_object(Bucket=bucket, Key=f"{CORAL}.pth", Body=b"my own weights")
    stack.clients.s3.put_object(Bucket=bucket, Key=f"{CORAL}.yaml", Body=b"my own configuration")
    wait_until_converted(stack)
    own = content(stack, "ModelSegmentationBucket")
    stack.stop()
    (demo / f"{CORAL}.evaluation.json").write_bytes(b"errors of a newer release")

    stack.start()
    after = content(stack, "ModelSegmentationBucket")
    assert after == own
    assert after[f"{CORAL}.pth"] == b"my own weights"
    assert after[f"{CORAL}.yaml"] == b"my own configuration"
    assert stack.info.models == {CORAL: "ready", FRAME: "ready"}
    assert f"Model {CORAL}: {CORAL}.pth of the bucket is used, not the demo model." in log(stack)
    assert f"Model {FRAME}: {FRAME}.pth of the bucket is used, the demo model." in log(stack)
