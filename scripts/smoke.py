"""`make smoke`: a drawn photograph through a deployed stack, from S3 to its row; it is removed again.

    python -m scripts.smoke --env dev

Says which step failed. It needs the rights of who deploys: the row is read through the Data API.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.samples import drawn_for_smoke_test
from provision.aws_retries import ONE_TRY, until_answered
from provision.schema import wakes
from reefsteps.buckets import Bucket, Buckets
from reefsteps.model_roles import ModelRole
from reefsteps.smoke_test import Place, Rows, SmokeTestError, smoke_test
from reefsteps.surveys import SurveyKey
from scripts.environments import DeployEnvironment, DeploymentError

_WAKES_WITHIN_S = 300.0


class DataApiRows(Rows):
    """The smoke test's row in Aurora, read from outside the VPC."""

    def __init__(self, data_api: Any, cluster_arn: str, secret_arn: str, database: str) -> None:
        """Ask through a boto3 client of the Data API."""
        self._data_api = data_api
        self._where = {"resourceArn": cluster_arn, "secretArn": secret_arn, "database": database}

    def cover(self, survey: SurveyKey) -> float | None:
        """Return the percent cover of the survey's row; None where there is none."""
        answer = self._execute("SELECT coverage FROM coral_coverage", survey, formatRecordsAs="JSON")
        rows = json.loads(answer.get("formattedRecords") or "[]")
        return float(rows[0]["coverage"]) if rows else None

    def forget(self, survey: SurveyKey) -> None:
        """Delete the deletions that are remembered of a survey, and its lock."""
        for table in ("removed_photo", "survey"):
            self._execute(f"DELETE FROM {table}", survey)  # noqa: S608 - two fixed names

    def _execute(self, statement: str, survey: SurveyKey, **more: Any) -> dict[str, Any]:
        end = time.monotonic() + _WAKES_WITHIN_S
        parameters = [
            {"name": "island", "value": {"stringValue": survey.island}},
            {"name": "year", "value": {"longValue": survey.year}},
            {"name": "location", "value": {"longValue": survey.location}},
        ]
        answer: dict[str, Any] = until_answered(
            lambda: self._data_api.execute_statement(
                **self._where,
                sql=f"{statement} WHERE island = :island AND year = :year AND location = :location",
                parameters=parameters,
                **more,
            ),
            lambda: time.monotonic() > end,
            also_passing=wakes,
        )
        return answer


def place(environment: DeployEnvironment) -> Place:
    """Return the deployed stack's resources; raises botocore's errors."""
    config = Config(retries={"mode": "adaptive", "total_max_attempts": 10})

    def client(service: Any, config: Config = config) -> Any:
        return boto3.client(service, region_name=environment.region, config=config)

    cloudformation, ssm = client("cloudformation"), client("ssm")

    @cache
    def physical(logical_id: str) -> str:
        answer = cloudformation.describe_stack_resource(StackName=environment.stack, LogicalResourceId=logical_id)
        return str(answer["StackResourceDetail"]["PhysicalResourceId"])

    def parameter(logical_id: str) -> str:
        return str(ssm.get_parameter(Name=physical(logical_id))["Parameter"]["Value"])

    return Place(
        s3=client("s3"),
        step_functions=client("stepfunctions"),
        buckets=Buckets.of_resources({bucket.resource: physical(bucket.resource) for bucket in Bucket}),
        model_buckets={role: physical(role.bucket_resource) for role in ModelRole},
        pipeline_arn=physical("Pipeline"),
        removal_arn=physical("Removal"),
        rows=DataApiRows(
            client("rds-data", ONE_TRY),
            parameter("ClusterArnParameter"),
            parameter("ClusterCredentialsParameter"),
            parameter("DatabaseNameParameter"),
        ),
    )


def smoke(environment: DeployEnvironment) -> None:
    """Run the smoke test; raises SmokeTestError."""
    print("Smoke test: a drawn photograph through the stack. A first run takes some minutes.", flush=True)  # noqa: T201
    smoke_test(place(environment), drawn_for_smoke_test(), lambda text: print(f"  {text}", flush=True))  # noqa: T201


def main() -> int:
    """Parse the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.smoke", description=__doc__.partition("\n")[0])
    parser.add_argument("--env", default="dev", help="environment of samconfig.toml")
    try:
        smoke(DeployEnvironment.read(parser.parse_args().env))
    except (DeploymentError, SmokeTestError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"AWS refused, or did not answer: {error}. It is safe to run this again.", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
