"""`make retry`: starts failed runs again, all of an error or all that a new run may cure, at the step that failed.

    python -m scripts.retry --env dev [--error QuadratNotFoundError] [--since 3d] [--yes]

It says what it will do first. Running it twice does no harm: each failed run is started again once.
"""

from __future__ import annotations

import argparse
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from reefsteps.errors import InvalidParameterError
from reefsteps.retries import RunHistory, offer, parse_since
from scripts.aws_words import explained
from scripts.environments import DeployEnvironment, DeploymentError


def history(environment: DeployEnvironment) -> RunHistory:
    """Return the runs of an environment's pipeline."""
    config = Config(retries={"mode": "adaptive", "total_max_attempts": 10})
    cloudformation = boto3.client("cloudformation", region_name=environment.region, config=config)
    answer = cloudformation.describe_stack_resource(StackName=environment.stack, LogicalResourceId="Pipeline")
    step_functions = boto3.client("stepfunctions", region_name=environment.region, config=config)
    return RunHistory(step_functions, str(answer["StackResourceDetail"]["PhysicalResourceId"]))


def _agrees(question: str) -> bool:
    return input(question).strip().lower() in ("y", "yes")


def main() -> int:
    """Parse the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.retry", description=__doc__.partition("\n")[0])
    parser.add_argument("--env", default="dev", help="environment of samconfig.toml")
    parser.add_argument("--error", help="only runs that failed with this error, refusals included")
    parser.add_argument("--since", help="only runs that began after this: 2026-05-01, or an age such as 12h or 3d")
    parser.add_argument("--yes", action="store_true", help="start without asking")
    options = parser.parse_args()
    try:
        if options.since:
            parse_since(options.since)  # before AWS is asked for anything
        runs = history(DeployEnvironment.read(options.env))
        agree = (lambda _question: True) if options.yes else _agrees
        return 0 if offer(runs, options.error, options.since, agree=agree, say=print) else 1
    except (DeploymentError, InvalidParameterError) as error:
        print(error, file=sys.stderr)  # noqa: T201
    except EOFError:
        print("There was no answer, so nothing was started: add --yes (make: YES=yes).", file=sys.stderr)  # noqa: T201
    except (BotoCoreError, ClientError) as error:
        print(explained(error), file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
