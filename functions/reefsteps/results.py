"""The records that steps exchange: small frozen dataclasses that travel as JSON through the state machine.

Coordinates are pixels with the origin at the outer corner of the top-left pixel, so the centre of that pixel is
(0.5, 0.5). Restoration never changes geometry. The corners found by reframing are therefore valid for the treated
picture and for the original after its EXIF orientation.
"""

from __future__ import annotations

import dataclasses
import math
import reprlib
import types
import typing
from dataclasses import dataclass
from typing import Any, Self

from reefsteps.errors import InvalidParameterError
from reefsteps.quadrat_size import QuadratSize

Point = tuple[float, float]


class Record:
    """A frozen dataclass that becomes JSON and comes back (unknown keys are ignored, missing ones refused)."""

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain dicts, lists, strings, numbers and None."""
        return {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Build the record; raises InvalidParameterError naming what is missing, or of another type."""
        hints = typing.get_type_hints(cls)
        if not isinstance(data, dict):
            raise InvalidParameterError(f"{cls.__name__} is {reprlib.repr(data)}, not a record.")
        values: dict[str, Any] = {}
        for field in dataclasses.fields(cls):  # type: ignore[arg-type]
            if field.name in data:
                values[field.name] = _typed(hints[field.name], data[field.name], f"{cls.__name__}.{field.name}")
            elif field.default is dataclasses.MISSING:
                raise InvalidParameterError(f"{cls.__name__} lacks '{field.name}'.")
        return cls(**values)


@dataclass(frozen=True)
class ObjectRef(Record):
    """An S3 object, by version where the bucket keeps versions."""

    bucket: str
    key: str
    version_id: str | None = None


@dataclass(frozen=True)
class SurveyRef(Record):
    """Which quadrat on which island in which year: the primary key of a coverage row."""

    year: int
    island: str
    location: int


@dataclass(frozen=True)
class Source(Record):
    """The original photograph as uploaded; sizes after EXIF orientation."""

    image: ObjectRef
    etag: str
    uploaded_at: str  # ISO 8601, UTC
    sequencer: str | None  # S3's order of events on one key; None when started by hand
    image_format: str  # JPEG, PNG, TIFF, NEF, ...
    width_px: int
    height_px: int
    captured_at: str | None = None  # ISO 8601, the camera's clock
    camera: str | None = None
    original_name: str | None = None  # of the file before it was given a survey's key
    colour_encoding: str | None = None  # what the file says of its colours, and whether they were converted to sRGB
    grey: bool = False  # the photograph holds no colours
    sha256: str | None = None  # of the file; None in records older than the field


@dataclass(frozen=True)
class ModelIdentity(Record):
    """Which weights produced a result: the checkpoint's name and the sha256 of the operator's ``.pth``."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Trust(Record):
    """How far a model's figures may be trusted: ``state`` is one of `reefsteps.trust`, ``sentence`` is for people."""

    state: str
    sentence: str
    error_points: float | None = None  # mean absolute error of cover on real photographs; None where nobody measured it

    @property
    def trusted(self) -> bool:
        """Say whether figures may be shown without a mark."""
        return self.state == "trusted"


@dataclass(frozen=True)
class RestorationResult(Record):
    """What restoration did; ``method`` is what was asked for, ``applied`` says whether it was used."""

    survey: SurveyRef
    source: Source
    treated: ObjectRef
    thumbnail: ObjectRef
    method: str
    applied: bool
    side_cm: float  # a rectangle's shorter side
    elapsed_s: float
    skipped_because: str | None = None
    pipeline_version: str | None = None  # of the code that ran; None in records older than the field
    height_cm: float | None = None  # a rectangle's longer side; None for a square
    # Names of `derived_objects.decisions` that relabelling copies after the photograph: reframing waits for them.
    decisions_follow: tuple[str, ...] = ()

    @property
    def size(self) -> QuadratSize:
        """The quadrat's size, as it was given."""
        return QuadratSize.of(self.side_cm, self.height_cm)


