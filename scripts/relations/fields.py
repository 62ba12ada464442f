"""Fields that refer to a resource, against its kind; what conditions make, against what refers to it."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.deployment import Deployment, listed, walk
from scripts.relations.paper import Stack
from scripts.relations.policies import BASIC_EXECUTION, TASK_EXECUTION, TRACES, VPC_ACCESS, managed

_KINDS = {
    "UserPoolId": "AWS::Cognito::UserPool",
    "VpcId": "AWS::EC2::VPC",
    "TopicArn": "AWS::SNS::Topic",
    "Topics": "AWS::SNS::Topic",
    "AlarmActions": "AWS::SNS::Topic",
    "Queues": "AWS::SQS::Queue",
    "LoadBalancerArn": "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "TargetGroupArn": "AWS::ElasticLoadBalancingV2::TargetGroup",
    "RoleArn": "AWS::IAM::Role",
    "Role": "AWS::IAM::Role",
    "TaskRoleArn": "AWS::IAM::Role",
    "ExecutionRoleArn": "AWS::IAM::Role",
    "SecurityGroupIds": "AWS::EC2::SecurityGroup",
    "VpcSecurityGroupIds": "AWS::EC2::SecurityGroup",
    "SecurityGroups": "AWS::EC2::SecurityGroup",
    "SourceSecurityGroupId": "AWS::EC2::SecurityGroup",
    "GroupId": "AWS::EC2::SecurityGroup",
    "SubnetIds": "AWS::EC2::Subnet",
    "SubnetId": "AWS::EC2::Subnet",
    "Subnets": "AWS::EC2::Subnet",
    "RouteTableId": "AWS::EC2::RouteTable",
    "RouteTableIds": "AWS::EC2::RouteTable",
    "InternetGatewayId": "AWS::EC2::InternetGateway",
    "GatewayId": "AWS::EC2::InternetGateway",
    "CertificateArn": "AWS::CertificateManager::Certificate",
    "LogGroupArn": "AWS::Logs::LogGroup",
    "LogGroup": "AWS::Logs::LogGroup",
    "VpcOriginId": "AWS::CloudFront::VpcOrigin",
}
_MANAGED = {BASIC_EXECUTION, TRACES, VPC_ACCESS, TASK_EXECUTION}

# What each way of serving the page consists of.
_BY_CLOUDFRONT = {"Distribution", "VpcOrigin", "HttpListener", "CloudFrontPrefixList", "LoadBalancerFromCloudFront"}
_BY_CLOUDFRONT |= {"TargetGroup"}
_BY_DOMAIN = {"Certificate", "HttpsListener", "RedirectListener", "DomainRecord", "LoadBalancerFromInternet"}
_BY_DOMAIN |= {"LoadBalancerFromInternetUnencrypted", "DomainTargetGroup"}
_PAGE = {"LoadBalancer", "UsersClient", "FrontendSecret", "FrontendTask", "FrontendService", "PageDownAlarm"}


def fields_hold_their_kind(d: Deployment, stack: Stack) -> Iterator[str]:
    """A subnet where a subnet is asked for, a role where a role is."""
    for name, resource in stack.resources.items():
        for node in walk(resource.properties):
            for field, value in node.items():
                wanted = _KINDS.get(field)
                for entry in listed(value) if wanted else ():
                    held = stack.named(entry) if isinstance(entry, str) else None
                    if held and stack.resources[held].kind != wanted:
                        yield f"{name}: {field} is {held}, which is no {wanted}"


def references_exist(d: Deployment, stack: Stack) -> Iterator[str]:
    """Nothing refers to a resource that these parameters do not make."""
    for name in stack.resources:
        for other in sorted(stack.references(name) - stack.resources.keys()):
            yield f"{name}: refers to {other}, which is not made with these parameters"


def conditions_make_the_right_things(d: Deployment, stack: Stack) -> Iterator[str]:
    """Each way of serving the page is whole, and excludes the other; optional parts follow their parameter."""
    made = stack.resources.keys()
    image, domain = (stack.plain({"Ref": name}) for name in ("FrontendImageUri", "DomainName"))
    wanted = (_PAGE if image else set()) | (_BY_DOMAIN if image and domain else _BY_CLOUDFRONT if image else set())
    for missing in sorted(wanted - made):
        yield f"{missing}: is not made, and the page needs it"
    for other in sorted(((_BY_DOMAIN | _BY_CLOUDFRONT | _PAGE) - wanted) & made):
        yield f"{other}: is made, and nothing needs it"
    for parameter, resource in (("AlertEmail", "AlertsByEmail"), ("ImportBucket", "ImportBucketPolicy")):
        if bool(stack.plain({"Ref": parameter})) != (resource in made):
            yield f"{resource}: does not follow {parameter}"
    reserved = int(stack.plain({"Ref": "WorkerConcurrency"}))
    for step in ("Restoration", "Reframing", "Segmentation"):
        given = stack.properties(f"{step}Function").get("ReservedConcurrentExecutions")
        if given is None if reserved else given is not None:
            yield f"{step}Function: its concurrency does not follow WorkerConcurrency"
    for rule in d.template.get("Rules", {}).values():
        if not rule.get("Assertions"):
            yield "a rule about parameters asserts nothing"


def roles_have_no_more_than_known(d: Deployment, stack: Stack) -> Iterator[str]:
    """AWS's own policies of roles are the narrow ones; no role lacks the way to be assumed, or is open to all."""
    registry = d.registry["Resources"].get("GitHubRole", {}).get("Properties", {})
    for arn in registry.get("ManagedPolicyArns", []):
        yield f"GitHubRole: has {arn}"
    for name, role in stack.of("AWS::IAM::Role").items():
        for policy in sorted(managed(stack, name) - _MANAGED):
            yield f"{name}: has AWS's policy {policy}"
        for statement in listed(role.properties["AssumeRolePolicyDocument"]["Statement"]):
            if statement.get("Principal") == "*" or "AWS" in statement.get("Principal", {}):
                yield f"{name}: may be assumed by {statement['Principal']}"
        if "PermissionsBoundary" in role.properties:
            yield f"{name}: is bounded by {role.properties['PermissionsBoundary']}, which the rules do not see"
