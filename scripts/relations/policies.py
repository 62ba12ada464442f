"""What roles and resource policies allow, asked as IAM would ask."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from scripts.deployment import Json, listed
from scripts.relations.paper import Stack

# What the functions of a VPC, log writers and traces get from AWS's own policies.
VPC_ACCESS = "service-role/AWSLambdaVPCAccessExecutionRole"
BASIC_EXECUTION = "service-role/AWSLambdaBasicExecutionRole"
TRACES = "AWSXrayWriteOnlyAccess"
TASK_EXECUTION = "service-role/AmazonECSTaskExecutionRolePolicy"


@dataclass(frozen=True)
class Statement:
    """One statement of a policy, with plain texts."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    allows: bool = True
    condition: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Need:
    """Something that a caller does: an action on a resource, and who does it."""

    action: str
    resource: str  # nothing: whichever
    why: str
    must: bool = True  # else it may be allowed, and need not


def statements(document: Json) -> Iterator[Statement]:
    """Yield the statements of a policy document."""
    for statement in listed(document.get("Statement", [])):
        yield Statement(
            tuple(listed(statement.get("Action", []))),
            tuple(str(resource) for resource in listed(statement.get("Resource", []))),
            statement.get("Effect") == "Allow",
            statement.get("Condition", {}),
        )


def of_role(stack: Stack, role: str) -> list[Statement]:
    """Return what a role of the stack has in its own policies and in those attached to it."""
    found = [
        statement
        for policy in stack.properties(role).get("Policies", [])
        for statement in statements(policy["PolicyDocument"])
    ]
    identity = stack.plain({"Ref": role})
    for resource in stack.of("AWS::IAM::Policy").values():
        if identity in resource.properties.get("Roles", []):
            found += statements(resource.properties["PolicyDocument"])
    return found


def managed(stack: Stack, role: str) -> set[str]:
    """Return the names of AWS's own policies that a role has."""
    return {arn.partition(":policy/")[2] for arn in stack.properties(role).get("ManagedPolicyArns", [])}


def trusted(stack: Stack, role: str) -> set[str]:
    """Return the services that may assume a role."""
    document = stack.properties(role).get("AssumeRolePolicyDocument", {})
    return {
        service
        for statement in listed(document.get("Statement", []))
        if statement.get("Effect") == "Allow" and "sts:AssumeRole" in listed(statement.get("Action"))
        for service in listed(statement.get("Principal", {}).get("Service", []))
    }


def allowed(found: Iterable[Statement], action: str, resource: str) -> bool:
    """Tell whether the statements allow the action on the resource; a condition counts as one that may not hold."""
    matching = [
        s for s in found if _matches(s.actions, action, fold=True) and (not resource or _matches(s.resources, resource))
    ]
    return any(s.allows and not s.condition for s in matching) and not any(not s.allows for s in matching)


def unmet(found: list[Statement], needs: Iterable[Need], who: str) -> Iterator[str]:
    """Yield what a role lacks."""
    for need in needs:
        if not allowed(found, need.action, need.resource):
            yield f"{who} may not {need.action} on {need.resource}: {need.why}"


def unused(found: list[Statement], needs: Iterable[Need], who: str) -> Iterator[str]:
    """Yield what a role has and nothing uses, and what reaches beyond the things that are used."""
    needed = list(needs)
    for statement in found:
        for action in statement.actions:
            for pattern in statement.resources:
                meant = [n for n in needed if _matches((action,), n.action, fold=True)]
                if not any(not need.resource or _matches((pattern,), need.resource) for need in meant):
                    yield f"{who} may {action} on {pattern}, which nothing that it does needs"
                elif pattern != "*" and any(_covers_more(pattern, need.resource) for need in meant if need.resource):
                    yield f"{who} may {action} on {pattern}, which covers more than what it does"


def _covers_more(pattern: str, resource: str) -> bool:
    others = [foreign(resource)]
    if ":dbuser:" in resource:
        others.append(f"{resource.rpartition('/')[0]}/somebody")
    return any(_matches((pattern,), other) for other in others)


def foreign(resource: str) -> str:
    """Return the ARN of another thing of the same kind: a policy that matches it is too wide."""
    if resource.startswith("arn:aws:s3:::"):
        key = resource.partition(":::")[2].partition("/")[1:]
        return "arn:aws:s3:::elsewhere" + "".join(key)
    *head, rest = resource.split(":", 5)
    words = re.split(r"([:/])", rest)
    words[min(2, len(words) - 1)] = "elsewhere"
    return ":".join([*head, "".join(words)])


def _matches(patterns: Iterable[str], text: str, *, fold: bool = False) -> bool:
    """Match as IAM does: * and ? are wild, brackets are not."""
    if fold:
        return any(fnmatchcase(text.lower(), pattern.lower().replace("[", "[[]")) for pattern in patterns)
    return any(fnmatchcase(text, pattern.replace("[", "[[]")) for pattern in patterns)


def principals(document: Json) -> set[Any]:
    """Return the services and accounts that a resource policy lets in."""
    found: set[Any] = set()
    for statement in listed(document.get("Statement", [])):
        if statement.get("Effect") == "Allow":
            principal = statement.get("Principal", {})
            found |= set(listed(principal)) if isinstance(principal, str) else set(listed(principal.get("Service", [])))
    return found
