"""Environment of the coverage function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from reefsteps.buckets import NamesBuckets
from reefsteps.settings import Environment


@dataclass(frozen=True)
class Settings(NamesBuckets):
    """Where earlier steps leave their records."""

    raw_bucket: str
    treated_bucket: str
    reframed_bucket: str
    segmented_bucket: str

    @classmethod
    def from_environment(cls, environment: Environment | None = None) -> Self:
        """Read the function's variables; raises ConfigurationError."""
        variables = environment or Environment()
        return cls(
            raw_bucket=variables.text("RAW_BUCKET"),
            treated_bucket=variables.text("TREATED_BUCKET"),
            reframed_bucket=variables.text("REFRAMED_BUCKET"),
            segmented_bucket=variables.text("SEGMENTED_BUCKET"),
        )
