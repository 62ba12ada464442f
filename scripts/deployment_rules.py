"""What the linters do not see in a deployment. Each rule yields sentences about faults; none means right.

``make deploy`` asks them before it touches an account, and the tests break the template in every way listed in
tests/template to see each rule fail.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from scripts import relations
from scripts.admission_rules import places_come_back
from scripts.deployment import PLACEHOLDER, Deployment, Json, listed, of_type
from scripts.notice_rules import refusals_are_quiet
from scripts.state_machine_rules import (
    causes_are_explained_once,
    defaults_are_stated_once,
    lambda_tasks_share_their_retriers,
    states_retry_and_catch,
    tasks,
)

Rule = Callable[[Deployment], Iterator[str]]

NEW_ACCOUNT_MEMORY_MB = 3008
LAMBDA_LIMIT_S = 900

# Actions that have no resource-level permission (Service Authorization Reference), the only ones with Resource "*".
WITHOUT_RESOURCE = {
    "ec2:DescribeManagedPrefixLists",
    "ecr:GetAuthorizationToken",
    "ecs:DescribeTaskDefinition",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "states:SendTaskSuccess",
}
EVENT_BUCKETS = {"RawBucket", "ModelReframingBucket", "ModelSegmentationBucket"}


def files_exist(d: Deployment) -> Iterator[str]:
    """Everything that the template points at in the checkout."""
    makefile = (d.root / "functions/Makefile").read_text()
    for name, function in of_type(d.template, "AWS::Serverless::Function").items():
        if function.get("PackageType") == "Image":
            metadata = d.template["Resources"][name].get("Metadata", {})
            dockerfile = d.root / metadata.get("DockerContext", "") / metadata.get("Dockerfile", "")
            target = metadata.get("DockerBuildTarget")
            if not dockerfile.is_file():
                yield f"{name}: no Dockerfile at {dockerfile}"
            elif target and not re.search(rf"(?m)^FROM .* AS {target}$", dockerfile.read_text()):
                yield f"{name}: its Dockerfile has no stage {target}"
            handler = listed(function.get("ImageConfig", {}).get("Command", [""]))[0]
        else:
            handler = function.get("Handler", "")
            if not re.search(rf"(?m)^build-{name}\b", makefile):
                yield f"{name}: functions/Makefile has no target build-{name}"
        module = d.root / "functions" / (handler.rpartition(".")[0].replace(".", "/") + ".py")
        if not module.is_file():
            yield f"{name}: handler {handler} has no module"
        if not (module.parent / "requirements.txt").is_file():
            yield f"{name}: no requirements.txt beside {handler}"


def definitions_fit(d: Deployment) -> Iterator[str]:
    """State machine files exist and use exactly the substitutions that the template makes."""
    for name, machine in of_type(d.template, "AWS::Serverless::StateMachine").items():
        uri = machine["DefinitionUri"]
        if uri not in d.machines:
            yield f"{name}: there is no {uri}"
            continue
        used = set(PLACEHOLDER.findall(json.dumps(d.machines[uri])))
        given = set(machine.get("DefinitionSubstitutions", {}))
        for missing in sorted(used - given):
            yield f"{name}: {uri} uses ${{{missing}}}, which the template does not substitute"
        for unused in sorted(given - used):
            yield f"{name}: {unused} is substituted but not in {uri}"


def parts_are_plain(d: Deployment) -> Iterator[str]:
    """No construct that passes linters and fails at deployment."""
    if "Fn::ForEach" in d.text:
        yield "Fn::ForEach fails plain sam validate: write the resources out"
    if re.search(r"(?m)^[^#'\"]*:\s+[&*][A-Za-z]", d.text):
        yield "YAML anchors and aliases are not CloudFormation"


def logs_are_kept(d: Deployment) -> Iterator[str]:
    """Every function and state machine logs into a group of the template, with retention, and is traced."""
    groups = d.resources("AWS::Logs::LogGroup")
    for name, group in groups.items():
        if "RetentionInDays" not in group:
            yield f"{name}: keeps logs for ever"
    for name, function in d.resources("AWS::Lambda::Function").items():
        group = function.get("LoggingConfig", {}).get("LogGroup", {})
        if not isinstance(group, dict) or group.get("Ref") not in groups:
            yield f"{name}: logs into no group of the template"
        if function.get("TracingConfig", {}).get("Mode") != "Active":
            yield f"{name}: is not traced"
    for name, machine in d.resources("AWS::StepFunctions::StateMachine").items():
        if not machine.get("LoggingConfiguration", {}).get("Destinations"):
            yield f"{name}: does not log"
        if not machine.get("TracingConfiguration", {}).get("Enabled"):
            yield f"{name}: is not traced"


def timeouts_nest(d: Deployment) -> Iterator[str]:
    """A function ends by itself before the state that called it gives up; nothing above Lambda's limit."""
    functions = d.resources("AWS::Lambda::Function")
    for name, function in functions.items():
        if _largest(d, function.get("Timeout", 3)) > LAMBDA_LIMIT_S:
            yield f"{name}: Lambda ends at {LAMBDA_LIMIT_S} s"
    for name, machine in of_type(d.template, "AWS::Serverless::StateMachine").items():
        given = machine.get("DefinitionSubstitutions", {})
        for state_name, state in tasks(d.machines.get(machine["DefinitionUri"], {})):
            arguments = state.get("Arguments", {})  # an expression where it is text
            function_name = arguments.get("FunctionName", "") if isinstance(arguments, dict) else ""
            used = PLACEHOLDER.fullmatch(str(function_name))
            if not used or used[1] not in given:
                continue
            function = given[used[1]]["Fn::GetAtt"][0]
            limit = state.get("TimeoutSeconds", 0)
            if limit <= _largest(d, functions.get(function, {}).get("Timeout", 3)):
                yield f"{name}: state {state_name} ({limit} s) gives up before {function} does"


