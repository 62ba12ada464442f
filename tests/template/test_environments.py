"""The variables that a function's code asks for are those that the template sets, both ways."""

from __future__ import annotations

import importlib
import re
from typing import Any

import pytest

from reefsteps.database import Database
from reefsteps.settings import Environment
from scripts.deployment import Deployment
from tests.support.steps import package_of

READ_BY_POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "LOG_LEVEL"}
SET_ELSEWHERE = {
    "PIPELINE_VERSION": "built into the workers' images",
    "DATABASE_CA_FILE": "the build puts Amazon's list where the code looks for it",
}
ONLY_LOCAL = {"AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AUTH_MODE"}  # without AUTH_MODE people must sign in
FUNCTIONS = (
    "restoration",
    "reframing",
    "segmentation",
    "coverage",
    "conversion",
    "adapt",
    "removal",
    "relabel",
    "importing",
)
WITH_A_DATABASE = ("coverage", "adapt", "removal", "relabel", "importing")
STAND_INS = {
    "DATABASE_AUTH": "url",
    "DATABASE_URL": "mysql+pymysql://w@h/reefs",
    "QUADRAT_SIDE_CM": "100",
    "DETECTION_ENGINE": "onnxruntime",
    "RESTORATION_METHOD": "planar",
    "MODEL_PRECISION": "fp32",
    "MAX_MEGAPIXELS": "100",
    "SCORE_THRESHOLD": "0.5",
    "AUTH_MODE": "none",
    "SIGN_IN_HOURS": "12",
}


class Asked(dict[str, str]):
    """Variables that are all set, and remember which of them were read."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, name: str, *_default: Any) -> Any:
        """Return a value that passes, and remember the name."""
        self.names.add(name)
        return STAND_INS.get(name, f"value-of-{name.lower()}")


def set_for(step: str, deployment: Deployment) -> set[str]:
    function = deployment.resources("AWS::Lambda::Function")[f"{step.capitalize()}Function"]
    return set(function["Environment"]["Variables"])


def read_by(step: str) -> set[str]:
    asked = Asked()
    importlib.import_module(f"{package_of(step)}.settings").Settings.from_environment(Environment(asked))
    if step in WITH_A_DATABASE:
        Database.from_environment(Environment(asked))
    return asked.names


@pytest.mark.parametrize("step", [*FUNCTIONS, "notices"])
def test_a_function_reads_what_it_is_given_and_is_given_what_it_reads(step: str, deployment: Deployment) -> None:
    assert read_by(step) - SET_ELSEWHERE.keys() == set_for(step, deployment) - READ_BY_POWERTOOLS


def test_the_page_reads_what_it_is_given_and_is_given_what_it_reads(deployment: Deployment) -> None:
    (task,) = deployment.resources("AWS::ECS::TaskDefinition").values()
    (container,) = task["ContainerDefinitions"]
    given = {entry["Name"] for entry in [*container["Environment"], *container.get("Secrets", [])]}
    asked = Asked()
    importlib.import_module("frontend.settings").Settings.from_environment(asked)
    Database.from_environment(Environment(asked))
    for_streamlit = {
        name
        for file in ("serve", "hosted")
        for name in re.findall(r'\.text\("([A-Z_]+)"', deployment.read(f"frontend/{file}.py"))
    }
    assert (asked.names | for_streamlit) - SET_ELSEWHERE.keys() - ONLY_LOCAL == given - READ_BY_POWERTOOLS


def test_the_scores_that_count_are_the_codes_own(deployment: Deployment) -> None:
    parameters = deployment.template["Parameters"]
    for parameter, step in (("FrameScoreThreshold", "reframing"), ("CoralScoreThreshold", "segmentation")):
        default = importlib.import_module(f"{step}.settings").DEFAULT_SCORE_THRESHOLD
        assert parameters[parameter]["Default"] == default
