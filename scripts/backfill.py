"""`make backfill`: measures photographs again, all under a prefix, those of a list, or those that failed.

    python -m scripts.backfill --env dev [--prefix 2024-] [--keys list.txt] [--failed ERROR [--since 3d]]
                               [--start-at segmentation] [--at-once 5] [--yes]

It says what it will do first. docs/how-to/operate.md describes the report.
"""

from __future__ import annotations

import argparse
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from reefsteps import backfills
from reefsteps.errors import InvalidParameterError
from scripts.aws_words import explained
from scripts.backfill_options import add_options, chosen, described
from scripts.environments import DeployEnvironment, DeploymentError
from scripts.retry import history


def main() -> int:
    """Parse the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.backfill", description=__doc__.partition("\n")[0])
    parser.add_argument("--env", default="dev", help="environment of samconfig.toml")
    add_options(parser)
    options = parser.parse_args()
    try:
        environment = DeployEnvironment.read(options.env)
        given = chosen(options, lambda: history(environment))
        print(described(given))  # noqa: T201
        if not options.yes and input("Start? [y/N] ").strip().lower() not in ("y", "yes"):
            print("Nothing was started.")  # noqa: T201
            return 1
        cloudformation = boto3.client("cloudformation", region_name=environment.region)
        answer = cloudformation.describe_stack_resource(StackName=environment.stack, LogicalResourceId="Backfill")
        machine = str(answer["StackResourceDetail"]["PhysicalResourceId"])
        for arn in backfills.start(boto3.client("stepfunctions", region_name=environment.region), machine, given):
            print(f"Started {arn}")  # noqa: T201
        return 0
    except (DeploymentError, InvalidParameterError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201
    except EOFError:
        print("Nobody answered, so nothing was started: add --yes (make: YES=yes).", file=sys.stderr)  # noqa: T201
    except (BotoCoreError, ClientError) as error:
        print(explained(error), file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
