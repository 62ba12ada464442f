"""Alarms and dashboards against the metrics that AWS and this code emit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from scripts.deployment import Deployment, Json, listed
from scripts.relations import code
from scripts.relations.paper import Stack

# Metrics by namespace: the sets of dimensions that they have (AWS's service guides), and what each dimension holds.
_EXECUTIONS = (
    "ExecutionsStarted",
    "ExecutionsSucceeded",
    "ExecutionsFailed",
    "ExecutionsTimedOut",
    "ExecutionsAborted",
)
_MACHINE = (*_EXECUTIONS, "ExecutionThrottled", "ExecutionTime", "ExecutionsRedriven")
_FUNCTION = ("Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions", "AsyncEventAge")
_QUEUE = (
    "ApproximateNumberOfMessagesVisible",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateAgeOfOldestMessage",
    "NumberOfMessagesSent",
    "NumberOfMessagesReceived",
    "NumberOfMessagesDeleted",
)
_CLUSTER = ("ACUUtilization", "ServerlessDatabaseCapacity", "DatabaseConnections", "CPUUtilization", "Deadlocks")
_BALANCER = ("RequestCount", "HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count", "TargetResponseTime")
_TARGETS = ("HealthyHostCount", "UnHealthyHostCount", "RequestCount", "TargetResponseTime", "HTTPCode_Target_5XX_Count")
_RULE = ("FailedInvocations", "Invocations", "MatchedEvents", "ThrottledRules", "TriggeredRules")

METRICS: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "AWS/States": [(_MACHINE, ("StateMachineArn",))],
    "AWS/Lambda": [(_FUNCTION, ("FunctionName",))],
    "AWS/SQS": [(_QUEUE, ("QueueName",))],
    "AWS/RDS": [(_CLUSTER, ("DBClusterIdentifier",))],
    "AWS/ApplicationELB": [(_BALANCER, ("LoadBalancer",)), (_TARGETS, ("LoadBalancer", "TargetGroup"))],
    "AWS/Events": [(_RULE, ("RuleName",)), (("InvocationsSentToDlq", "InvocationsFailedToBeSentToDlq"), ("RuleName",))],
    "AWS/ECS": [(("CPUUtilization", "MemoryUtilization"), ("ClusterName", "ServiceName"))],
    "AWS/SNS": [(("NumberOfNotificationsFailed", "NumberOfMessagesPublished"), ("TopicName",))],
    "AWS/Billing": [(("EstimatedCharges",), ("Currency",))],
}
_OF_KIND: dict[str, tuple[str, str]] = {
    "StateMachineArn": ("AWS::StepFunctions::StateMachine", "Ref"),
    "FunctionName": ("AWS::Lambda::Function", "Ref"),
    "QueueName": ("AWS::SQS::Queue", "QueueName"),
    "DBClusterIdentifier": ("AWS::RDS::DBCluster", "Ref"),
    "LoadBalancer": ("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerFullName"),
    "TargetGroup": ("AWS::ElasticLoadBalancingV2::TargetGroup", "TargetGroupFullName"),
    "RuleName": ("AWS::Events::Rule", "Ref"),
    "ClusterName": ("AWS::ECS::Cluster", "Ref"),
    "ServiceName": ("AWS::ECS::Service", "Name"),
    "TopicName": ("AWS::SNS::Topic", "TopicName"),
}
# Express executions are counted only when a machine is standard or logs; both do here.
_COUNTS = re.compile(r"Executions(?!Time)|Errors|Throttles|Failed|Invocations|HTTPCode|Failures|RequestCount|NumberOf")
# The most that may happen before somebody hears of it: executions, messages, seconds that a message waits.
_MOST = (("AgeOfOldest", 7200), ("ApproximateNumber", 10), ("Executions", 10), ("TriggeredRules", 10), ("Errors", 100))
_SEARCH = re.compile(r'Namespace="(\S+?)" MetricName="(\w+)"')
_LEVELS = re.compile(r"Approximate|Utilization|HostCount|Capacity|Connections")


def own_namespaces(stack: Stack) -> set[str]:
    """Return where the functions' own metrics go."""
    functions = stack.of("AWS::Lambda::Function").values()
    variables = (f.properties.get("Environment", {}).get("Variables", {}) for f in functions)
    return {str(v["POWERTOOLS_METRICS_NAMESPACE"]) for v in variables if "POWERTOOLS_METRICS_NAMESPACE" in v}


