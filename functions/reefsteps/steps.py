"""The pipeline's steps: the one list of them for functions, page, local stack and scripts."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """A step of the pipeline, by the name that the state document and the error causes use."""

    RESTORATION = "restoration"
    REFRAMING = "reframing"
    SEGMENTATION = "segmentation"
    COVERAGE = "coverage"


STEPS = tuple(Step)
"""All steps in the order in which the pipeline runs them."""
