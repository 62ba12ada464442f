"""What the demo models say of their own errors."""

from __future__ import annotations

from conversion.evaluation import read_evaluation
from reefsteps.smoke_test import stated_error_points
from tests.support.local_stack import REPOSITORY


def stated_points() -> float:
    """Return how far the demo coral model may be off on one drawn photograph, by its own measured errors."""
    stated = stated_error_points(read_evaluation(REPOSITORY / "models" / "detectron2-classifier.evaluation.json"))
    assert stated is not None
    return stated