def own_metrics(d: Deployment) -> dict[str, set[str]]:
    """Return the metrics that the code emits, each with its dimensions."""
    found: dict[str, set[str]] = {}
    handlers = sorted(path for name in ("app", "step") for path in (d.root / "functions").glob(f"*/{name}.py"))
    files = ["functions/reefsteps/observability.py", *(str(path.relative_to(d.root)) for path in handlers)]
    for file in files:
        for called, texts in code.calls(d, file):
            if called in ("add_metric", "measure", "record_metric") and texts:
                found[texts[0]] = {"service", "step"}
            if called == "single_metric" and texts:
                found[texts[0]] = {"service", "step", "error"}
    return found


def alarms_watch_what_is_emitted(d: Deployment, stack: Stack) -> Iterator[str]:
    """Namespace, metric, dimensions and statistic of each alarm belong together, and it can go off."""
    for name, alarm in stack.of("AWS::CloudWatch::Alarm").items():
        properties = alarm.properties
        for metric, statistic, period in _metrics_of(properties):
            dimensions = {entry["Name"]: entry["Value"] for entry in metric.get("Dimensions", [])}
            yield from _metric_faults(d, stack, name, metric["Namespace"], metric["MetricName"], dimensions)
            yield from _statistic_faults(name, properties, metric["MetricName"], str(statistic))
            if int(period) % 60 or int(period) < 60:
                yield f"{name}: CloudWatch has no period of {period} s"
            if int(period) * int(properties.get("EvaluationPeriods", 1)) > 86_400:
                yield f"{name}: CloudWatch looks back a day at most"
        yield from _threshold_faults(name, properties)
        if properties.get("ActionsEnabled") is False:
            yield f"{name}: its actions are off"
        yield from _is_about_what_it_says(stack, name, properties)


def _metrics_of(alarm: Json) -> Iterator[tuple[Json, str, int]]:
    if "MetricName" in alarm:
        yield alarm, alarm.get("Statistic") or alarm.get("ExtendedStatistic", ""), alarm["Period"]
    for entry in alarm.get("Metrics", []):
        if "MetricStat" in entry:
            yield entry["MetricStat"]["Metric"], entry["MetricStat"]["Stat"], entry["MetricStat"]["Period"]


def _metric_faults(
    d: Deployment, stack: Stack, where: str, namespace: str, metric: str, dimensions: dict[str, Any]
) -> Iterator[str]:
    if namespace in own_namespaces(stack):
        own = own_metrics(d)
        if metric not in own:
            yield f"{where}: the code emits no {metric}"
        elif not set(dimensions) <= own[metric]:
            yield f"{where}: {metric} has the dimensions {sorted(own[metric])}, not {sorted(dimensions)}"
        return
    known = METRICS.get(namespace)
    if known is None:
        yield f"{where}: nobody emits into {namespace}"
        return
    sets = [dims for names, dims in known if metric in names]
    if not sets:
        yield f"{where}: {namespace} has no {metric}"
    elif set(dimensions) not in [set(dims) for dims in sets]:
        yield f"{where}: {metric} is emitted by {' or '.join(map(str, sets))}, not by {sorted(dimensions)}"
    for dimension, value in dimensions.items():
        if dimension not in _OF_KIND:
            continue
        kind, attribute = _OF_KIND[dimension]
        if value not in {stack.values.identity(name, attribute) for name in stack.of(kind)}:
            yield f"{where}: {dimension} {value} is no {kind} of the stack"


