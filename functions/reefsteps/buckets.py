"""The buckets of photographs and of all that is made from one: the one list of what follows a photograph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from reefsteps.errors import PhotoNotFoundError
from reefsteps.keys import DECISION_KEYS, mask_key, picture_key, record_key, thumbnail_key
from reefsteps.originals import originals
from reefsteps.precedence import Upload
from reefsteps.results import ObjectRef
from reefsteps.settings import Environment
from reefsteps.storage import ObjectInfo, Storage
from reefsteps.surveys import SurveyKey


@dataclass(frozen=True)
class Buckets:
    """The originals' bucket and those of what is derived from them."""

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

    @property
    def with_records(self) -> tuple[str, str, str]:
        """The buckets of the steps that leave a record beside their picture."""
        return self.treated_bucket, self.reframed_bucket, self.segmented_bucket

    def derived(self, stem: str) -> tuple[ObjectRef, ...]:
        """Return where everything lies that is made from a survey's photograph, whether it exists or not.

        Removal deletes these and relabelling moves them, pictures before the records that name them. What a new
        feature makes of a photograph belongs here, and follows it from then on.
        """
        keys = picture_key(stem), thumbnail_key(stem)
        pictures = [ObjectRef(bucket, key) for bucket in self.with_records for key in keys]
        records = [ObjectRef(bucket, record_key(stem)) for bucket in self.with_records]
        mask = ObjectRef(self.masks_bucket, mask_key(stem))
        return *pictures, mask, *self.set_by_hand(stem), *records

    def set_by_hand(self, stem: str) -> tuple[ObjectRef, ...]:
        """Return where a person's decisions lie; a run uses them, and does not make them."""
        return tuple(ObjectRef(self.reframed_bucket, key(stem)) for key in DECISION_KEYS.values())


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


def made_from(info: ObjectInfo, photo: Upload) -> bool:
    """Tell by its metadata whether an object was made from this version of the photograph."""
    version = info.metadata.get("source-version-id", "null")
    if version not in ("", "null"):
        return version == photo.image.version_id
    return info.metadata.get("source-etag") == photo.etag


def current_photographs(storage: Storage, raw_bucket: str, survey: SurveyKey) -> list[Photograph]:
    """Return the survey's photographs with any extension, leading zeros or spelling of the island."""
    found = []
    for listed in originals(storage, raw_bucket, survey.year, survey.island).get(survey, ()):
        try:
            found.append(photograph(storage.head(listed.ref)))
        except PhotoNotFoundError:
            continue  # deleted since it was listed
    return found
