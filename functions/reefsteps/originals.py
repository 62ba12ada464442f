"""The photographs in the raw bucket by campaign (an island in a year), however their keys are spelled.

People and other programs write to the raw bucket, too. One quadrat may lie there under another apostrophe, with
separate accents, ``+`` for a space, leading zeros or another extension. Page, commands and removal all look here.
"""

from __future__ import annotations

from dataclasses import dataclass

from reefsteps.errors import PhotoNotFoundError
from reefsteps.results import ObjectRef
from reefsteps.storage import ObjectInfo, Storage
from reefsteps.surveys import SurveyKey, survey_of


@dataclass(frozen=True)
class Photograph:
    """A photograph that is in the raw bucket now."""

    image: ObjectRef
    etag: str
    uploaded_at: str
    sequencer: str | None = None


def photograph(info: ObjectInfo) -> Photograph:
    """Return an object of the raw bucket as a photograph."""
    return Photograph(info.ref, info.etag, info.uploaded_at)


def campaign_prefix(year: int, island: str) -> str:
    """Return what the keys of a campaign's photographs begin with."""
    return f"{year}-{island}-"


def originals(storage: Storage, raw_bucket: str, year: int, island: str) -> dict[SurveyKey, tuple[ObjectInfo, ...]]:
    """Return the photographs of a campaign by survey, the newest of each first, without metadata."""
    found: dict[SurveyKey, list[ObjectInfo]] = {}
    for info in storage.list(raw_bucket, campaign_prefix(year, island)):
        survey = survey_of(info.ref.key)
        if survey is not None and (survey.year, survey.island) == (year, island):
            found.setdefault(survey, []).append(info)
    newest_first = {survey: sorted(infos, key=lambda info: info.last_modified) for survey, infos in found.items()}
    return {survey: tuple(reversed(infos)) for survey, infos in newest_first.items()}


def current_photographs(storage: Storage, raw_bucket: str, survey: SurveyKey) -> list[Photograph]:
    """Return the survey's photographs with any extension, leading zeros or spelling of the island."""
    found = []
    for listed in originals(storage, raw_bucket, survey.year, survey.island).get(survey, ()):
        try:
            found.append(photograph(storage.head(listed.ref)))
        except PhotoNotFoundError:
            continue  # deleted since it was listed
    return found
