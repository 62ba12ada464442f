"""Environment of the notices function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from reefsteps.settings import Environment


@dataclass(frozen=True)
class Settings:
    """Where events wait, and where people are told."""

    failures_queue: str
    refusals_queue: str
    alerts_topic: str
    stack: str

    @classmethod
    def from_environment(cls, environment: Environment | None = None) -> Self:
        """Return the settings; raises ConfigurationError."""
        environment = environment or Environment()
        return cls(
            failures_queue=environment.text("FAILURES_QUEUE"),
            refusals_queue=environment.text("REFUSALS_QUEUE"),
            alerts_topic=environment.text("ALERTS_TOPIC"),
            stack=environment.text("STACK_NAME"),
        )
