"""Environment of the segmentation function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from reefsteps.buckets import NamesBuckets
from reefsteps.model_roles import ModelRole
from reefsteps.model_store import ENGINES
from reefsteps.settings import Environment, pipeline_version

# detectron2's demo and its evaluation on COCO show instances from this score on.
DEFAULT_SCORE_THRESHOLD = 0.5


@dataclass(frozen=True)
class Settings(NamesBuckets):
    """Buckets, model and the least score at which an instance counts as coral."""

    raw_bucket: str
    reframed_bucket: str
    segmented_bucket: str
    masks_bucket: str
    model_bucket: str
    model_name: str
    engine: str  # of inference; see reefsteps.model_store
    score_threshold: float
    pipeline_version: str

    @classmethod
    def from_environment(cls, environment: Environment | None = None) -> Self:
        """Read the function's variables; raises ConfigurationError."""
        variables = environment or Environment()
        return cls(
            raw_bucket=variables.text("RAW_BUCKET"),
            reframed_bucket=variables.text("REFRAMED_BUCKET"),
            segmented_bucket=variables.text("SEGMENTED_BUCKET"),
            masks_bucket=variables.text("MASKS_BUCKET"),
            model_bucket=variables.text("MODEL_BUCKET"),
            model_name=variables.text("MODEL_NAME", ModelRole.CORAL.model_name),
            engine=variables.choice("DETECTION_ENGINE", ENGINES, ENGINES[0]),
            score_threshold=variables.number("SCORE_THRESHOLD", DEFAULT_SCORE_THRESHOLD, minimum=0, maximum=1),
            pipeline_version=pipeline_version(variables),
        )
