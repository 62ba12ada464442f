"""Rules about the state machines: what is retried, where an execution ends, from where a redrive can continue."""

from __future__ import annotations

import json
from collections.abc import Iterator

from reefsteps.errors import BadInputError, SupersededError
from scripts.deployment import Deployment, Json, walk

_LAMBDA = "arn:aws:states:::lambda:invoke"
_PIPELINE = "statemachine/pipeline.asl.json"

TRANSIENT = {
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
}
# Lambda lets go of functions that nobody called for weeks. The first calls get these errors for 40 to 110 s, until the
# image is fetched and the network interface is made again (Lambda developer guide: function states, VPC, quotas).
AFTER_IDLE_WEEKS = {
    "Lambda.CodeArtifactUserPendingException",
    "Lambda.ResourceNotReadyException",
    "Lambda.ResourceConflictException",
    "Lambda.EC2ThrottledException",
    "Lambda.ENILimitReachedException",
}


def states_retry_and_catch(d: Deployment) -> Iterator[str]:
    """Lambda tasks retry what passes, never bad input, and fail through the one failure path."""
    kinds: list[type[Exception]] = [BadInputError, *BadInputError.__subclasses__(), *SupersededError.__subclasses__()]
    bad_input = {kind.__name__ for kind in kinds}
    for uri, machine in d.machines.items():
        if machine.get("QueryLanguage") != "JSONata":
            yield f"{uri}: QueryLanguage JSONata belongs at the top level"
        for name, state in tasks(machine):
            if state["Resource"] != _LAMBDA:
                continue
            retried = {error for retrier in state.get("Retry", []) for error in retrier["ErrorEquals"]}
            for error in sorted((TRANSIENT | AFTER_IDLE_WEEKS | {"Lambda.TooManyRequestsException"}) - retried):
                yield f"{uri}: {name} does not retry {error}"
            for error in sorted(retried & (bad_input | {"States.ALL", "States.TaskFailed"})):
                yield f"{uri}: {name} retries {error}, which covers bad input"
            yield from _ends_where_it_should(uri, name, state, bad_input)
            if name == "Coverage" and "DatabaseUnavailableError" not in retried:
                yield f"{uri}: a waking database fails {name}"
            if name in ("Reframing", "Segmentation") and "ModelNotReadyError" not in retried:
                yield f"{uri}: a model under conversion fails {name}"


def _ends_where_it_should(uri: str, name: str, state: Json, bad_input: set[str]) -> Iterator[str]:
    """Only bad input leaves the task: Step Functions redrives the state that failed, and a Fail state fails again."""
    caught = {error: catcher for catcher in state.get("Catch", []) for error in catcher["ErrorEquals"]}
    for error in sorted(caught.keys() - bad_input):
        yield f"{uri}: {name} catches {error}, so a redrive would continue in a Fail state"
    for error in sorted(bad_input & {"InvalidParameterError", "PhotoNotFoundError"} - caught.keys()):
        yield f"{uri}: {name} does not send {error} to the failure path"
    for error, catcher in caught.items():
        if error in bad_input and "$states.errorOutput" not in json.dumps(catcher.get("Assign", {})):
            yield f"{uri}: {name} forgets step, error and cause of {error}"


def lambda_tasks_share_their_retriers(d: Deployment) -> Iterator[str]:
    """Each Lambda task begins its retriers with those of the pipeline's first step, which has no others."""
    base = d.machines.get(_PIPELINE, {}).get("States", {}).get("Restoration", {}).get("Retry", [])
    for uri, machine in d.machines.items():
        for name, state in tasks(machine):
            if state["Resource"] == _LAMBDA and state.get("Retry", [])[: len(base)] != base:
                yield f"{uri}: {name} has other base retriers than Restoration"


def causes_are_explained_once(d: Deployment) -> Iterator[str]:
    """Lambda answers with JSON; what people read of it is taken out at one place of a machine."""
    for uri, machine in d.machines.items():
        count = json.dumps(machine).count("errorMessage")
        if count > 1:
            yield f"{uri}: explains a cause in {count} places"


def defaults_are_stated_once(d: Deployment) -> Iterator[str]:
    """The step at which a run begins that names none stands in one choice."""
    nodes = walk(d.machines.get(_PIPELINE, {}))
    choices = [choice["Condition"] for node in nodes for choice in node.get("Choices", [])]
    defaults = [condition for condition in choices if "start_at" in condition and "$exists" in condition]
    if len(defaults) != 1:
        yield f"{_PIPELINE}: says in {len(defaults)} places at which step a run begins that names none"


def tasks(machine: Json) -> Iterator[tuple[str, Json]]:
    """Name and definition of every task state, those inside maps included."""
    for node in walk(machine):
        if "StartAt" in node and "States" in node:
            for name, state in node["States"].items():
                if isinstance(state, dict) and state.get("Type") == "Task":
                    yield name, state
