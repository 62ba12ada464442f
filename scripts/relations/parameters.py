"""What a person may choose: defaults that do nothing by themselves, and choices that do not fit, refused at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scripts.deployment import Deployment
from scripts.relations.paper import Stack, on_paper
from scripts.simulate_admission import runs_at_once

# Choices that would fail half way through a deployment, or that nobody means.
_REFUSED: tuple[dict[str, str], ...] = (
    {"DomainName": "reefs.example.org"},
    {"ZoneA": "eu-west-1a"},
    {"ZoneA": "eu-west-1a", "ZoneB": "eu-west-1a"},
)
_ACCEPTED: tuple[dict[str, str], ...] = (
    {},
    {"DomainName": "reefs.example.org", "HostedZoneId": "Z1"},
    {"ZoneA": "eu-west-1a", "ZoneB": "eu-west-1b"},
)
NEW_ACCOUNT = 10  # concurrent functions of an account that has asked for no more
_PROTECTIONS = {"DatabaseDeletionProtection"}  # the switches that are on until somebody turns them off


def switches_are_at_rest(d: Deployment, stack: Stack) -> Iterator[str]:
    """A switch that changes or stops something is off, and one that protects is on, until somebody says otherwise."""
    for name, parameter in d.template["Parameters"].items():
        choices = {str(value).lower() for value in parameter.get("AllowedValues", [])}
        if choices in ({"yes", "no"}, {"true", "false"}):
            wanted = ("yes", "true") if name in _PROTECTIONS else ("no", "false")
            if str(parameter.get("Default")).lower() not in wanted:
                yield f"{name}: is {parameter.get('Default')} for whoever says nothing"
    runs = d.template["Parameters"].get("RunsAtOnce", {}).get("Default")
    if runs != runs_at_once(NEW_ACCOUNT):
        yield f"RunsAtOnce: {runs} for whoever says nothing, and a new account bears {runs_at_once(NEW_ACCOUNT)}"


def misfits_are_refused(d: Deployment, stack: Stack) -> Iterator[str]:
    """The template's rules refuse each choice that cannot work, and no other."""
    for choice in _REFUSED:
        if not list(_failed(d, choice)):
            yield f"parameters: {choice} is taken, and fails half way"
    for choice in _ACCEPTED:
        yield from (f"parameters: {choice} is refused: {words}" for words in _failed(d, choice))


def _failed(d: Deployment, choice: dict[str, str]) -> Iterator[str]:
    """Yield the words of the assertions that do not hold."""
    values = on_paper({**d.expanded, "Resources": {}}, choice)
    for rule in d.template.get("Rules", {}).values():
        if values.plain(rule.get("RuleCondition", _ALWAYS)):
            for assertion in rule.get("Assertions", []):
                if not values.plain(assertion["Assert"]):
                    yield str(assertion.get("AssertDescription", ""))


_ALWAYS: Any = {"Fn::Equals": ["", ""]}
