"""A deployment on paper: what CloudFormation would replace, what it would refuse half way, and what would be lost.

The properties whose change replaces a resource are those of CloudFormation's own resource schemas, which cfn-lint
ships. CloudFormation makes what is new first and removes what is old last, so for a while both are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from scripts.deployment import Json
from scripts.relations.kept_data import HOLDERS
from scripts.relations.paper import REGION, Resource, Stack, on_paper

_LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
_REVISIONS = {"AWS::ECS::TaskDefinition"}  # a replacement under the same name is a new revision


@dataclass(frozen=True)
class Update:
    """What becomes of a stack's resources: names by their fate."""

    before: Stack
    after: Stack
    added: frozenset[str]
    removed: frozenset[str]
    replaced: frozenset[str]

    @property
    def lost(self) -> list[str]:
        """What holds people's data and would be replaced or removed."""
        gone = self.removed | self.replaced
        return sorted(name for name in gone if self.before.resources[name].kind in HOLDERS)


def update(before: Json, old: Mapping[str, str], after: Json, new: Mapping[str, str]) -> Update:
    """Return what a deployment of one (expanded) template with its parameters over another does.

    A replacement gives a resource another identity, which may replace what refers to it; so this is asked again until
    nothing more is replaced.
    """
    had = on_paper(before, old)
    generations: dict[str, int] = {}
    while True:
        has = on_paper(after, new, generations=generations)
        common = had.resources.keys() & has.resources.keys()
        replaced = {name for name in common if _is_replaced(had.resources[name], has.resources[name])}
        if replaced <= generations.keys():
            break
        generations |= dict.fromkeys(replaced, 1)
    added, removed = has.resources.keys() - had.resources.keys(), had.resources.keys() - has.resources.keys()
    return Update(had, has, frozenset(added), frozenset(removed), frozenset(generations))


def _is_replaced(old: Resource, new: Resource) -> bool:
    if old.kind != new.kind:
        return True
    changed = {
        name
        for name in old.properties.keys() | new.properties.keys()
        if old.properties.get(name) != new.properties.get(name)
    }
    return bool(changed & _create_only(old.kind))


@cache
def _create_only(kind: str) -> frozenset[str]:
    """Return the properties of a type whose change replaces the resource."""
    if kind.startswith("Custom::"):
        return frozenset({"ServiceToken"})
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    paths = {*schema.get("createOnlyProperties", []), *schema.get("primaryIdentifier", [])}
    return frozenset(path.split("/")[2] for path in paths - set(schema.get("readOnlyProperties", [])))


def collisions(plan: Update) -> Iterator[str]:
    """Yield what CloudFormation or a service refuses half way, because old and new exist side by side."""
    yield from _names(plan)
    yield from _target_groups(plan)
    yield from _ports(plan)
    yield from _rules(plan)
    yield from _addresses(plan)


def _made(plan: Update) -> dict[str, Resource]:
    """Return what is made before anything is removed."""
    return {name: plan.after.resources[name] for name in sorted(plan.added | plan.replaced)}


def _still_there(plan: Update) -> dict[str, Resource]:
    """Return what is removed only when everything else has been updated."""
    return {name: plan.before.resources[name] for name in sorted(plan.removed | plan.replaced)}


def _names(plan: Update) -> Iterator[str]:
    old = {}
    for name, resource in _still_there(plan).items():
        for identity in plan.before.values.given_names(name):
            old[resource.kind, identity] = name
    for name, resource in _made(plan).items():
        for identity in plan.after.values.given_names(name):
            other = old.get((resource.kind, identity))
            if other and resource.kind not in _REVISIONS:
                yield f"{name}: is made as '{identity}' while {other} still has that name"


def _target_groups(plan: Update) -> Iterator[str]:
    attached: dict[str, set[str]] = {}
    listeners = [*plan.before.of(_LISTENER).values(), *plan.after.of(_LISTENER).values()]
    for listener in listeners:
        for action in listener.properties["DefaultActions"]:
            if "TargetGroupArn" in action:
                attached.setdefault(action["TargetGroupArn"], set()).add(listener.properties["LoadBalancerArn"])
    for group, balancers in sorted(attached.items()):
        if len(balancers) > 1:
            yield f"{group}: a target group serves one load balancer, and would be joined to {len(balancers)}"


def _ports(plan: Update) -> Iterator[str]:
    def place(resource: Resource) -> tuple[str, int]:
        return resource.properties["LoadBalancerArn"], resource.properties["Port"]

    taken = {place(r): name for name, r in _still_there(plan).items() if r.kind == _LISTENER}
    for name, resource in _made(plan).items():
        if resource.kind == _LISTENER and place(resource) in taken:
            yield f"{name}: listens on {resource.properties['Port']}, where {taken[place(resource)]} still listens"


def _rules(plan: Update) -> Iterator[str]:
    def rule(resource: Resource) -> str:
        return str(sorted((k, str(v)) for k, v in resource.properties.items() if k != "Description"))

    kind = "AWS::EC2::SecurityGroupIngress"
    taken = {rule(r): name for name, r in _still_there(plan).items() if r.kind == kind}
    for name, resource in _made(plan).items():
        if resource.kind == kind and rule(resource) in taken:
            yield f"{name}: is the rule that {taken[rule(resource)]} still is"


def _addresses(plan: Update) -> Iterator[str]:
    kind = "AWS::EC2::Subnet"
    taken = {r.properties["CidrBlock"]: name for name, r in _still_there(plan).items() if r.kind == kind}
    for name, resource in _made(plan).items():
        if resource.kind == kind and resource.properties["CidrBlock"] in taken:
            yield f"{name}: a subnet moves to another zone only under other addresses"


def refusal(plan: Update) -> str | None:
    """Return why this deployment must not begin, and what to do instead; None if it may."""
    if plan.lost:
        return (
            f"What people have put into {', '.join(plan.lost)} would be lost: another is made in its place. "
            "Put the former values back. To begin with new ones, deploy another environment and bring the data over "
            "(docs/how-to/recover.md)."
        )
    faults = list(collisions(plan))
    if faults:
        return "AWS would refuse this deployment half way:\n  " + "\n  ".join(faults)
    return None
