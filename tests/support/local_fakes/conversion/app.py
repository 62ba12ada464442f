"""The stand-in for conversion: a description and nothing else."""

import json
from typing import Any

import boto3

_s3 = boto3.client("s3")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Write ``{name}.json`` beside the checkpoint; its other files start a conversion too, which does nothing here."""
    bucket, key = event["input"]["bucket"], event["input"]["key"]
    if not key.endswith((".pth", ".pkl")):
        return {"written": None}
    if _s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"broken":
        raise ValueError("this checkpoint is broken")
    target = key.rsplit(".", 1)[0] + ".json"
    _s3.put_object(Bucket=bucket, Key=target, Body=json.dumps({"from": key}).encode())
    return {"written": target}