def _statistic_faults(name: str, alarm: Json, metric: str, statistic: str) -> Iterator[str]:
    if _LEVELS.search(metric):
        if statistic in ("Sum", "SampleCount"):
            yield f"{name}: {metric} is a level, and its {statistic} says nothing"
    elif _COUNTS.search(metric) and statistic != "Sum":
        yield f"{name}: {metric} is a count, and its {statistic} says nothing"
    elif statistic == "Minimum" and "Greater" in alarm.get("ComparisonOperator", ""):
        yield f"{name}: the {statistic} hides what is high"


def _threshold_faults(name: str, alarm: Json) -> Iterator[str]:
    operator, threshold = alarm.get("ComparisonOperator", ""), float(alarm.get("Threshold", 0))
    downwards = operator.startswith("LessThan")
    counts = [metric["MetricName"] for metric, _, _ in _metrics_of(alarm) if _COUNTS.search(metric["MetricName"])]
    if counts and downwards:
        yield f"{name}: goes off while nothing is wrong: {counts[0]} {operator} {threshold:g}"
    if counts and operator == "GreaterThanOrEqualToThreshold" and threshold <= 0:
        yield f"{name}: always goes off"
    if not counts and "Utilization" in alarm.get("MetricName", "") and not 0 < threshold < 100:
        yield f"{name}: a percentage never passes {threshold:g}"
    for metric, _, _ in _metrics_of(alarm):
        most = next((most for word, most in _MOST if word in metric["MetricName"]), None)
        if most is not None and threshold > most:
            yield f"{name}: is silent until {metric['MetricName']} passes {threshold:g}"
    if "DatapointsToAlarm" in alarm and int(alarm["DatapointsToAlarm"]) > int(alarm["EvaluationPeriods"]):
        yield f"{name}: waits for more data points than it looks at"
    if alarm.get("TreatMissingData") == "breaching" and not downwards:
        yield f"{name}: goes off where nothing happens"
    used = set(re.findall(r"[a-z]\w*", " ".join(e.get("Expression", "") for e in alarm.get("Metrics", []))))
    for entry in alarm.get("Metrics", []):
        if "MetricStat" in entry and entry["Id"] not in used:
            yield f"{name}: {entry['Id']} is in no expression"
    returned = [entry["Id"] for entry in alarm.get("Metrics", []) if entry.get("ReturnData", True)]
    if "Metrics" in alarm and len(returned) != 1:
        yield f"{name}: returns {returned}, not one value"


def _is_about_what_it_says(stack: Stack, name: str, alarm: Json) -> Iterator[str]:
    """ConvertFailedAlarm is about Convert: an alarm that names a resource watches that one."""
    machines = [machine for machine in stack.of("AWS::StepFunctions::StateMachine") if name.startswith(machine)]
    told = [m for m, _, _ in _metrics_of(alarm)]
    patterns = [pattern for metric in told for pattern in _patterns_behind(stack, metric)]
    for machine in machines:
        arn = stack.values.identity(machine, "Ref")
        of_rule = any(arn in listed(pattern.get("detail", {}).get("stateMachineArn", [])) for pattern in patterns)
        if not of_rule and not any(e["Value"] == arn for metric in told for e in metric.get("Dimensions", [])):
            yield f"{name}: does not watch {machine}"
    wanted = {"Failed": "Failed", "TimedOut": "TimedOut", "Throttled": "Throttle", "Busy": "Utilization"}
    for word, metric_name in wanted.items():
        status = {"Failed": "FAILED", "TimedOut": "TIMED_OUT"}.get(word)
        of_rule = any(status in listed(pattern.get("detail", {}).get("status", [])) for pattern in patterns)
        if name.endswith(f"{word}Alarm") and not of_rule and not any(metric_name in m["MetricName"] for m in told):
            yield f"{name}: watches {sorted({m['MetricName'] for m in told})}"
    for metric in told:
        for entry in metric.get("Dimensions", []):
            held = stack.named(str(entry["Value"])) or ""
            words = set(re.findall(r"[A-Z][a-z]+?(?=s?[A-Z]|s?$)", name)) - {"Alarm"}
            if entry["Name"] in ("RuleName", "QueueName") and not any(word in held for word in words):
                yield f"{name}: watches {held}"
    for entry in alarm.get("Metrics", []):
        for dimension in entry.get("MetricStat", {}).get("Metric", {}).get("Dimensions", []):
            held = stack.named(dimension["Value"]) or ""
            if not held.lower().startswith(entry["Id"].lower()):
                yield f"{name}: {entry['Id']} is {held or dimension['Value']}"


