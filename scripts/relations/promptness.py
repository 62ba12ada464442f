"""How soon somebody hears: schedules, periods of alarms, thresholds of the budget."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scripts.deployment import Deployment, listed
from scripts.relations.paper import Stack

# How far apart the ticks may be, in seconds, by the rule that SAM makes (docs/how-to/operate.md, docs/decisions).
_TICKS_S = {"NoticesFunctionFailures": 300, "NoticesFunctionRefusals": 86_400, "GivePlacesEachMinute": 60}
_UNITS_S = {"minute": 60, "hour": 3600, "day": 86_400}
_LONGEST_S = 900  # for which counts of failures may go on before an alarm
_BUDGET_PERCENT = (50, 100)


def ticks_come_in_time(d: Deployment, stack: Stack) -> Iterator[str]:
    """Each schedule is one that is known here, and ticks as often as its work asks for."""
    for name, rule in stack.of("AWS::Events::Rule").items():
        expression = rule.properties.get("ScheduleExpression")
        if expression is None:
            continue
        if name not in _TICKS_S:
            yield f"{name}: say in scripts/relations/promptness.py how often it has to tick"
        elif not _every_s(expression) or _every_s(expression) > _TICKS_S[name]:
            yield f"{name}: {expression} is less often than each {_TICKS_S[name]} s"
        if rule.properties.get("State", "ENABLED") != "ENABLED":
            yield f"{name}: is off"
        for alarm_name, alarm in stack.of("AWS::CloudWatch::Alarm").items():
            waits = alarm.properties.get("MetricName") == "ApproximateAgeOfOldestMessage"
            if waits and "Failures" in name and float(alarm.properties["Threshold"]) < 2 * _every_s(expression):
                yield f"{alarm_name}: goes off between two ticks of {name}"


def _every_s(expression: str) -> int:
    """Return the seconds between two ticks; 0 for what is neither a rate nor a time of each day."""
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if rate:
        return int(rate[1]) * _UNITS_S[rate[2]]
    daily = re.fullmatch(r"cron\(\d+ \d+(?:[,/-]\d+)* (\*|\?) \* (\*|\?) \*\)", expression)
    return _UNITS_S["day"] if daily and daily[1] != daily[2] else 0


def alarms_go_off_in_time(d: Deployment, stack: Stack) -> Iterator[str]:
    """An alarm that counts failures goes off within minutes, though the next ones may be long in coming."""
    for name, alarm in stack.of("AWS::CloudWatch::Alarm").items():
        properties = alarm.properties
        counts = properties.get("Statistic") == "Sum" or "QueueName" in str(properties.get("Dimensions"))
        points = int(properties.get("DatapointsToAlarm") or properties.get("EvaluationPeriods", 1))
        if counts and points * int(properties["Period"]) > _LONGEST_S:
            yield f"{name}: waits until failures go on for {points * int(properties['Period'])} s without a gap"


def budget_tells_in_time(d: Deployment, stack: Stack) -> Iterator[str]:
    """The month's costs are told before they pass the budget, and not from its first day on."""
    for name, budget in stack.of("AWS::Budgets::Budget").items():
        told = budget.properties.get("NotificationsWithSubscribers", [])
        for entry in told:
            notification = entry["Notification"]
            percent = notification.get("ThresholdType", "PERCENTAGE") == "PERCENTAGE"
            least, most = _BUDGET_PERCENT
            if not percent or not least <= float(notification["Threshold"]) <= most:
                yield f"{name}: tells at {notification['Threshold']} ({notification.get('ThresholdType', 'percent')})"
            if notification.get("ComparisonOperator") != "GREATER_THAN":
                yield f"{name}: tells while costs are {notification.get('ComparisonOperator')} the threshold"
            if not listed(entry.get("Subscribers", [])):
                yield f"{name}: tells nobody"
        kinds = {entry["Notification"].get("NotificationType") for entry in told}
        if kinds != {"ACTUAL", "FORECASTED"}:
            yield f"{name}: looks at {sorted(map(str, kinds))} costs alone"
        if budget.properties["Budget"].get("TimeUnit") != "MONTHLY":
            yield f"{name}: is of a {budget.properties['Budget'].get('TimeUnit')}"
