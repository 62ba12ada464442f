"""The environments of samconfig.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from scripts.deployment import ROOT


class DeploymentError(Exception):
    """A fault that the operator can repair; the message says how."""


@dataclass(frozen=True)
class DeployEnvironment:
    """One environment of samconfig.toml."""

    name: str
    stack: str
    region: str
    overrides: dict[str, str]
    registry_overrides: dict[str, str]

    @classmethod
    def read(cls, name: str) -> DeployEnvironment:
        """Read an environment; raises DeploymentError naming those that exist."""
        config = tomllib.loads((ROOT / "samconfig.toml").read_text())
        section = config.get(name, {})
        if "deploy" not in section:
            known = [key for key, value in config.items() if isinstance(value, dict) and "deploy" in value]
            raise DeploymentError(f"samconfig.toml has no environment '{name}'; it has {', '.join(known)}.")
        shared = section["global"]["parameters"]
        return cls(
            name=name,
            stack=shared["stack_name"],
            region=shared["region"],
            overrides=_values(section["deploy"]["parameters"]["parameter_overrides"]),
            registry_overrides=dict(section.get("registry", {}).get("parameters", {})),
        )

    @property
    def registry_stack(self) -> str:
        """Name of the stack that holds the image repositories."""
        return f"{self.stack}-registry"


def _values(overrides: list[str]) -> dict[str, str]:
    """Return the values by their names; SAM takes an empty one only as ``Name=""``."""
    pairs = (pair.split("=", 1) for pair in overrides)
    return {name: value.removeprefix('"').removesuffix('"') for name, value in pairs}
