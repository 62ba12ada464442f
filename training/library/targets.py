"""What training does differently for the two models; `reefsteps.model_roles` has what the pipeline does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reefsteps.model_roles import ModelRole
from training.library.augment import Augmentation
from training.library.examples import CORAL_SIDE_PX

_CONFIGS = Path(__file__).parents[1] / "configs"


@dataclass(frozen=True)
class TrainingTarget:
    """How one of the two models is trained.

    * ``role``: which model;
    * ``config``: detectron2's configuration of the demo model;
    * ``short_px``: the shorter side of an annotated picture in training;
    * ``box_margin``: by how much of its side a box is widened;
    * ``easy_share``: the part of a demo model's training time that has plain frames alone.
    """

    role: ModelRole
    config: Path
    short_px: int
    box_margin: float
    easy_share: float
    augmentation: Augmentation

    @property
    def model_name(self) -> str:
        """The beginning of the names of the trained model's files."""
        return self.role.model_name


TARGETS = {
    target.role.target: target
    for target in (
        TrainingTarget(ModelRole.FRAME, _CONFIGS / "reframe-demo.yaml", 256, 0.15, 0.15, Augmentation()),
        TrainingTarget(
            ModelRole.CORAL, _CONFIGS / "classifier-demo.yaml", CORAL_SIDE_PX, 0.08, 0.0, Augmentation(strings=0.2)
        ),
    )
}
"""By the name that the command lines use."""
