"""The importing function: an earlier program's photographs and table."""

from __future__ import annotations

import json
from dataclasses import dataclass

import boto3
from botocore.config import Config

from frontend.settings import settings
from reefsteps.errors import ReefStepsError

_LONGEST_S = 910  # the function itself ends after 900 s


class ImportRefusedError(ReefStepsError):
    """Nothing was imported; the message is the function's own."""


@dataclass(frozen=True)
class ImportReport:
    """What an import did, or would do; `left_out` holds name and reason of the first that are not imported."""

    written: bool
    imported: tuple[str, ...]
    unchanged: int
    left_out: tuple[tuple[str, str], ...]
    left_out_count: int


def run(bucket: str, prefix: str, table: str, *, dry_run: bool) -> ImportReport:
    """Import what lies in a bucket, or (`dry_run`) say what would be; raises ImportRefusedError."""
    here = settings()
    config = Config(connect_timeout=5, read_timeout=_LONGEST_S, retries={"total_max_attempts": 1})
    client = boto3.client("lambda", region_name=here.region, endpoint_url=here.endpoint_url, config=config)
    request = {"bucket": bucket, "prefix": prefix, "table": table, "dry_run": dry_run}
    answer = client.invoke(FunctionName=here.import_function or "", Payload=json.dumps(request).encode())
    result = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise ImportRefusedError(f"{result.get('errorType')}: {result.get('errorMessage')}")
    return ImportReport(
        written=result["written"],
        imported=tuple(result["imported"]),
        unchanged=result["unchanged"],
        left_out=tuple((left["what"], left["why"]) for left in result["left_out"]),
        left_out_count=result["left_out_count"],
    )