def policies_are_least(d: Deployment) -> Iterator[str]:
    """No ``*`` action; resource ``*`` only where the service offers nothing narrower."""
    for template in (d.expanded, d.registry):
        for name, resource in template["Resources"].items():
            if resource["Type"] != "AWS::IAM::Role":
                continue
            for policy in resource["Properties"].get("Policies", []):
                yield from _statement_faults(name, listed(policy["PolicyDocument"]["Statement"]))


def _statement_faults(name: str, statements: list[Json]) -> Iterator[str]:
    for statement in statements:
        if not {"Action", "Resource"} <= statement.keys():
            yield f"{name}: a statement says what it is not about, and covers everything else"
            continue
        actions = listed(statement["Action"])
        for action in actions:
            if "*" in action:
                yield f"{name}: action {action}"
        if "*" in listed(statement["Resource"]) and not set(actions) <= WITHOUT_RESOURCE:
            yield f"{name}: resource * for {sorted(set(actions) - WITHOUT_RESOURCE)}"


def buckets_are_closed(d: Deployment) -> Iterator[str]:
    """Private, encrypted, TLS only, versioned, tidied; events where they start something; CORS on raw alone."""
    policies = d.resources("AWS::S3::BucketPolicy").values()
    for name, bucket in d.resources("AWS::S3::Bucket").items():
        block = bucket.get("PublicAccessBlockConfiguration", {})
        if len(block) != 4 or not all(block.values()):
            yield f"{name}: public access is not blocked"
        if "BucketEncryption" not in bucket:
            yield f"{name}: not encrypted"
        if bucket.get("VersioningConfiguration", {}).get("Status") != "Enabled":
            yield f"{name}: not versioned"
        rules = bucket.get("LifecycleConfiguration", {}).get("Rules", [])
        for need in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
            if not any(need in rule for rule in rules):
                yield f"{name}: no {need}"
        if not any(_denies_plain_http(policy, name) for policy in policies):
            yield f"{name}: no policy that denies access without TLS"
        notifies = "EventBridgeConfiguration" in bucket.get("NotificationConfiguration", {})
        if notifies != (name in EVENT_BUCKETS):
            yield f"{name}: EventBridge is {'on' if notifies else 'off'}"
        cors = bucket.get("CorsConfiguration", {}).get("CorsRules", [])
        if bool(cors) != (name == "RawBucket") or any("*" in rule["AllowedOrigins"] for rule in cors):
            yield f"{name}: CORS is for the raw bucket and the page's origin alone"
        if d.expanded["Resources"][name].get("DeletionPolicy") not in ("Retain", "RetainExceptOnCreate"):
            yield f"{name}: would be deleted with the stack"


