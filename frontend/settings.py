"""The page's environment, read and validated in one place (docs/reference/environment.md lists the variables)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, Self, cast

from reefsteps.buckets import NamesBuckets
from reefsteps.model_roles import ModelRole
from reefsteps.quadrat_size import QuadratSize
from reefsteps.settings import DEFAULT_SIZE, Environment

MAX_UPLOAD_BYTES = 500 * 1024 * 1024
"""Larger than any single photograph (a 100 MP 16-bit TIFF has 600 MB, a 45 MP NEF 60 MB) that restoration accepts."""

LONGEST_SIGN_IN_HOURS = 12


@dataclass(frozen=True)
class Settings(NamesBuckets):
    """Where the page finds pictures, executions and figures, and how people sign in."""

    endpoint_url: str | None
    region: str
    raw_bucket: str
    treated_bucket: str
    reframed_bucket: str
    segmented_bucket: str
    masks_bucket: str
    model_buckets: Mapping[ModelRole, str]
    pipeline_arn: str
    relabel_arn: str
    database_url: str
    database_auth: Literal["iam", "url"]
    auth_mode: Literal["oidc", "none"]
    quadrat_size: QuadratSize
    import_function: str | None = None
    backfill_arn: str | None = None
    points_function: str | None = None
    sign_in_hours: int = LONGEST_SIGN_IN_HOURS

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] | None = None) -> Self:
        """Return the settings; raises ConfigurationError that names the variable at fault.

        Sign-in is on unless ``AUTH_MODE=none`` is said: a deployment that forgets the variable stays closed.
        """
        read = Environment(variables)
        return cls(
            endpoint_url=_optional(read, "AWS_ENDPOINT_URL"),
            region=read.text("AWS_REGION", read.text("AWS_DEFAULT_REGION", "us-east-1")),
            raw_bucket=read.text("RAW_BUCKET"),
            treated_bucket=read.text("TREATED_BUCKET"),
            reframed_bucket=read.text("REFRAMED_BUCKET"),
            segmented_bucket=read.text("SEGMENTED_BUCKET"),
            masks_bucket=read.text("MASKS_BUCKET"),
            model_buckets={role: read.text(role.bucket_variable) for role in ModelRole},
            pipeline_arn=read.text("PIPELINE_ARN"),
            relabel_arn=read.text("RELABEL_ARN"),
            database_url=read.text("DATABASE_URL"),
            database_auth=cast(Literal["iam", "url"], read.choice("DATABASE_AUTH", ("iam", "url"))),
            auth_mode=cast(Literal["oidc", "none"], read.choice("AUTH_MODE", ("oidc", "none"), "oidc")),
            quadrat_size=read.size("QUADRAT_SIDE_CM", DEFAULT_SIZE),
            import_function=_optional(read, "IMPORT_FUNCTION"),
            backfill_arn=_optional(read, "BACKFILL_ARN"),
            points_function=_optional(read, "POINTS_FUNCTION"),
            sign_in_hours=read.whole("SIGN_IN_HOURS", LONGEST_SIGN_IN_HOURS, minimum=1, maximum=LONGEST_SIGN_IN_HOURS),
        )

    @property
    def is_local(self) -> bool:
        """Whether the page talks to the local stack, which has no console to link to."""
        return self.endpoint_url is not None


def _optional(read: Environment, name: str) -> str | None:
    missing = "(missing)"
    value = read.text(name, missing)
    return None if value == missing else value


@cache
def settings() -> Settings:
    """Return this process's settings; raises ConfigurationError."""
    return Settings.from_environment()
