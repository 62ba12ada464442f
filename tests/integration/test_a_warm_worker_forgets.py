"""What a warm worker keeps of its last photograph: nothing, on Lambda too, where the tracer records every error.

Python's search for cycles is off here: it may come too late for the next large photograph.
"""

from __future__ import annotations

import gc
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from reefsteps.images import decode
from tests.support.handlers import ENVIRONMENT

ROOT = Path(__file__).parents[2]

_PROGRAM = """
import gc, weakref
from moto import mock_aws
mock_aws().start()
import boto3
from reefsteps.run_writer import head_or_none
from reefsteps.errors import PhotoNotFoundError, SupersededError
from reefsteps.observability import step_handler, tracer
from reefsteps.results import ObjectRef
from reefsteps.storage import ObjectChangedError, Storage
assert not tracer.disabled
boto3.client("s3").create_bucket(Bucket="reef-x", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
storage, kept = Storage(), []

class Picture:
    pass

def catch(call, error):
    try:
        call()
    except error:
        pass

@step_handler("restoration")
def handler(event, context):
    picture = Picture()
    kept.append(weakref.ref(picture))
    nothing = ObjectRef("reef-x", "nothing")
    assert head_or_none(storage, nothing) is None
    catch(lambda: storage.get_json(nothing), PhotoNotFoundError)
    storage.put("reef-x", "there", b"", content_type="x")
    catch(lambda: storage.replace(None, ObjectRef("reef-x", "there"), b"", content_type="x", metadata={}),
          ObjectChangedError)
    if event:
        raise SupersededError("a newer run has been here")
    return {}

handler({}, None)
gc.collect()
gc.disable()
handler({}, None)
catch(lambda: handler({"fail": True}, None), SupersededError)
print("kept:", [one() for one in kept if one() is not None])
"""


def test_a_step_keeps_no_picture_after_errors_that_it_caught_or_ended_with() -> None:
    trace = f"Root=1-5759e988-{'bd' * 12};Parent={'53' * 8};Sampled=1"
    traced = {"LAMBDA_TASK_ROOT": str(ROOT), "_X_AMZN_TRACE_ID": trace, "PYTHONPATH": str(ROOT / "functions")}
    environment = {**os.environ, **ENVIRONMENT, **traced, "LOG_LEVEL": "CRITICAL"}
    environment.pop("POWERTOOLS_TRACE_DISABLED", None)
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stdout.splitlines()[-1] == "kept: []"


def test_decoding_keeps_no_tiff() -> None:
    written = io.BytesIO()
    tifffile.imwrite(written, np.zeros((48, 64, 3), np.uint8), photometric="rgb")
    data = written.getvalue()
    decode(data)
    gc.collect()
    before = sys.getrefcount(data)
    gc.disable()
    try:
        decode(data)
        with pytest.raises(Exception, match="TIFF"):
            decode(data[:100])
        assert sys.getrefcount(data) == before
    finally:
        gc.enable()
