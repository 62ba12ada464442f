"""The buckets of photographs and of what is made from them, and their names in one deployment.

`reefsteps.derived_objects` says what lies in which of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from reefsteps.settings import Environment


class Bucket(StrEnum):
    """What a bucket is for: the template has a bucket ``TreatedBucket``, its functions a variable TREATED_BUCKET."""

    RAW = "raw"
    TREATED = "treated"
    REFRAMED = "reframed"
    SEGMENTED = "segmented"
    MASKS = "masks"

    @property
    def resource(self) -> str:
        """The bucket's logical id in the template."""
        return f"{self.capitalize()}Bucket"

    @property
    def variable(self) -> str:
        """The environment variable with its name."""
        return f"{self.upper()}_BUCKET"


class NamesBuckets:
    """Settings that hold the name of a bucket as ``<bucket>_bucket``: all of them, or those that a function uses."""

    def name_of(self, bucket: Bucket) -> str:
        """Return the bucket's name in this deployment."""
        return str(getattr(self, f"{bucket}_bucket"))


@dataclass(frozen=True)
class Buckets(NamesBuckets):
    """The names of all buckets of photographs."""

    raw_bucket: str
    treated_bucket: str
    reframed_bucket: str
    segmented_bucket: str
    masks_bucket: str

    @classmethod
    def from_environment(cls, environment: Environment | None = None) -> Self:
        """Read the function's variables; raises ConfigurationError."""
        variables = environment or Environment()
        return cls(
            raw_bucket=variables.text("RAW_BUCKET"),
            treated_bucket=variables.text("TREATED_BUCKET"),
            reframed_bucket=variables.text("REFRAMED_BUCKET"),
            segmented_bucket=variables.text("SEGMENTED_BUCKET"),
            masks_bucket=variables.text("MASKS_BUCKET"),
        )

    @classmethod
    def of_resources(cls, names: Mapping[str, str]) -> Self:
        """Return the buckets of a deployment, given names by the template's logical ids."""
        return cls(*(names[bucket.resource] for bucket in Bucket))
