"""Delete what the pipeline made of photographs that are gone; find the photographs that it was made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reefsteps.derived_objects import derived_from, records
from reefsteps.errors import PhotoNotFoundError
from reefsteps.object_metadata import made_from, maker_of
from reefsteps.originals import Photograph
from reefsteps.precedence import Upload, same_photo
from reefsteps.results import ObjectRef, Source
from reefsteps.run_writer import delete_in_order, head_or_none
from reefsteps.storage import ObjectInfo, Storage
from reefsteps.surveys import SurveyKey
from removal.settings import Settings


def measured_sources(storage: Storage, settings: Settings, survey: SurveyKey) -> list[Upload]:
    """Return the photographs that the steps' objects were made from, each once."""
    sources: list[Upload] = []
    for ref in derived_from(settings, survey.stem):
        info = head_or_none(storage, ref)
        maker = maker_of(info, settings.raw_bucket) if info else None
        if maker:
            sources.append(maker.upload)
    for item in records():
        try:
            record = storage.get_json(item.at(settings, survey.stem))
        except PhotoNotFoundError:
            continue
        sources.append(Source.from_json(record["source"]))
    return [one for n, one in enumerate(sources) if not any(same_photo(one, other) for other in sources[:n])]


def remove_derived(
    storage: Storage,
    settings: Settings,
    survey: SurveyKey,
    gone: Sequence[Upload],
    *,
    is_kept: Callable[[Upload], bool],
    all_gone: bool,
) -> list[ObjectRef]:
    """Delete what was derived from photographs that are gone; returns what was deleted.

    Objects from before the metadata named the run are judged by `gone`, or all deleted.
    """

    def is_left_over(info: ObjectInfo) -> bool:
        maker = maker_of(info, settings.raw_bucket)
        if maker is not None:
            return not is_kept(maker.upload)
        return all_gone or any(made_from(info, source) for source in gone)

    return [ref for ref in derived_from(settings, survey.stem) if delete_in_order(storage, ref, is_left_over)]


def is_current(upload: Upload, current: Sequence[Photograph]) -> bool:
    """Tell whether the photograph is in the raw bucket now."""
    return any(same_photo(upload, photograph) for photograph in current)