def _patterns_behind(stack: Stack, metric: Json) -> Iterator[Json]:
    """Yield the event patterns of the rules whose events a metric counts."""
    for entry in metric.get("Dimensions", []):
        if entry["Name"] == "RuleName":
            yield stack.properties(stack.named(entry["Value"]) or "").get("EventPattern", {})


def every_failure_is_told(d: Deployment, stack: Stack) -> Iterator[str]:
    """Each state machine's failures are watched by an alarm or reported one by one, and each dead letter queue too."""
    watched = {
        entry["Value"]
        for alarm in stack.of("AWS::CloudWatch::Alarm").values()
        for metric, _, _ in _metrics_of(alarm.properties)
        for entry in metric.get("Dimensions", [])
    }
    reported: dict[str, set[str]] = {}
    for rule in stack.of("AWS::Events::Rule").values():
        if all(":states:" in str(target["Arn"]) for target in rule.properties.get("Targets", [])):
            continue  # a state machine that goes on tells nobody
        detail = rule.properties.get("EventPattern", {}).get("detail", {})
        for arn in listed(detail.get("stateMachineArn", [])):
            reported.setdefault(str(arn), set()).update(map(str, listed(detail.get("status", []))))
    for name, machine in stack.of("AWS::StepFunctions::StateMachine").items():
        arn = stack.values.identity(name, "Ref")
        if machine.properties.get("StateMachineType") == "EXPRESS":
            if arn not in watched:
                yield f"{name}: express executions report nothing themselves, and no alarm watches it"
        elif not reported.get(arn, set()) >= {"FAILED", "TIMED_OUT"}:  # whoever stops an execution knows of it
            yield f"{name}: nobody hears of an execution that failed or took too long"
    watched |= _read_beside(stack, watched)
    for name in stack.of("AWS::SQS::Queue"):
        if stack.values.identity(name, "QueueName") not in watched:
            yield f"{name}: nobody hears of what waits in it"


def _read_beside(stack: Stack, watched: set[str]) -> set[str]:
    """Return the queues that a function reads together with a watched one: where it stands still, that one tells."""
    found: set[str] = set()
    queues = {
        stack.values.identity(n, "Ref"): stack.values.identity(n, "QueueName") for n in stack.of("AWS::SQS::Queue")
    }
    for function in stack.of("AWS::Lambda::Function").values():
        values = function.properties.get("Environment", {}).get("Variables", {}).values()
        read = {queues[value] for value in values if value in queues}
        found |= read if read & watched else set()
    return found


def dashboards_show_what_is_emitted(d: Deployment, stack: Stack) -> Iterator[str]:
    """Each widget's metrics exist, and its queries name the functions' own log groups."""
    groups = {stack.values.identity(name, "Ref") for name in stack.of("AWS::Logs::LogGroup")}
    if len(own_namespaces(stack)) > 1:
        yield f"the functions write their metrics to {sorted(own_namespaces(stack))}"
    for name, dashboard in stack.of("AWS::CloudWatch::Dashboard").items():
        for widget in json.loads(dashboard.properties["DashboardBody"])["widgets"]:
            properties = widget["properties"]
            where = f"{name}, '{properties.get('title', 'text')}'"
            for metric in properties.get("metrics", []):
                if isinstance(metric[0], str):
                    texts = [part for part in metric[2:] if isinstance(part, str)]
                    dimensions = dict(zip(texts[::2], texts[1::2], strict=True))
                    yield from _metric_faults(d, stack, where, metric[0], metric[1], dimensions)
                for space, found in re.findall(_SEARCH, json.dumps(metric).replace("\\", "")):
                    yield from _metric_faults(d, stack, where, space, found, {})
            for group in re.findall(r"SOURCE '([^']+)'", properties.get("query", "")):
                if group not in groups:
                    yield f"{where}: there is no log group {group}"
