"""An AWS account in which `make deploy` and `make destroy` can be tried."""

import base64
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from scripts import deploy as command

REGISTRY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


class Account:
    """Answers for every boto3 client that the command asks for."""

    def __init__(
        self, states: Mapping[str, str] | None = None, *, protected: bool = False, blocked: bool = False
    ) -> None:
        self.protected = protected
        self.blocked = blocked
        self.states = states or {}
        self.deleted: list[str] = []
        self.slots = 10

    def client(self, *_: Any, **__: Any) -> Any:
        return self

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/operator"}

    def get_account_settings(self) -> dict[str, Any]:
        return {"AccountLimit": {"ConcurrentExecutions": self.slots}}

    def get_authorization_token(self) -> dict[str, Any]:
        return {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:secret").decode()}]}

    def describe_stacks(self, **arguments: str) -> dict[str, Any]:
        if arguments["StackName"] in self.deleted:
            message = f"Stack with id {arguments['StackName']} does not exist"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "DescribeStacks")
        names = ("Frontend", *command.IMAGES)
        outputs = {f"{name}RepositoryUri": f"{REGISTRY}/reefsteps-dev/{name.lower()}" for name in names}
        outputs["Registry"] = REGISTRY
        status = self.states.get(arguments["StackName"], "UPDATE_COMPLETE")
        listed = [{"OutputKey": k, "OutputValue": v} for k, v in outputs.items()]
        return {"Stacks": [{"StackStatus": status, "Outputs": listed}]}

    def describe_stack_events(self, **arguments: str) -> dict[str, Any]:
        names = [arguments["StackName"], "Vpc", arguments["StackName"], "Earlier"]
        statuses = ["DELETE_FAILED", "DELETE_FAILED", "DELETE_IN_PROGRESS", "DELETE_FAILED"]
        reason = "has dependencies and cannot be deleted"
        return {
            "StackEvents": [
                {"LogicalResourceId": name, "ResourceStatus": status, "ResourceStatusReason": reason}
                for name, status in zip(names, statuses, strict=True)
            ]
        }

    def describe_availability_zones(self, **_: Any) -> dict[str, Any]:
        return {"AvailabilityZones": [{"ZoneName": f"eu-west-1{n}", "ZoneId": f"euw1-az{n}"} for n in "123"]}

    def describe_db_clusters(self) -> dict[str, Any]:
        tag = {"Key": "aws:cloudformation:stack-name", "Value": "reefsteps-dev"}
        cluster = {"DBClusterIdentifier": "reefsteps-dev", "TagList": [tag], "DeletionProtection": self.protected}
        return {"DBClusters": [cluster]}

    def delete_stack(self, **arguments: str) -> None:
        self.deleted.append(arguments["StackName"])

    def get_waiter(self, _name: str) -> Any:
        def wait(**_: Any) -> None:
            if self.blocked:
                raise WaiterError("StackDeleteComplete", "terminal failure state", {})

        return SimpleNamespace(wait=wait)


IMAGES_AS_BUILT = "".join(f"      ImageUri: {name}function:{name}\n" for name in map(str.lower, command.IMAGES))
