"""`make park` and `make unpark`: the web page without a task and with a quiet alarm, or as before.

    python -m scripts.park park --env dev

The deployed template and all other parameters stay as they are, so nothing is built. A later `make deploy` keeps the
page parked.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from scripts import stacks
from scripts.aws_words import explained
from scripts.environments import DeployEnvironment, DeploymentError

_NOTHING_TO_DO = "No updates are to be performed"
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


def park(cloudformation: Any, environment: DeployEnvironment, *, parked: bool) -> str:
    """Set the page's state and wait for it; returns what to say. Raises DeploymentError, stacks.StackError."""
    (stack,) = cloudformation.describe_stacks(StackName=environment.stack)["Stacks"]
    given = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack["Parameters"]}
    if not given.get("FrontendImageUri"):
        raise DeploymentError(f"The stack {environment.stack} has no web page to park.")
    if "PageParked" not in given:
        raise DeploymentError(f"The stack {environment.stack} is older than this command: make deploy first.")
    stacks.refuse_under_way(cloudformation, environment.stack, environment.region)
    wanted = "yes" if parked else "no"
    kept = [{"ParameterKey": name, "UsePreviousValue": True} for name in given if name != "PageParked"]
    try:
        cloudformation.update_stack(
            StackName=environment.stack,
            UsePreviousTemplate=True,
            Parameters=[*kept, {"ParameterKey": "PageParked", "ParameterValue": wanted}],
            Capabilities=_CAPABILITIES,
        )
    except ClientError as error:
        if _NOTHING_TO_DO not in error.response["Error"].get("Message", ""):
            raise
        return f"The page was {'parked' if parked else 'not parked'} before; nothing was changed."
    try:
        cloudformation.get_waiter("stack_update_complete").wait(StackName=environment.stack)
    except WaiterError as error:
        raise DeploymentError(f"CloudFormation could not do it: see the events of {environment.stack}.") from error
    return "The page is parked: make unpark brings it back." if parked else "The page is back."


def main() -> int:
    """Parse the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.park", description=__doc__.partition("\n")[0])
    parser.add_argument("action", choices=("park", "unpark"))
    parser.add_argument("--env", default="dev", help="environment of samconfig.toml")
    arguments = parser.parse_args()
    try:
        environment = DeployEnvironment.read(arguments.env)
        cloudformation = boto3.client("cloudformation", region_name=environment.region)
        print(park(cloudformation, environment, parked=arguments.action == "park"))  # noqa: T201
    except (DeploymentError, stacks.StackError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    except (BotoCoreError, ClientError) as error:
        print(explained(error), file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
