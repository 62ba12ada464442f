"""The originals in the raw bucket and what was derived from them, one campaign at a time: no bucket is listed whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath

import streamlit as st

import reefsteps.originals
from frontend.domain.arrivals import StoredVersion
from frontend.domain.upload_plan import PresentObject
from frontend.services.aws import storage
from frontend.settings import settings
from reefsteps.derived_objects import REFRAMING_RECORD, RESTORATION_RECORD, all_derived
from reefsteps.errors import PhotoNotFoundError
from reefsteps.originals import campaign_prefix
from reefsteps.precedence import same_photo
from reefsteps.quadrat_size import QuadratSize
from reefsteps.results import ObjectRef, Source
from reefsteps.storage import ObjectInfo
from reefsteps.surveys import SurveyKey, key_candidates, survey_of

LONGEST_KEY_BYTES = 1024  # S3 refuses longer ones as a bad request, not as absent


@st.cache_data(ttl=15, max_entries=500, show_spinner=False)
def originals(year: int, island: str) -> dict[SurveyKey, PresentObject]:
    """Return the photographs of one campaign that the raw bucket holds, by position, however their keys are spelled.

    Where one position has several, the newest comes first and the others are named with it.
    """
    there = reefsteps.originals.originals(storage(), settings().raw_bucket, year, island)
    return {survey: _present(infos) for survey, infos in there.items()}


def _present(infos: Sequence[ObjectInfo]) -> PresentObject:
    newest, *others = infos
    return PresentObject(newest.ref.key, newest.size_bytes, tuple(info.ref.key for info in others), newest.etag)


def originals_of(campaigns: Iterable[tuple[int, str]]) -> dict[SurveyKey, PresentObject]:
    """Return the photographs of several campaigns."""
    found: dict[SurveyKey, PresentObject] = {}
    for year, island in sorted(campaigns):
        found |= originals(year, island)
    return found


def versions_of(campaigns: Iterable[tuple[int, str]]) -> list[StoredVersion]:
    """Return every version of the photographs of several campaigns, as S3 has them now (never kept)."""
    client, wanted = storage().client, set(campaigns)
    found = []
    for year in sorted({year for year, _ in wanted}):  # an island may be spelled in several ways
        pages = client.get_paginator("list_object_versions").paginate(Bucket=settings().raw_bucket, Prefix=f"{year}-")
        for item in (item for page in pages for item in page.get("Versions", [])):
            survey = survey_of(item["Key"])
            if survey is not None and (survey.year, survey.island) in wanted:
                found.append(StoredVersion(survey, item["Key"], item["VersionId"], item["Size"], item["LastModified"]))
    return found


@dataclass(frozen=True)
class Trace:
    """An object derived from a photograph."""

    bucket: str
    key: str


def traces(surveys: Iterable[SurveyKey]) -> list[Trace]:
    """Return every derived object of these photographs that exists now."""
    wanted = {survey.stem for survey in surveys}
    prefixes = {campaign_prefix(int(stem[:4]), stem[5:].rpartition("-")[0]) for stem in wanted}
    if len(wanted) == 1:
        prefixes = {f"{next(iter(wanted))}."}
    keys: dict[tuple[str, str], set[str]] = {}
    for item in all_derived():
        place = settings().name_of(item.bucket), item.folder
        keys.setdefault(place, set()).update(map(item.key, wanted))
    places = [(bucket, folder + prefix, of) for (bucket, folder), of in keys.items() for prefix in sorted(prefixes)]

    def listed(place: tuple[str, str, set[str]]) -> list[Trace]:
        bucket, prefix, of_wanted = place
        there = (info.ref.key for info in storage().list_exactly(bucket, prefix))
        return [Trace(bucket, key) for key in there if key in of_wanted]

    with ThreadPoolExecutor(8) as pool:
        return [trace for found in pool.map(listed, places) for trace in found]


def delete_original(key: str) -> None:
    """Delete a photograph. The bucket keeps versions, so this sets a delete marker and the photograph can be recovered.

    S3's event about it makes the removal function delete the derived pictures and the row.
    """
    storage().delete(ObjectRef(settings().raw_bucket, key))


@st.cache_data(ttl=15, max_entries=500, show_spinner=False)
def restored_from(survey: SurveyKey) -> Source | None:
    """Return the photograph that the survey's restored picture was made from; None where there is no picture."""
    try:
        record = storage().get_json(RESTORATION_RECORD.at(settings(), survey.stem))
        return Source.from_json(record["source"])
    except (PhotoNotFoundError, KeyError):
        return None


@st.cache_data(ttl=15, max_entries=500, show_spinner=False)
def quadrat_size(survey: SurveyKey) -> QuadratSize | None:
    """Return the size that the quadrat of the survey's restored picture was given; None where there is no picture."""
    try:
        record = storage().get_json(RESTORATION_RECORD.at(settings(), survey.stem))
        return QuadratSize.of(record["side_cm"], record.get("height_cm"))
    except (PhotoNotFoundError, KeyError):
        return None


@st.cache_data(ttl=15, max_entries=500, show_spinner=False)
def is_current(key: str, version_id: str | None, etag: str) -> bool:
    """Return whether this version of the photograph is the one that the raw bucket holds."""
    try:
        info = storage().head(ObjectRef(settings().raw_bucket, key))
    except PhotoNotFoundError:
        return False
    return info.etag == etag and (version_id is None or info.ref.version_id == version_id)


@dataclass(frozen=True)
class CornersByHand:
    """Four corners and the outlines of hidden areas, in the restored picture's pixels."""

    corners_px: list[list[float]]
    excluded_px: list[list[list[float]]]


def corners(survey: SurveyKey, source: Source) -> tuple[CornersByHand | None, bool]:
    """Return the corners of this version of the photograph, and whether they were set by hand; None if unknown."""
    try:
        record = storage().get_json(REFRAMING_RECORD.at(settings(), survey.stem))
        if not same_photo(Source.from_json(record["source"]), source):
            return None, False
    except (PhotoNotFoundError, KeyError):
        return None, False
    return CornersByHand(record["corners_px"], record.get("excluded_px", [])), bool(record["manual"])


@st.cache_data(ttl=15, max_entries=2000, show_spinner=False)
def exists(bucket: str, key: str) -> bool:
    """Return whether the bucket holds the object."""
    try:
        storage().head(ObjectRef(bucket, key))
    except PhotoNotFoundError:
        return False
    return True


def find_original(key: str) -> str | None:
    """Return the key under which the raw bucket holds the photograph that an event's or a person's key means, or None.

    The literal key comes first: a deletion must hit what was named. Last come other spellings of the same survey with
    the same extension.
    """
    for candidate in reversed(key_candidates(key)):
        fits = 0 < len(candidate.encode(errors="replace")) <= LONGEST_KEY_BYTES
        if fits and exists(settings().raw_bucket, candidate):
            return candidate
    survey = survey_of(key)
    present = originals(survey.year, survey.island).get(survey) if survey else None
    extension = PurePosixPath(key).suffix.lower()
    return next((k for k in (present.keys if present else ()) if PurePosixPath(k).suffix.lower() == extension), None)


def forget() -> None:
    """Drop what was kept about the buckets, because something was sent or deleted."""
    for kept in (originals, restored_from, is_current, exists):
        kept.clear()
