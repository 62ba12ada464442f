"""`make park`: one parameter changes, all others stay, and the template says what the parameter does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts.deployment import Deployment
from scripts.environments import DeployEnvironment, DeploymentError
from scripts.park import park
from scripts.stacks import StackError

PARAMETERS = {"FrontendImageUri": "image:1", "PageParked": "no", "AlertEmail": "a@example.org"}


class CloudFormation:
    def __init__(self, parameters: dict[str, str], status: str = "UPDATE_COMPLETE", refusal: str = "") -> None:
        self.parameters, self.status, self.refusal = parameters, status, refusal
        self.updates: list[dict[str, Any]] = []

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        listed = [{"ParameterKey": name, "ParameterValue": value} for name, value in self.parameters.items()]
        return {"Stacks": [{"StackName": StackName, "StackStatus": self.status, "Parameters": listed}]}

    def update_stack(self, **request: Any) -> None:
        if self.refusal:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": self.refusal}}, "UpdateStack")
        self.updates.append(request)

    def get_waiter(self, _name: str) -> Any:
        return SimpleNamespace(wait=lambda **_: None)


@pytest.mark.parametrize(("parked", "value"), [(True, "yes"), (False, "no")])
def test_only_the_one_parameter_changes(parked: bool, value: str) -> None:
    cloudformation = CloudFormation(PARAMETERS)
    assert "page is" in park(cloudformation, DeployEnvironment.read("dev"), parked=parked)
    (update,) = cloudformation.updates
    assert update["UsePreviousTemplate"] is True
    given = {parameter.pop("ParameterKey"): parameter for parameter in update["Parameters"]}
    assert given.pop("PageParked") == {"ParameterValue": value}
    assert given == {name: {"UsePreviousValue": True} for name in PARAMETERS if name != "PageParked"}


def test_a_page_that_is_parked_already_is_left_alone() -> None:
    cloudformation = CloudFormation(PARAMETERS, refusal="No updates are to be performed.")
    assert "nothing was changed" in park(cloudformation, DeployEnvironment.read("dev"), parked=True)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [({**PARAMETERS, "FrontendImageUri": ""}, "no web page"), ({"FrontendImageUri": "image:1"}, "make deploy first")],
)
def test_a_stack_that_cannot_park_is_told(parameters: dict[str, str], words: str) -> None:
    cloudformation = CloudFormation(parameters)
    with pytest.raises(DeploymentError, match=words):
        park(cloudformation, DeployEnvironment.read("dev"), parked=True)
    assert cloudformation.updates == []


def test_a_deployment_under_way_is_waited_for() -> None:
    with pytest.raises(StackError):
        park(CloudFormation(PARAMETERS, "UPDATE_IN_PROGRESS"), DeployEnvironment.read("dev"), parked=True)


def test_a_parked_page_runs_no_task_and_its_alarm_is_quiet(deployment: Deployment) -> None:
    (service,) = deployment.resources("AWS::ECS::Service").values()
    assert service["DesiredCount"] == {"Fn::If": ["IsParked", 0, 1]}
    alarm = deployment.resources("AWS::CloudWatch::Alarm")["PageDownAlarm"]
    assert alarm["ActionsEnabled"] == {"Fn::If": ["IsParked", False, True]}
    assert deployment.template["Conditions"]["IsParked"] == {"Fn::Equals": [{"Ref": "PageParked"}, "yes"]}
    assert deployment.template["Parameters"]["PageParked"]["Default"] == "no"


def test_costs_are_watched(deployment: Deployment) -> None:
    (budget,) = deployment.resources("AWS::Budgets::Budget").values()
    assert budget["Budget"]["BudgetLimit"] == {"Amount": {"Ref": "MonthlyBudgetUsd"}, "Unit": "USD"}
    for told in budget["NotificationsWithSubscribers"]:
        assert told["Subscribers"] == [{"SubscriptionType": "SNS", "Address": {"Ref": "Alerts"}}]
    (policy,) = deployment.resources("AWS::SNS::TopicPolicy").values()
    services = policy["PolicyDocument"]["Statement"][0]["Principal"]["Service"]
    assert "budgets.amazonaws.com" in services
