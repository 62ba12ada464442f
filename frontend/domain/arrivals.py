"""Two people at once: what else has arrived for the same quadrats while a browser was sending its photographs.

The browser plans with the versions that are there at that moment. At the end they are compared with those that are
there then. A version that the plan did not know and this browser did not send came from somebody else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from reefsteps.surveys import SurveyKey


@dataclass(frozen=True)
class StoredVersion:
    """One version of a photograph in the raw bucket."""

    survey: SurveyKey
    key: str
    version_id: str
    size_bytes: int
    uploaded_at: datetime


@dataclass(frozen=True)
class Meanwhile:
    """A photograph of somebody else that arrived for a quadrat of ours; `ours_counts` if ours came later."""

    theirs: StoredVersion
    ours: StoredVersion
    ours_counts: bool

    def __str__(self) -> str:
        when = f"{self.theirs.uploaded_at:%H:%M} UTC"
        what = "the same photograph name" if self.theirs.key == self.ours.key else self.theirs.key
        arrived = f"{self.ours.survey}: somebody else sent {what} while you were sending, at {when}."
        if self.ours_counts:
            return f"{arrived} Yours came later, so yours is measured; theirs is kept. Ask them which is right."
        return f"{arrived} Theirs came later, so theirs is measured; yours is kept. Ask them which is right."


def arrived_meanwhile(
    known: Collection[str], sent: Mapping[str, int], versions: Iterable[StoredVersion]
) -> list[Meanwhile]:
    """Return what others sent for the quadrats of the photographs that this browser sent.

    ``known`` holds the version ids that were there when the plan was made. ``sent`` has the size in bytes of each key
    that has arrived from this browser, ``versions`` what is there now. Of several versions of a key that have the size
    of ours, the newest counts as ours.
    """
    fresh = sorted((v for v in versions if v.version_id not in known), key=lambda v: (v.uploaded_at, v.version_id))
    ours: dict[SurveyKey, StoredVersion] = {}
    for version in fresh:
        if sent.get(version.key) == version.size_bytes:
            ours[version.survey] = version
    own = {version.version_id for version in ours.values()}
    return [
        Meanwhile(version, ours[version.survey], ours_counts=version.uploaded_at <= ours[version.survey].uploaded_at)
        for version in fresh
        if version.survey in ours and version.version_id not in own
    ]
