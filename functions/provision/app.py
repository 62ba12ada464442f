"""Custom resources of the template: the database's schema, and the id of CloudFront's prefix list.

CloudFormation waits for an answer at a signed address; every path ends with one, or the stack hangs until its own
timeout. Deleting a custom resource changes nothing: tables and users go with the cluster, and its snapshot keeps them.
"""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3

from provision import aws_retries, schema

ORIGIN_FACING = "com.amazonaws.global.cloudfront.origin-facing"
# What must be left of the function's time to begin a call: a wait, one call to its time limit, and the answer.
_RESERVE_MS = 90_000
_ANSWER_TIMEOUT_S = 15

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> None:
    """Carry out one request of CloudFormation and report success or the reason of the failure."""
    kind = event["ResourceType"].removeprefix("Custom::")
    answer = {
        "Status": "SUCCESS",
        "PhysicalResourceId": event.get("PhysicalResourceId", f"{kind}-{event['LogicalResourceId']}"),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    try:
        if event["RequestType"] != "Delete":
            answer["Data"] = _provide(kind, event["ResourceProperties"], context)
    except Exception as error:  # any fault is reported to CloudFormation
        logger.exception("%s of %s failed", event["RequestType"], kind)
        answer |= {"Status": "FAILED", "Reason": f"{type(error).__name__}: {error}"[:1000]}
    _respond(event["ResponseURL"], answer)


def _provide(kind: str, properties: dict[str, Any], context: Any) -> dict[str, Any]:
    def deadline() -> bool:
        return bool(context.get_remaining_time_in_millis() < _RESERVE_MS)

    if kind == "CoverageSchema":
        count = schema.apply(
            boto3.client("rds-data", config=aws_retries.ONE_TRY),
            properties["ClusterArn"],
            properties["SecretArn"],
            properties["Database"],
            deadline,
            convert=properties.get("ConvertExistingTable") == "yes",
        )
        return {"Statements": count, "SchemaVersion": schema.version()}
    if kind == "CloudFrontPrefixList":
        return {"PrefixListId": _prefix_list(boto3.client("ec2", config=aws_retries.ONE_TRY), deadline)}
    raise ValueError(f"Custom::{kind} is not known here.")


def _prefix_list(ec2: Any, deadline: Callable[[], bool]) -> str:
    wanted = [{"Name": "prefix-list-name", "Values": [ORIGIN_FACING]}]
    found = aws_retries.until_answered(lambda: ec2.describe_managed_prefix_lists(Filters=wanted), deadline)
    if not found["PrefixLists"]:
        raise LookupError(
            f"This region has no managed prefix list {ORIGIN_FACING}; deploy with DomainName and HostedZoneId."
        )
    return str(found["PrefixLists"][0]["PrefixListId"])


def _respond(url: str, answer: dict[str, Any]) -> None:
    if not url.startswith("https://"):
        raise ValueError("CloudFormation's address is not HTTPS.")
    request = urllib.request.Request(  # noqa: S310 (checked above)
        url, data=json.dumps(answer).encode(), method="PUT", headers={"Content-Type": ""}
    )
    with urllib.request.urlopen(request, timeout=_ANSWER_TIMEOUT_S) as response:  # noqa: S310
        logger.info("answered %s: %s", answer["Status"], response.status)
