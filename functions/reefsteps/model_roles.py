"""The two models and all that differs between them: one finds the quadrat's frame, the other finds corals."""

from __future__ import annotations

from enum import Enum

from reefsteps.buckets import Bucket
from reefsteps.steps import Step


class ModelRole(Enum):
    """What a model is for.

    * ``target``: how training calls it (``--target frame``);
    * ``step``: the step that looks with it;
    * ``model_name``: the beginning of its files' names (`reefsteps.model_keys`);
    * ``class_name``: the one class of the demo model;
    * ``depth``: of its ResNet;
    * ``bucket_variable``: the environment variable with the name of its bucket, for functions that know both models;
    * ``looks_at``: the bucket of the pictures that it is given;
    * ``task``: its task as the page names it.
    """

    FRAME = (
        "frame", Step.REFRAMING, "detectron2-reframe", "quadrat", 101,
        "MODEL_REFRAMING_BUCKET", Bucket.TREATED, "Finding the frame",
    )  # fmt: skip
    CORAL = (
        "coral", Step.SEGMENTATION, "detectron2-classifier", "coral", 50,
        "MODEL_SEGMENTATION_BUCKET", Bucket.REFRAMED, "Finding corals",
    )  # fmt: skip

    def __init__(
        self,
        target: str,
        step: Step,
        model_name: str,
        class_name: str,
        depth: int,
        bucket_variable: str,
        looks_at: Bucket,
        task: str,
    ) -> None:
        """Name what belongs to the role."""
        self.target, self.step, self.model_name, self.class_name = target, step, model_name, class_name
        self.depth, self.bucket_variable, self.looks_at, self.task = depth, bucket_variable, looks_at, task

    @property
    def bucket_resource(self) -> str:
        """The logical id of its bucket in the template."""
        return f"Model{self.step.capitalize()}Bucket"

    @property
    def architecture(self) -> str:
        """The name of its configuration in detectron2's model zoo."""
        return f"mask_rcnn_R_{self.depth}_FPN_3x"


MODEL_BUCKETS = tuple(role.bucket_resource for role in ModelRole)
"""Logical ids of the model buckets."""
