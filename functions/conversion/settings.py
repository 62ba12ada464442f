"""Environment of the conversion function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from conversion.convert import PRECISIONS
from reefsteps.model_roles import ModelRole
from reefsteps.settings import Environment


@dataclass(frozen=True)
class Settings:
    """The model buckets, each with the bucket of the pictures that its model looks at and its role; the precision."""

    photos_of: dict[str, str]
    roles: dict[str, ModelRole]
    precision: str

    @classmethod
    def from_environment(cls, environment: Environment | None = None) -> Self:
        """Read the function's variables; raises ConfigurationError."""
        variables = environment or Environment()
        return cls(
            photos_of={
                variables.text(role.bucket_variable): variables.text(role.looks_at.variable) for role in ModelRole
            },
            roles={variables.text(role.bucket_variable): role for role in ModelRole},
            precision=variables.choice("MODEL_PRECISION", PRECISIONS, default="fp32"),
        )