@dataclass(frozen=True)
class ReframingResult(Record):
    """Where the inner edge of the frame is, and the picture cut from it, which has the frame's shape."""

    reframed: ObjectRef
    thumbnail: ObjectRef
    corners_px: tuple[Point, ...]  # four, clockwise from the corner that is top-left in the photograph
    manual: bool
    confidence: float  # 0 to 1
    residual_px: float | None  # RMS distance of edge points to the fit, source pixels; None when manual
    uncertainty_percent: float | None  # expected largest corner error, percent of the side; None when manual
    strings_used: bool
    side_cm: float  # the frame's length along the top of the reframed picture
    side_px: int  # the reframed picture's width
    px_per_cm: float  # of the reframed picture, both ways
    elapsed_s: float
    model: ModelIdentity | None = None  # None when the corners are manual
    pipeline_version: str | None = None
    # Share of the top, right, bottom and left side on which the edge was measured; None when manual and in old records.
    visible_share: tuple[float, ...] | None = None
    partly_visible: bool = False  # a corner outside the picture, or less than half of a side seen
    # Outlines that a person has left out of the measurement, in the pixels of `corners_px`; only with manual corners.
    excluded_px: tuple[tuple[Point, ...], ...] = ()
    decided_at: str | None = None  # start of the run in which a person set the corners; None when nobody has
    height_cm: float | None = None  # a rectangle's other length; None for a square
    height_px: int | None = None  # the reframed picture's height; None in old records, whose pictures are square
    string_cells: tuple[int, int] | None = None  # of the string grid, along the top and down; None: 10 x 10, or unused
    lens_term: float = (
        0.0  # of `reframing.plane.view.PlaneModel`; 0 for manual corners and in records older than the field
    )

    @property
    def size(self) -> QuadratSize:
        """The quadrat's size."""
        return QuadratSize.of(self.side_cm, self.height_cm)

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the reframed picture."""
        return self.side_px, self.side_px if self.height_px is None else self.height_px


@dataclass(frozen=True)
class Colony(Record):
    """One coral instance in the reframed picture."""

    area_cm2: float
    score: float
    box_px: tuple[float, float, float, float]  # x0, y0, x1, y1
    cut_by_frame: bool  # touches the crop's border or an excluded area, so its area is a lower bound


@dataclass(frozen=True)
class SegmentationResult(Record):
    """Percent cover of the inner area (without what a person has left out), and the colonies behind it."""

    overlay: ObjectRef
    mask: ObjectRef
    thumbnail: ObjectRef
    cover_percent: float  # 0.00 to 100.00
    colony_count: int
    colonies: tuple[Colony, ...]
    score_threshold: float
    model: ModelIdentity
    elapsed_s: float
    strings_percent: float | None = None  # share of the area judged by its surroundings because a string hides it
    pipeline_version: str | None = None
    excluded_percent: float | None = None  # share of the inner area that a person has left out; None: nothing
    trust: Trust | None = None  # of the model, when it measured; None in records older than the field
    to_be_looked_at: tuple[str, ...] = ()  # why the picture is unlike what the model knows, in sentences
    low_resolution: bool = False  # the reframed picture is smaller than the model's input and was enlarged
    learned: bool | None = None  # the model learned from the photograph; None where the model does not say from which
    # Cover of a photograph that the model learned from, by a model fitted without it; None where there is none.
    left_out_cover_percent: float | None = None


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def _typed(hint: Any, value: Any, name: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        options = [arg for arg in args if arg is not type(None)]
        if value is None and len(options) < len(args):
            return None
        return value if str in options and isinstance(value, str) else _typed(options[0], value, name)
    if origin is tuple:
        repeated = args[-1] is Ellipsis
        if not isinstance(value, list | tuple) or not (repeated or len(value) == len(args)):
            raise _wrong(name, value, "a list" if repeated else f"a list of {len(args)}")
        kinds = [args[0]] * len(value) if repeated else args
        return tuple(_typed(kind, item, name) for kind, item in zip(kinds, value, strict=True))
    if isinstance(hint, type) and issubclass(hint, Record):
        return hint.from_json(value)
    if hint is float:
        return _number(value, name)
    if hint in (str, int, bool) and not (isinstance(value, hint) and isinstance(value, bool) == (hint is bool)):
        raise _wrong(name, value, {str: "a text", int: "a whole number", bool: "true or false"}[hint])
    return value


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(name, value, "a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _wrong(name, value, "a number")
    return number


def _wrong(name: str, value: Any, wanted: str) -> InvalidParameterError:
    return InvalidParameterError(f"{name} is {reprlib.repr(value)}, not {wanted}.")
