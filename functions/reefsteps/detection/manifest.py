"""The manifest (``<name>.json``) that conversion writes beside a model and that the runtime obeys."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reefsteps.adaptation import Adaptation
from reefsteps.arrays import BoolArray, IntArray
from reefsteps.errors import InvalidParameterError, UnsupportedModelError
from reefsteps.evaluation import Evaluation
from reefsteps.results import ModelIdentity, Record

FORMAT = 1
MAP_SCALE_SPREAD = 0.25  # maps are taught in views whose scale's logarithm lies within this of 0


@dataclass(frozen=True)
class FileIdentity(Record):
    """A file of the model bucket by content; ``version_id`` is None where the bucket keeps no versions."""

    file: str
    sha256: str
    size_bytes: int
    version_id: str | None = None

    @classmethod
    def of(cls, path: Path, name: str | None = None) -> FileIdentity:
        """Return a file's identity, under another ``name`` if one is given; raises OSError."""
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return cls(name or path.name, digest, path.stat().st_size)


@dataclass(frozen=True)
class VariantAgreement(Record):
    """How a smaller variant's detections compare with the full-precision model on calibration photographs."""

    photos: int
    instances: int  # that full precision finds in them, above score 0.5
    matched_percent: float  # of the full-precision detections, by box IoU above 0.5
    extra_percent: float  # detections that full precision does not have, percent of its detections
    mask_iou_mean: float
    mask_iou_min: float
    score_difference_max: float
    cover_difference_mean_points: float  # covered share of the picture, percentage points, without sign
    cover_difference_max_points: float
    cover_bias_points: float  # the same, with sign: smaller variant minus full precision
    count_difference_percent: float = 0.0  # number of instances above 0.5, variant minus full, percent of full
    small_instances: int = 0  # that full precision finds, smaller than a twentieth of the picture: 5 cm in 1 m
    small_matched_percent: float = 100.0  # of those


@dataclass(frozen=True)
class FrameAgreement(Record):
    """How the corners of a faster variant compare with the full model's, after reframing's refinement."""

    photos: int
    quadrats: int  # photographs in which both found a quadrat
    flips: int  # photographs that only one of the two accepted
    flips_at_margin: int  # of those: the full model's own outcome changes when its mask grows or shrinks by 2 pixels
    within_tight_percent: float  # of the quadrats: every corner within 0.05 % of the side
    corner_difference_max_percent: float  # the largest distance of two corners, percent of the side


@dataclass(frozen=True)
class VariantTrial(Record):
    """A variant that the search has tried."""

    precision: str
    min_size_test: int
    proposals_before: int
    proposals_after: int
    instances_max: int
    layers: tuple[str, ...]  # that are 8-bit, by the beginning of their names
    cpu_s: float  # median of a photograph, on the machine that converted
    times_faster: float  # than the full model, on the same photographs
    size_bytes: int
    accepted: bool
    reason: str | None  # why it was refused, with figures
    agreement: VariantAgreement | None = None
    frame: FrameAgreement | None = None


@dataclass(frozen=True)
class Search(Record):
    """A search that may go on in another process; its trials are the manifest's."""

    full_sha256: str  # of the full model's .onnx
    finished: bool


@dataclass(frozen=True)
class Manifest(Record):
    """What the runtime must know of a converted model."""

    format: int
    name: str
    architecture: str
    classes: tuple[str, ...]
    precision: str  # fp32, fp16 or int8
    min_size_test: int  # the shorter side is resized to this ...
    max_size_test: int  # ... unless the longer side would pass this
    score_threshold: float  # applied inside the graph; a detector cannot return less
    nms_threshold: float
    detections_per_image: int
    mask_threshold: float
    rgb: bool  # the network wants RGB; the zoo's Mask R-CNN models want BGR
    source: FileIdentity  # the operator's .pth
    model: FileIdentity  # the .onnx
    config: str  # the dump's file name, or the named configuration whose values were taken
    converter_version: str
    agreement: VariantAgreement | None = None
    refused_variant: str | None = None  # why a smaller variant that was asked for is not used
    measured: Evaluation | None = None  # from <name>.evaluation.json, if it names this checkpoint
    refused_evaluation: str | None = None  # why that file is not used
    counted: tuple[str, ...] | None = None  # the classes that count as coral (or as the frame); None: all
    notes: tuple[str, ...] = ()  # what an operator should know of this conversion, in sentences
    map_stride_px: int | None = None  # of a model with a map: a cell of it in pixels of the input; None: Mask R-CNN
    adaptation: Adaptation | None = None  # of an adapted model: what it learned from
    frame_agreement: FrameAgreement | None = None  # of a faster variant of a frame model that is used
    trials: tuple[VariantTrial, ...] = ()  # what the search for a faster variant has tried, in its order
    search: Search | None = None  # of which full model the trials are, and whether all have been made

    def counts(self, classes: IntArray) -> BoolArray:
        """Return, for the class indices (N,) of detections, which of them count: (N,) bool."""
        if self.counted is None:
            return np.ones(len(classes), bool)
        return np.isin(classes, [index for index, name in enumerate(self.classes) if name in self.counted])

    @property
    def least_side_px(self) -> int:
        """The shorter side below which a picture shows less detail than the model has learned from.

        Maps are taught in views that are up to a factor of exp(`MAP_SCALE_SPREAD`) smaller than what they look at.
        """
        smallest = 1.0 if self.map_stride_px is None else math.exp(-MAP_SCALE_SPREAD)
        return round(self.min_size_test * smallest)

    @property
    def most_instances(self) -> int | None:
        """How many instances the model can find in a picture; None where they are cut out of a map."""
        return self.detections_per_image if self.map_stride_px is None else None

    @property
    def identity(self) -> ModelIdentity:
        """Which weights these are: goes into results and object metadata."""
        return ModelIdentity(self.name, self.source.sha256)

    def dump(self) -> str:
        """Return the manifest as indented JSON."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def parse(cls, text: str) -> Manifest:
        """Read a manifest; raises UnsupportedModelError when it is damaged or from another generation."""
        try:
            manifest = cls.from_json(json.loads(text))
        except (ValueError, TypeError, InvalidParameterError) as error:
            raise UnsupportedModelError(
                f"The model's manifest cannot be read ({error}). Upload the .pth again to convert it."
            ) from error
        if manifest.format != FORMAT:
            raise UnsupportedModelError(
                f"The manifest of '{manifest.name}' has format {manifest.format}, this release reads {FORMAT}. "
                "Upload the .pth again to convert it."
            )
        return manifest

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Read a manifest file; raises UnsupportedModelError when it is damaged, OSError when it is not there."""
        return cls.parse(path.read_text("utf-8"))
