"""The state of CloudFormation stacks: what may be deployed to, what is cleared away first, why a deletion stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError, WaiterError
from samtranslator.yaml_helper import yaml_parse

Say = Callable[[str], None]

_DELETION = {"Delay": 30, "MaxAttempts": 120}
_REVIEWED = "REVIEW_IN_PROGRESS"  # a first change set that nobody carried out; SAM makes another

# What an operator does about a stack that takes no deployment; {stack} and {region} are filled in.
_REMEDIES = {
    "ROLLBACK_FAILED": "Its first deployment failed, and its rollback failed too. 'make destroy', then 'make deploy'.",
    "CREATE_FAILED": "Its first deployment failed and was left standing. 'make destroy', then 'make deploy'.",
    "DELETE_FAILED": "A deletion stopped half-way. Run 'make destroy' to continue it, then 'make deploy'.",
    "UPDATE_ROLLBACK_FAILED": (
        "An update failed, and its rollback failed too. Repair what its events name, then 'aws cloudformation "
        "continue-update-rollback --region {region} --stack-name {stack}', wait until it reads "
        "UPDATE_ROLLBACK_COMPLETE, and 'make deploy' again."
    ),
}
_UNDER_WAY = (
    "Somebody's deployment or deletion is under way. Wait until it has ended ('aws cloudformation describe-stacks "
    "--region {region} --stack-name {stack} --query Stacks[0].StackStatus'), then run this again."
)
_BLOCKED = (
    "{stack} could not be deleted.\n{reasons}\nAll events: 'aws cloudformation describe-stack-events --region {region} "
    "--stack-name {stack}'. What commonly blocks it, and what to do: docs/how-to/recover.md, 'When a deletion stops'. "
    "It is safe to run 'make destroy' again."
)


class StackError(Exception):
    """A stack is in a state that the operator must repair; the message says how."""


def status(cloudformation: Any, stack: str) -> str | None:
    """Return the stack's status, or None where there is no such stack."""
    try:
        (description,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if "does not exist" in error.response["Error"].get("Message", ""):
            return None
        raise
    return str(description["StackStatus"])


def is_there(cloudformation: Any, stack: str) -> bool:
    """Tell whether the stack has been deployed, and not only planned."""
    return status(cloudformation, stack) not in (None, _REVIEWED)


def deployed(cloudformation: Any, stack: str) -> tuple[dict[str, Any], dict[str, str]] | None:
    """Return the template (SAM expanded) and the parameters that a stack was deployed with; None if it was not."""
    if not is_there(cloudformation, stack):
        return None
    (description,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    parameters = {p["ParameterKey"]: p["ParameterValue"] for p in description.get("Parameters", [])}
    if not parameters:
        return None
    body = cloudformation.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
    return (yaml_parse(body) if isinstance(body, str) else body), parameters


def make_ready(cloudformation: Any, stack: str, region: str, say: Say) -> None:
    """Delete what a failed first deployment left; raises StackError for a stack that takes no deployment."""
    found = status(cloudformation, stack)
    if found == "ROLLBACK_COMPLETE":  # holds nothing, and CloudFormation refuses to update it
        say(f"  the first deployment of {stack} had failed and was rolled back: deleting its remains")
        delete(cloudformation, stack, region)
        return
    _raise_under_way(stack, region, found)
    if found in _REMEDIES:
        raise StackError(f"The stack {stack} is in {found}. " + _REMEDIES[found].format(stack=stack, region=region))


def refuse_under_way(cloudformation: Any, stack: str, region: str) -> None:
    """Raise StackError while a deployment or deletion of the stack is under way."""
    _raise_under_way(stack, region, status(cloudformation, stack))


def delete(cloudformation: Any, stack: str, region: str) -> None:
    """Delete the stack and wait for the end; a stack that is not there is no error. Raises StackError."""
    cloudformation.delete_stack(StackName=stack)
    try:
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig=_DELETION)
    except WaiterError as error:
        reasons = _failures(cloudformation, stack) or f"  {error}"
        raise StackError(_BLOCKED.format(stack=stack, region=region, reasons=reasons)) from error


def _raise_under_way(stack: str, region: str, found: str | None) -> None:
    if found and found.endswith("_IN_PROGRESS") and found != _REVIEWED:
        raise StackError(f"The stack {stack} is in {found}. " + _UNDER_WAY.format(stack=stack, region=region))


def _failures(cloudformation: Any, stack: str) -> str:
    """Return the resources that the latest deletion could not delete, one a line with CloudFormation's reason."""
    lines = []
    for event in cloudformation.describe_stack_events(StackName=stack)["StackEvents"]:  # newest first
        if event["ResourceStatus"] == "DELETE_IN_PROGRESS" and event["LogicalResourceId"] == stack:
            break
        if event["ResourceStatus"] == "DELETE_FAILED" and event["LogicalResourceId"] != stack:
            lines.append(f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}")
    return "\n".join(lines)
