"""A mutant: one small wrong change of a file of the deployment, and the words in which a rule has to refuse it.

The tables beside this file hold one a line: the file, the part of it that changes (a resource, a state; nothing: the
whole file), the text, what it becomes (nothing: the whole part goes), and words of the fault that must be found.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass, replace

from samtranslator.yaml_helper import yaml_parse

from scripts.deployment import Deployment, Json, expand

TEMPLATE, REGISTRY = "template.yaml", "registry.yaml"


@dataclass(frozen=True)
class Mutant:
    """One wrong change."""

    file: str
    part: str
    old: str
    new: str | None
    words: str = ""

    def __str__(self) -> str:
        """Return a name for reports."""
        place = self.part or self.file
        return f"{place}: {self.old.strip()[:50]} -> {(self.new or 'gone').strip()[:50]}"


def mutated(deployment: Deployment, mutant: Mutant) -> Deployment:
    """Return the deployment with the change; raises ValueError where the text is not there."""
    if mutant.file == TEMPLATE:
        return _in_template(deployment, mutant)
    text = deployment.read(mutant.file)
    changed = _changed(text, mutant)
    if mutant.file == REGISTRY:
        return replace(deployment, registry=yaml_parse(changed), changed={mutant.file: changed})
    if mutant.file in deployment.machines:
        machines = {**deployment.machines, mutant.file: json.loads(changed)}
        return replace(deployment, machines=machines, changed={mutant.file: changed})
    return replace(deployment, changed={mutant.file: changed})


def _in_template(deployment: Deployment, mutant: Mutant) -> Deployment:
    """Parse the changed resource alone: a whole template takes half a second."""
    text = _changed(deployment.text, mutant)
    template = copy.copy(deployment.template)
    resources = dict(template["Resources"])
    if mutant.part not in resources:
        template = yaml_parse(text)
        return replace(deployment, text=text, template=template, expanded=expand(template), changed={TEMPLATE: text})
    block = _part(text, mutant) if mutant.new is not None else ""
    parsed: Json = yaml_parse(block) if block else {}
    resources.pop(mutant.part)
    resources |= parsed
    template["Resources"] = resources
    before = deployment.template["Resources"][mutant.part]
    if before["Type"].startswith("AWS::Serverless"):  # expanded alone, with and without the change
        old = expand({**template, "Resources": {mutant.part: before}})["Resources"]
        new = expand({**template, "Resources": parsed})["Resources"] if parsed else {}
    else:
        old, new = {mutant.part: before}, parsed
    made = {name: resource for name, resource in deployment.expanded["Resources"].items() if name not in old}
    expanded = {**deployment.expanded, "Resources": {**made, **new}}
    return replace(deployment, text=text, template=template, expanded=expanded, changed={TEMPLATE: text})


def _changed(text: str, mutant: Mutant) -> str:
    part = _part(text, mutant)
    if mutant.new is None and not mutant.old:
        return text.replace(part, "", 1)
    if mutant.old not in part:
        raise ValueError(f"'{mutant.old}' is not in {mutant.part or mutant.file}")
    return text.replace(part, part.replace(mutant.old, mutant.new or "", 1), 1)


def _part(text: str, mutant: Mutant) -> str:
    """Return a resource of a template, a job of a workflow or a state of a machine with what is under it; or all."""
    if not mutant.part:
        return text
    name = re.escape(mutant.part)
    indented = rf'(?m)^( +)(?:"{name}"|{name}):[^\n]*\n(?:(?:\1 [^\n]*| *\#[^\n]*|)\n)*(?:\1[}}\]],?\n)?'
    found = [match[0] for match in re.finditer(indented, text)]
    if not found:
        raise ValueError(f"{mutant.file} has no {mutant.part}")
    return max(found, key=len)
