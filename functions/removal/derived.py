"""What the pipeline derived from photographs of a survey, and which of them still exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reefsteps.errors import PhotoNotFoundError
from reefsteps.keys import corners_key, mask_key, no_quadrat_key, picture_key, record_key, thumbnail_key
from reefsteps.originals import originals
from reefsteps.precedence import Upload, same_photo
from reefsteps.results import ObjectRef, Source
from reefsteps.storage import ObjectInfo, Storage
from reefsteps.surveys import SurveyKey
from removal.settings import Settings


@dataclass(frozen=True)
class Photograph:
    """A photograph that is in the raw bucket now."""

    image: ObjectRef
    etag: str
    uploaded_at: str
    sequencer: str | None = None


def current_photographs(storage: Storage, raw_bucket: str, survey: SurveyKey) -> list[Photograph]:
    """Return the survey's photographs, whatever their extension, leading zeros or spelling of the island."""
    found = []
    for listed in originals(storage, raw_bucket, survey.year, survey.island).get(survey, ()):
        try:
            info = storage.head(listed.ref)
        except PhotoNotFoundError:
            continue  # deleted since it was listed
        found.append(Photograph(info.ref, info.etag, info.uploaded_at))
    return found


def measured_sources(storage: Storage, settings: Settings, survey: SurveyKey) -> list[Source]:
    """Return the photographs that the steps' records were made from, each once."""
    sources: list[Source] = []
    for bucket in (settings.treated_bucket, settings.reframed_bucket, settings.segmented_bucket):
        try:
            record = storage.get_json(ObjectRef(bucket, record_key(survey.stem)))
        except PhotoNotFoundError:
            continue
        source = Source.from_json(record["source"])
        if source not in sources:
            sources.append(source)
    return sources


def remove_derived(
    storage: Storage, settings: Settings, survey: SurveyKey, gone: Sequence[Source], *, all_gone: bool
) -> list[ObjectRef]:
    """Delete what was derived from the photographs that are gone, or everything; returns what was deleted."""
    removed = []
    for ref in _derived(settings, survey.stem):
        try:
            info = storage.head(ref)
        except PhotoNotFoundError:
            continue
        if all_gone or any(_made_from(info, source) for source in gone):
            storage.delete(ref)
            removed.append(ref)
    return removed


def is_current(upload: Upload, current: Sequence[Photograph]) -> bool:
    """Tell whether the photograph is in the raw bucket now."""
    return any(same_photo(upload, photograph) for photograph in current)


def _derived(settings: Settings, stem: str) -> list[ObjectRef]:
    refs = [ObjectRef(settings.masks_bucket, mask_key(stem))]
    refs += [ObjectRef(settings.reframed_bucket, key(stem)) for key in (corners_key, no_quadrat_key)]
    for bucket in (settings.treated_bucket, settings.reframed_bucket, settings.segmented_bucket):
        refs += [ObjectRef(bucket, key(stem)) for key in (picture_key, thumbnail_key, record_key)]
    return refs


def _made_from(info: ObjectInfo, source: Source) -> bool:
    """Tell by its metadata; corners set by hand carry none and stay for the photograph that is left."""
    version = info.metadata.get("source-version-id", "null")
    if version not in ("", "null"):
        return version == source.image.version_id
    return info.metadata.get("source-etag") == source.etag
