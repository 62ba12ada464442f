"""Environment of the restoration function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from reefsteps.buckets import NamesBuckets
from reefsteps.images import DEFAULT_MAX_MEGAPIXELS
from reefsteps.quadrat_size import QuadratSize
from reefsteps.settings import DEFAULT_SIZE, Environment, pipeline_version
from restoration.methods import DEFAULT_METHOD, METHODS


@dataclass(frozen=True)
class Settings(NamesBuckets):
    """Where treated pictures go, what is done where an execution does not say, and how large a photograph may be."""

    raw_bucket: str
    treated_bucket: str
    restoration_method: str
    quadrat_size: QuadratSize
    max_megapixels: float
    pipeline_version: str

    @classmethod
    def from_environment(cls, environment: Environment | None = None) -> Self:
        """Read the function's variables; raises ConfigurationError."""
        variables = environment or Environment()
        return cls(
            raw_bucket=variables.text("RAW_BUCKET"),
            treated_bucket=variables.text("TREATED_BUCKET"),
            restoration_method=variables.choice("RESTORATION_METHOD", METHODS, DEFAULT_METHOD),
            quadrat_size=variables.size("QUADRAT_SIDE_CM", DEFAULT_SIZE),
            max_megapixels=variables.number("MAX_MEGAPIXELS", DEFAULT_MAX_MEGAPIXELS, minimum=0.01, maximum=1000),
            pipeline_version=pipeline_version(variables),
        )
