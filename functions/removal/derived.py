"""What the pipeline derived from photographs of a survey, and which of them still exist."""

from __future__ import annotations

from collections.abc import Sequence

from reefsteps.buckets import Photograph, made_from, photograph
from reefsteps.errors import PhotoNotFoundError
from reefsteps.keys import record_key
from reefsteps.precedence import Upload, same_photo
from reefsteps.results import ObjectRef, Source
from reefsteps.storage import Storage
from reefsteps.surveys import SurveyKey
from removal.settings import Settings


def measured_sources(storage: Storage, settings: Settings, survey: SurveyKey) -> list[Source]:
    """Return the photographs that the steps' records were made from, each once."""
    sources: list[Source] = []
    for bucket in settings.with_records:
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
    for ref in settings.derived(survey.stem):
        try:
            info = storage.head(ref)
        except PhotoNotFoundError:
            continue
        if all_gone or any(made_from(info, source) for source in gone):
            storage.delete(ref)
            removed.append(ref)
    return removed


def is_current(upload: Upload, current: Sequence[Photograph]) -> bool:
    """Tell whether the photograph is in the raw bucket now."""
    return any(same_photo(upload, photograph) for photograph in current)


def is_there(storage: Storage, upload: Upload) -> bool:
    """Ask S3 whether the photograph is the current object under its key at this moment."""
    try:
        info = storage.head(ObjectRef(upload.image.bucket, upload.image.key))
    except PhotoNotFoundError:
        return False
    return same_photo(upload, photograph(info))
