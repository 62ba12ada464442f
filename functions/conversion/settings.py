"""Environment of the conversion function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from conversion.convert import PRECISIONS
from reefsteps.settings import Environment


@dataclass(frozen=True)
class Settings:
    """The model buckets, each with the bucket of the pictures that its model looks at, and the wanted precision."""

    photos_of: dict[str, str]
    precision: str

    @classmethod
    def from_environment(cls, environment: Environment | None = None) -> Self:
        """Read the function's variables; raises ConfigurationError."""
        variables = environment or Environment()
        return cls(
            photos_of={
                variables.text("MODEL_REFRAMING_BUCKET"): variables.text("TREATED_BUCKET"),
                variables.text("MODEL_SEGMENTATION_BUCKET"): variables.text("REFRAMED_BUCKET"),
            },
            precision=variables.choice("MODEL_PRECISION", PRECISIONS, default="fp32"),
        )
