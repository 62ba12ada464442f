"""The rules of the deployment, asked about one mutant after another."""

from __future__ import annotations

import inspect
import re

from scripts import relations
from scripts.deployment import Deployment
from scripts.deployment_rules import faults, faults_of_single_resources


class Guards:
    """All rules. Most relations cannot see a given mutant, so the likely ones are asked first.

    Those are the relations whose source has the most words of the expected fault. Among equals, the one that saw the
    last mutant comes first: few relations see a whole table of mutants.
    """

    def __init__(self, deployment: Deployment) -> None:
        """Start from the faults that the deployment has without a mutant."""
        self._known = set(faults(deployment))
        self._relations = list(relations.RELATIONS)
        self._words = {relation: _words(inspect.getsource(relation)) for relation in relations.RELATIONS}

    def seen(self, broken: Deployment, words: str) -> list[str]:
        """Return the new faults up to one that has these words; all of them where none has."""
        found = self._new(faults_of_single_resources(broken))
        if any(words in fault for fault in found):
            return found
        stacks = relations.stacks(broken)
        expected = _words(words)
        for relation in sorted(self._relations, key=lambda one: -len(expected & self._words[one])):
            new = self._new(relations.asked(relation, broken, stacks))
            found += new
            if any(words in fault for fault in new):
                self._relations.remove(relation)
                self._relations.insert(0, relation)
                break
        return found

    def _new(self, found: list[str]) -> list[str]:
        return [fault for fault in found if fault not in self._known]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))
