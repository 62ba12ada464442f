"""What a photograph becomes: the one table of the pictures, thumbnails, decisions and records made from it.

To add one, add a row to `DERIVED_OBJECTS`. Removal, relabelling, the page and the local stack's reports read the
table and then include it; docs/how-to/add-a-derived-picture.md has the remaining steps.

Keys are made from a survey's stem alone (`reefsteps.surveys.SurveyKey.stem`), so that any step can run twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto
from pathlib import PurePosixPath

from reefsteps.buckets import Bucket, NamesBuckets
from reefsteps.object_metadata import MODEL, OF_A_RUN
from reefsteps.results import ObjectRef
from reefsteps.steps import Step
from reefsteps.storage import JPEG, JSON, PNG

PAGE = "page"
CONVERSION = "conversion"  # compares a smaller model with the model itself, on pictures that are there
ADAPT = "adapt"  # learns from straightened quadrats with points

_CONTENT_TYPES = {".jpg": JPEG, ".png": PNG, ".json": JSON}


class Kind(IntEnum):
    """What an object is, in the order of deletion and copying: a record comes after the objects that it names."""

    PICTURE = auto()
    THUMBNAIL = auto()
    DECISION = auto()  # a person made it; a run obeys it
    RECORD = auto()  # what a step found, and the photograph that it was made from


@dataclass(frozen=True)
class DerivedObject:
    """A row of the table.

    * ``name``: identifies the row; a report's file has this name;
    * ``bucket`` and ``pattern``: where the object lies, with ``{stem}`` for the survey;
    * ``writer`` and ``readers``: the step that writes it, and the functions that read it. Removal deletes all of
      these objects and relabelling moves them, so neither is named here;
    * ``field``: the field of the writer's record that refers to the object;
    * ``label``: how the page calls a picture that it shows and offers for download;
    * ``thumbnail``: the small form of a picture;
    * ``of_model``: the metadata may name a model;
    * ``by_every_run``: a result without the object is incomplete, so its photograph cannot be relabelled. False for
      a new row, as long as there are photographs that were measured before.
    """

    name: str
    bucket: Bucket
    pattern: str
    kind: Kind
    writer: Step
    readers: tuple[str, ...] = (PAGE,)
    field: str | None = None
    label: str | None = None
    thumbnail: DerivedObject | None = None
    of_model: bool = False
    by_every_run: bool = False

    def key(self, stem: str) -> str:
        """Return the key of a survey's object."""
        return self.pattern.format(stem=stem)

    def at(self, buckets: NamesBuckets, stem: str) -> ObjectRef:
        """Return where a survey's object lies, whether it exists or not."""
        return ObjectRef(buckets.name_of(self.bucket), self.key(stem))

    @property
    def folder(self) -> str:
        """What stands before the stem in each key."""
        return self.pattern.partition("{stem}")[0]

    @property
    def extension(self) -> str:
        """The end of each key, with its dot."""
        return PurePosixPath(self.pattern).suffix

    @property
    def content_type(self) -> str:
        """The MIME type."""
        return _CONTENT_TYPES[self.extension]

    @property
    def metadata(self) -> frozenset[str]:
        """Names of the metadata that the object may have."""
        return OF_A_RUN | {MODEL} if self.of_model else OF_A_RUN

    @property
    def small(self) -> DerivedObject:
        """The thumbnail; the object itself where there is none."""
        return self.thumbnail or self


TREATED_THUMBNAIL = DerivedObject(
    "treated-thumbnail", Bucket.TREATED, "thumbnails/{stem}.jpg", Kind.THUMBNAIL, Step.RESTORATION,
    field="thumbnail", by_every_run=True,
)  # fmt: skip
TREATED_PICTURE = DerivedObject(
    "treated", Bucket.TREATED, "{stem}.jpg", Kind.PICTURE, Step.RESTORATION,
    readers=(Step.REFRAMING, CONVERSION, PAGE),
    field="treated", label="Restored", thumbnail=TREATED_THUMBNAIL, by_every_run=True,
)  # fmt: skip
RESTORATION_RECORD = DerivedObject(
    "restoration-record", Bucket.TREATED, "results/{stem}.json", Kind.RECORD, Step.RESTORATION,
    readers=(Step.REFRAMING, Step.COVERAGE, PAGE), by_every_run=True,
)  # fmt: skip

