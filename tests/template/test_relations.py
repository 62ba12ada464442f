"""The relations hold, and each table's mutants are refused, each in the words of the rule that stands guard."""

import importlib

import pytest

from scripts import relations
from scripts.deployment import Deployment
from scripts.relations.paper import on_paper
from tests.support.guards import Guards
from tests.template.mutants.making import Mutant, mutated

TABLES = ("of_roles", "of_network", "of_data", "of_names", "of_a_tired_engineer", "of_a_second_look")
MUTANTS = [mutant for table in TABLES for mutant in importlib.import_module(f"tests.template.mutants.{table}").MUTANTS]


@pytest.mark.parametrize("variant", relations.VARIANTS)
def test_relations_hold(variant: str, deployment: Deployment) -> None:
    stack = on_paper(deployment.expanded, relations.VARIANTS[variant])
    assert {rule.__name__: list(rule(deployment, stack)) for rule in relations.RELATIONS} == {
        rule.__name__: [] for rule in relations.RELATIONS
    }


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_mutant_is_refused(mutant: Mutant, deployment: Deployment, guards: Guards) -> None:
    found = guards.seen(mutated(deployment, mutant), mutant.words)
    assert any(mutant.words in fault for fault in found), found
