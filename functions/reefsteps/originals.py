"""The photographs of a campaign (an island in a year) in the raw bucket, however their keys are spelled.

People and other programs write to the raw bucket, too. One quadrat may lie there under another apostrophe, with
separate accents, ``+`` for a space, leading zeros or another extension. Page, commands and removal all look here.
"""

from __future__ import annotations

from reefsteps.storage import ObjectInfo, Storage
from reefsteps.surveys import SurveyKey, survey_of


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
