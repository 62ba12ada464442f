"""Environment of the adapt function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from reefsteps.settings import Environment


@dataclass(frozen=True)
class Settings:
    """The bucket of coral models, and where the straightened quadrats are."""

    model_bucket: str
    reframed_bucket: str

    @classmethod
    def from_environment(cls, environment: Environment | None = None) -> Self:
        """Read the function's variables; raises ConfigurationError."""
        variables = environment or Environment()
        return cls(
            model_bucket=variables.text("MODEL_BUCKET"),
            reframed_bucket=variables.text("REFRAMED_BUCKET"),
        )