def _denies_plain_http(policy: Json, bucket: str) -> bool:
    return policy["Bucket"] == {"Ref": bucket} and any(
        statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        and len(statement["Resource"]) == 2
        for statement in policy["PolicyDocument"]["Statement"]
    )


def alarms_are_heard(d: Deployment) -> Iterator[str]:
    """Alarms and failed executions reach the topic, and the topic lets them in."""
    for name, alarm in d.resources("AWS::CloudWatch::Alarm").items():
        if alarm.get("AlarmActions") != [{"Ref": "Alerts"}]:
            yield f"{name}: tells nobody"
        if "TreatMissingData" not in alarm:
            yield f"{name}: does not say what no data means"
    topic = d.resources("AWS::SNS::Topic").get("Alerts", {})
    if "alias/aws/sns" in json.dumps(topic):
        yield "Alerts: EventBridge and CloudWatch cannot publish through alias/aws/sns; messages vanish"
    allowed = {
        service
        for policy in d.resources("AWS::SNS::TopicPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        for service in listed(statement["Principal"].get("Service", []))
    }
    for service in sorted({"events.amazonaws.com", "cloudwatch.amazonaws.com"} - allowed):
        yield f"Alerts: {service} may not publish"


def events_are_not_lost(d: Deployment) -> Iterator[str]:
    """Each rule's target has retries and a dead letter queue that EventBridge may write to."""
    for name, rule in d.resources("AWS::Events::Rule").items():
        scheduled = "ScheduleExpression" in rule  # the next tick makes up for one that is lost
        for target in rule["Targets"]:
            if "RetryPolicy" not in target or ("DeadLetterConfig" not in target and not scheduled):
                yield f"{name}: an event that cannot be delivered is lost"
            transformer = target.get("InputTransformer")
            if transformer and re.search(r'"<\w+>"', transformer["InputTemplate"]):
                yield f"{name}: a quoted <value> breaks on a cause that holds quotes"
            for value in re.findall(r"<(\w+)>", (transformer or {}).get("InputTemplate", "")):
                if value not in transformer["InputPathsMap"]:
                    yield f"{name}: <{value}> has no path"
    policies = d.resources("AWS::SQS::QueuePolicy").values()
    taking = [p["Queues"] for p in policies if "events.amazonaws.com" in json.dumps(p["PolicyDocument"])]
    for name in d.resources("AWS::SQS::Queue"):
        if not any({"Ref": name} in queues for queues in taking):
            yield f"{name}: EventBridge may not write to it"
    for name, function in of_type(d.template, "AWS::Serverless::Function").items():
        destination = function.get("EventInvokeConfig", {}).get("DestinationConfig", {})
        called = [event for event in function.get("Events", {}).values() if event["Type"] != "Schedule"]
        if called and "OnFailure" not in destination:
            yield f"{name}: an event that it fails on is lost"


def database_is_guarded(d: Deployment) -> Iterator[str]:
    """Scales to zero, IAM sign-in, TLS, encrypted, isolated, snapshot at the end."""
    for name, cluster in d.resources("AWS::RDS::DBCluster").items():
        for need in ("EnableIAMDatabaseAuthentication", "StorageEncrypted", "EnableHttpEndpoint"):
            if cluster.get(need) is not True:
                yield f"{name}: {need} is off"
        if d.expanded["Resources"][name].get("DeletionPolicy") != "Snapshot":
            yield f"{name}: would leave no snapshot"
        capacity = cluster.get("ServerlessV2ScalingConfiguration", {}).get("MinCapacity")
        if _value(d, capacity) != 0:
            yield f"{name}: does not scale to zero"
    for name, group in d.resources("AWS::RDS::DBClusterParameterGroup").items():
        if group["Parameters"].get("require_secure_transport") != "ON":
            yield f"{name}: lets connections without TLS in"
    if any(i.get("PubliclyAccessible") is not False for i in d.resources("AWS::RDS::DBInstance").values()):
        yield "the database is publicly accessible"
    open_tables = {route["RouteTableId"]["Ref"] for route in d.resources("AWS::EC2::Route").values()}
    open_subnets = {
        association["SubnetId"]["Ref"]
        for association in d.resources("AWS::EC2::SubnetRouteTableAssociation").values()
        if association["RouteTableId"]["Ref"] in open_tables
    }
    for group in d.resources("AWS::RDS::DBSubnetGroup").values():
        for subnet in group["SubnetIds"]:
            if subnet["Ref"] in open_subnets:
                yield f"the database is in {subnet['Ref']}, which has a way to the internet"


def page_is_watched(d: Deployment) -> Iterator[str]:
    """A page without any task is down too: then no target is unhealthy, and the load balancer counts nothing."""
    alarm = d.resources("AWS::CloudWatch::Alarm").get("PageDownAlarm", {})
    if alarm.get("MetricName") != "HealthyHostCount" or alarm.get("ComparisonOperator") != "LessThanThreshold":
        yield "PageDownAlarm: is silent when no task is registered: ask for fewer than one healthy host"
    if alarm.get("TreatMissingData") != "breaching":
        yield "PageDownAlarm: is silent when no task is registered: missing data must be breaching"
    if d.expanded["Resources"].get("PageDownAlarm", {}).get("Condition") != "HasFrontend":
        yield "PageDownAlarm: would sound for ever where the page is not deployed"


def page_can_be_left_out(d: Deployment) -> Iterator[str]:
    """Nothing that only the page needs, and new accounts may lack, is made without it."""
    entrance = ("AWS::ElasticLoadBalancingV2::", "AWS::CloudFront::", "AWS::CertificateManager::", "AWS::Route53::")
    for name, resource in d.expanded["Resources"].items():
        of_page = resource["Type"].startswith((*entrance, "AWS::ECS::Service", "Custom::CloudFrontPrefixList"))
        if of_page and resource.get("Condition") not in ("HasFrontend", "PageByDomain", "PageByCloudFront"):
            yield f"{name}: is made without the page too, where accounts may be refused it"


def versions_are_in_the_images(d: Deployment) -> Iterator[str]:
    """A worker's version comes and goes with its code: built into the image, not set beside it."""
    for name in ("RestorationFunction", "ReframingFunction", "SegmentationFunction"):
        metadata = d.template["Resources"][name].get("Metadata", {})
        if metadata.get("DockerBuildArgs", {}).get("PIPELINE_VERSION") != {"Ref": "PipelineVersion"}:
            yield f"{name}: its image is built without PIPELINE_VERSION"
        dockerfile = d.root / metadata.get("DockerContext", "") / metadata.get("Dockerfile", "")
        stages = re.split(r"(?m)^(?=FROM )", dockerfile.read_text())[2:] if dockerfile.is_file() else []
        if not all("ENV PIPELINE_VERSION=${PIPELINE_VERSION}" in stage for stage in stages):
            yield f"{name}: its Dockerfile drops PIPELINE_VERSION"
    for name, function in d.resources("AWS::Lambda::Function").items():
        if "PIPELINE_VERSION" in function.get("Environment", {}).get("Variables", {}):
            yield f"{name}: a PIPELINE_VERSION of the function hides that of its image"


def custom_resources_outlast_their_function(d: Deployment) -> Iterator[str]:
    """CloudFormation waits longer than the function works, so that the function's own answer arrives."""
    functions = d.resources("AWS::Lambda::Function")
    for name, resource in d.expanded["Resources"].items():
        if not resource["Type"].startswith("Custom::"):
            continue
        properties = resource["Properties"]
        function = functions[properties["ServiceToken"]["Fn::GetAtt"][0]]
        if float(properties.get("ServiceTimeout", 3600)) <= _largest(d, function["Timeout"]):
            yield f"{name}: CloudFormation gives up before the function can say why"


def page_is_reachable(d: Deployment) -> Iterator[str]:
    """CloudFront's prefix list opens the load balancer; the tasks listen to the load balancer alone."""
    ingress = d.resources("AWS::EC2::SecurityGroupIngress")
    from_cloudfront = ingress.get("LoadBalancerFromCloudFront", {})
    if "SourcePrefixListId" not in from_cloudfront:
        yield "LoadBalancerSecurityGroup: CloudFront's prefix list may not enter (silent 504s)"
    for rule in listed(d.resources("AWS::EC2::SecurityGroup")["FrontendSecurityGroup"]["SecurityGroupIngress"]):
        if rule.get("SourceSecurityGroupId") != {"Ref": "LoadBalancerSecurityGroup"}:
            yield "FrontendSecurityGroup: open to more than the load balancer"
    for name, listener in d.resources("AWS::ElasticLoadBalancingV2::Listener").items():
        plain = listener["Protocol"] == "HTTP" and listener["DefaultActions"][0]["Type"] != "redirect"
        if plain and d.expanded["Resources"][name].get("Condition") != "PageByCloudFront":
            yield f"{name}: serves the page unencrypted on the internet"


def new_accounts_accept(d: Deployment) -> Iterator[str]:
    """Defaults within a new account's quotas."""
    for name, function in d.resources("AWS::Lambda::Function").items():
        if _value(d, function.get("MemorySize", 128)) > NEW_ACCOUNT_MEMORY_MB:
            yield f"{name}: a new account allows {NEW_ACCOUNT_MEMORY_MB} MB"
    if d.template["Parameters"]["WorkerConcurrency"]["Default"] != 0:
        yield "WorkerConcurrency: a new account has no concurrency to reserve"


def _value(d: Deployment, value: object) -> float:
    """A number, or the default of the parameter that it refers to."""
    if isinstance(value, dict) and "Ref" in value:
        return float(d.template["Parameters"][value["Ref"]]["Default"])
    return float(str(value))


def _largest(d: Deployment, value: object) -> float:
    """A number, or the largest that the parameter it refers to may take."""
    if isinstance(value, dict) and "Ref" in value:
        parameter = d.template["Parameters"][value["Ref"]]
        return float(parameter.get("MaxValue", float("inf")))
    return float(str(value))


RULES: tuple[Rule, ...] = (
    files_exist,
    definitions_fit,
    parts_are_plain,
    logs_are_kept,
    timeouts_nest,
    policies_are_least,
    buckets_are_closed,
    alarms_are_heard,
    events_are_not_lost,
    refusals_are_quiet,
    database_is_guarded,
    page_is_reachable,
    page_is_watched,
    page_can_be_left_out,
    versions_are_in_the_images,
    custom_resources_outlast_their_function,
    new_accounts_accept,
    states_retry_and_catch,
    lambda_tasks_share_their_retriers,
    causes_are_explained_once,
    defaults_are_stated_once,
    places_come_back,
)


def faults(d: Deployment) -> list[str]:
    """What every rule finds, those about single resources first."""
    return [*faults_of_single_resources(d), *relations.found(d)]


def faults_of_single_resources(d: Deployment) -> list[str]:
    """What the rules find that look at one resource at a time."""
    return [f"{rule.__name__}: {fault}" for rule in RULES for fault in rule(d)]