REFRAMED_THUMBNAIL = DerivedObject(
    "reframed-thumbnail", Bucket.REFRAMED, "thumbnails/{stem}.jpg", Kind.THUMBNAIL, Step.REFRAMING,
    field="thumbnail", of_model=True, by_every_run=True,
)  # fmt: skip
REFRAMED_PICTURE = DerivedObject(
    "reframed", Bucket.REFRAMED, "{stem}.jpg", Kind.PICTURE, Step.REFRAMING,
    readers=(Step.SEGMENTATION, CONVERSION, ADAPT, PAGE),
    field="reframed", label="Reframed", thumbnail=REFRAMED_THUMBNAIL, of_model=True, by_every_run=True,
)  # fmt: skip
CORNERS = DerivedObject(
    "corners", Bucket.REFRAMED, "corners/{stem}.json", Kind.DECISION, Step.REFRAMING,
    readers=(Step.REFRAMING, PAGE),
)  # fmt: skip
NO_QUADRAT = DerivedObject(
    "no-quadrat", Bucket.REFRAMED, "no-quadrat/{stem}.json", Kind.DECISION, Step.REFRAMING,
    readers=(Step.REFRAMING, Step.COVERAGE, PAGE),
)  # fmt: skip
REFRAMING_RECORD = DerivedObject(
    "reframing-record", Bucket.REFRAMED, "results/{stem}.json", Kind.RECORD, Step.REFRAMING,
    readers=(Step.SEGMENTATION, Step.COVERAGE, PAGE), of_model=True, by_every_run=True,
)  # fmt: skip

OVERLAY_THUMBNAIL = DerivedObject(
    "segmented-thumbnail", Bucket.SEGMENTED, "thumbnails/{stem}.jpg", Kind.THUMBNAIL, Step.SEGMENTATION,
    field="thumbnail", of_model=True, by_every_run=True,
)  # fmt: skip
OVERLAY = DerivedObject(
    "segmented", Bucket.SEGMENTED, "{stem}.jpg", Kind.PICTURE, Step.SEGMENTATION,
    field="overlay", label="Segmented", thumbnail=OVERLAY_THUMBNAIL, of_model=True, by_every_run=True,
)  # fmt: skip
MASK = DerivedObject(
    "mask", Bucket.MASKS, "{stem}.png", Kind.PICTURE, Step.SEGMENTATION,
    field="mask", label="Mask", of_model=True, by_every_run=True,
)  # fmt: skip
SEGMENTATION_RECORD = DerivedObject(
    "segmentation-record", Bucket.SEGMENTED, "results/{stem}.json", Kind.RECORD, Step.SEGMENTATION,
    readers=(Step.COVERAGE, PAGE), of_model=True, by_every_run=True,
)  # fmt: skip

DERIVED_OBJECTS = (
    TREATED_PICTURE,
    TREATED_THUMBNAIL,
    RESTORATION_RECORD,
    REFRAMED_PICTURE,
    REFRAMED_THUMBNAIL,
    CORNERS,
    NO_QUADRAT,
    REFRAMING_RECORD,
    OVERLAY,
    OVERLAY_THUMBNAIL,
    MASK,
    SEGMENTATION_RECORD,
)


def all_derived() -> tuple[DerivedObject, ...]:
    """Return every row: pictures and thumbnails first, records last."""
    return tuple(sorted(DERIVED_OBJECTS, key=lambda item: max(item.kind, Kind.THUMBNAIL)))


def derived_from(buckets: NamesBuckets, stem: str) -> tuple[ObjectRef, ...]:
    """Return where everything lies that is made from a survey's photograph, whether it exists or not, records last."""
    return tuple(item.at(buckets, stem) for item in all_derived())


def shown_pictures() -> tuple[DerivedObject, ...]:
    """Return the pictures that the page shows and the local stack writes beside its results."""
    return tuple(item for item in DERIVED_OBJECTS if item.kind is Kind.PICTURE and item.label)


def records() -> tuple[DerivedObject, ...]:
    """Return the rows of the steps' records, in the steps' order."""
    return tuple(item for item in DERIVED_OBJECTS if item.kind is Kind.RECORD)


def decisions() -> tuple[DerivedObject, ...]:
    """Return the rows of what a person decides."""
    return tuple(item for item in DERIVED_OBJECTS if item.kind is Kind.DECISION)


def record_of(step: Step) -> DerivedObject:
    """Return the row of a step's record."""
    return next(item for item in records() if item.writer is step)
