"""Environment of the importing function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from reefsteps.settings import Environment


@dataclass(frozen=True)
class Settings:
    """Where the photographs go."""

    raw_bucket: str

    @classmethod
    def from_environment(cls, environment: Environment | None = None) -> Self:
        """Read the function's variables; raises ConfigurationError."""
        return cls(raw_bucket=(environment or Environment()).text("RAW_BUCKET"))
