"""Runs the search for the fastest variant whose results are those of the full model (``MODEL_PRECISION=auto``)."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx

from conversion.agreement import INSTANCES_MIN, SEARCHED, compare, rejection_reason
from conversion.config import ModelConfig
from conversion.search import Candidate, Proposals, fastest, search
from conversion.variants import SCOPES, Photos, distinct_scopes, quantised
from reefsteps.arrays import ByteArray
from reefsteps.detection import Detections, Detector, open_detector
from reefsteps.detection.manifest import FileIdentity, FrameAgreement, Manifest, Search, VariantAgreement, VariantTrial
from reefsteps.model_roles import ModelRole
from reefsteps.results import ModelIdentity

PHOTOS_MIN = 16
_FIRST_LOOK = 4  # photographs that a bad variant is recognised by
_HOPELESS_PERCENT = 70.0  # found again at the first look; 95 are needed in the end

Verdict = tuple[VariantAgreement | None, FrameAgreement | None, str | None]
Build = Callable[[ModelConfig], onnx.ModelProto]


@dataclass(frozen=True)
class Earlier:
    """The trials of an unfinished search, and the SHA-256 of the full model that they were compared with."""

    full_sha256: str
    trials: tuple[VariantTrial, ...]


@dataclass(frozen=True)
class Tuned:
    """A model file, the manifest that describes it, and the configuration of its graph."""

    model: Path
    manifest: Manifest
    config: ModelConfig


class CoralJudge:
    """Compares masks, cover and colonies of faster variants with the full model's."""

    def __init__(self, full: Detector, photos: Photos) -> None:
        """Let the full model look at the photographs, (H, W, 3) uint8 BGR each."""
        self._photos = photos
        self._full = _Remembered(full, [full.detect(photo) for photo in photos], photos)

    def __call__(self, variant: Detector) -> tuple[VariantAgreement, str | None]:
        """Return the agreement and why it does not suffice, or None; a bad variant sees the first photographs only."""
        if len(self._photos) > _FIRST_LOOK:
            first = compare(self._full, variant, self._photos[:_FIRST_LOOK])
            if first.instances >= INSTANCES_MIN and first.matched_percent < _HOPELESS_PERCENT:
                return first, rejection_reason(first, SEARCHED)
        agreement = compare(self._full, variant, self._photos)
        return agreement, rejection_reason(agreement, SEARCHED)


def judge_for(role: ModelRole, full: Detector, photos: Photos) -> Callable[[Detector], Verdict]:
    """Return what judges the variants of a model of that role."""
    if role is ModelRole.CORAL:
        corals = CoralJudge(full, photos)

        def judge_corals(variant: Detector) -> Verdict:
            agreement, reason = corals(variant)
            return agreement, None, reason

        return judge_corals
    from conversion.frame_judging import FrameJudge  # OpenCV and reframing: functions that only build graphs lack them

    frames = FrameJudge(full, photos)

    def judge_frames(variant: Detector) -> Verdict:
        agreement, reason = frames(variant)
        return None, agreement, reason

    return judge_frames


def tuned(
    exact: Tuned,
    build: Build,
    role: ModelRole,
    photos: Photos,
    *,
    threads: int | None = None,
    time_limit_s: float | None = None,
    earlier: Earlier | None = None,
) -> Tuned:
    """Return the fastest variant with the full model's results, else the full model; its manifest has the trials.

    ``exact`` is the full model, beside whose file variants are written. ``build`` makes its graph for another
    configuration. An unfinished search goes on where its ``earlier`` trials end. No further trial is begun after
    ``time_limit_s``, but one is always made. Then the fastest so far is taken, and ``search.finished`` is False.
    """
    if len(photos) < PHOTOS_MIN:
        reason = f"auto: {len(photos)} photographs to judge by, {PHOTOS_MIN} are needed."
        return dataclasses.replace(exact, manifest=dataclasses.replace(exact.manifest, refused_variant=reason))
    started = time.monotonic()
    files = _Files(exact, build, photos)
    full = Candidate(exact.manifest.min_size_test, _proposals(exact))
    clocked = _Clocked(open_detector(exact.model, exact.manifest, threads))
    judge = judge_for(role, clocked, photos)
    full_cpu_s = clocked.median_cpu_s

    full_sha256 = exact.manifest.model.sha256
    other_model = earlier is not None and earlier.full_sha256 != full_sha256
    known = iter(earlier.trials if earlier and not other_model else ())
    made = 0
    stopped = False

    def attempt(candidate: Candidate) -> VariantTrial:
        nonlocal made
        before = next(known, None)
        if before is not None:
            return before
        made += 1
        variant = files.write(candidate)
        detector = _Clocked(open_detector(variant.model, variant.manifest, threads))
        agreement, frame, reason = judge(detector)
        proposals = candidate.proposals
        return VariantTrial(
            precision=candidate.precision,
            min_size_test=candidate.side_px,
            proposals_before=proposals.before_suppression,
            proposals_after=proposals.after_suppression,
            instances_max=proposals.instances,
            layers=() if candidate.layers is None else SCOPES[candidate.layers],
            cpu_s=round(detector.median_cpu_s, 4),
            times_faster=round(full_cpu_s / detector.median_cpu_s, 3),
            size_bytes=variant.manifest.model.size_bytes,
            accepted=reason is None,
            reason=reason,
            agreement=agreement,
            frame=frame,
        )

    def go_on() -> bool:
        nonlocal stopped
        stopped = made > 0 and time_limit_s is not None and time.monotonic() - started >= time_limit_s
        return not stopped

    trials = search(full, role, attempt, distinct_scopes(exact.model), go_on)
    every = tuple(trial for _, trial in trials)
    best = fastest(trials)
    state = Search(full_sha256, finished=not stopped or other_model)
    if best is None:
        reason = f"auto: none of {len(every)} variants is faster with the same results."
        full_manifest = dataclasses.replace(exact.manifest, refused_variant=reason, trials=every, search=state)
        return dataclasses.replace(exact, manifest=full_manifest)
    chosen = files.write(best[0])
    said = dataclasses.replace(
        chosen.manifest, agreement=best[1].agreement, frame_agreement=best[1].frame, trials=every, search=state
    )
    return dataclasses.replace(chosen, manifest=said)


def _proposals(model: Tuned) -> Proposals:
    """Return the model's own; one whose cover comes from a map has none, so that there are no fewer to try."""
    config = model.config
    if model.manifest.map_stride_px is not None:
        return Proposals(0, 0, config.detections_per_image)
    return Proposals(config.rpn_pre_nms, config.rpn_post_nms, config.detections_per_image)


@dataclass
class _Files:
    """Writes the models of candidates. Graphs differ by their proposals; sizes are in the manifest alone."""

    exact: Tuned
    build: Build
    photos: Photos
    _graphs: dict[Proposals, Path] = field(default_factory=dict)

    def write(self, candidate: Candidate) -> Tuned:
        """Return the candidate's model. The next call overwrites the file of an 8-bit one."""
        proposals = candidate.proposals
        built = dataclasses.replace(
            self.exact.config,
            rpn_pre_nms=proposals.before_suppression,
            rpn_post_nms=proposals.after_suppression,
            detections_per_image=proposals.instances,
        )
        path = self._graph(proposals, built)
        own = self.exact.manifest
        described = dataclasses.replace(
            own,
            precision=candidate.precision,
            min_size_test=candidate.side_px,
            max_size_test=round(own.max_size_test * candidate.side_px / own.min_size_test),
            detections_per_image=proposals.instances,
        )
        if candidate.layers is not None:
            smaller = path.with_name("smaller.onnx")
            smaller.unlink(missing_ok=True)  # sessions map their file: it may be replaced, but not written to
            quantised(path, smaller, described, self.photos, SCOPES[candidate.layers])
            path = smaller
        return Tuned(path, dataclasses.replace(described, model=FileIdentity.of(path, own.model.file)), built)

    def _graph(self, proposals: Proposals, built: ModelConfig) -> Path:
        if proposals == _proposals(self.exact):
            return self.exact.model
        if proposals not in self._graphs:
            path = self.exact.model.with_name(f"proposals-{len(self._graphs)}.onnx")
            onnx.save(self.build(built), str(path))
            self._graphs[proposals] = path
        return self._graphs[proposals]


class _Clocked:
    """A detector that notes the CPU seconds of each photograph: they say more than the clock on a busy machine."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._cpu_s: list[float] = []

    @property
    def manifest(self) -> Manifest:
        return self._detector.manifest

    @property
    def identity(self) -> ModelIdentity:
        return self._detector.identity

    @property
    def median_cpu_s(self) -> float:
        return max(float(np.median(self._cpu_s)), 1e-6)

    def detect(self, image_bgr: ByteArray, min_score: float = 0.0) -> Detections:
        before_s = time.process_time()
        found = self._detector.detect(image_bgr, min_score)
        self._cpu_s.append(time.process_time() - before_s)
        return found


class _Remembered:
    """The full model, which looks at each photograph once for all variants."""

    def __init__(self, full: Detector, found: list[Detections], photos: Photos) -> None:
        self._full = full
        self._found = {id(photo): each for photo, each in zip(photos, found, strict=True)}

    @property
    def manifest(self) -> Manifest:
        return self._full.manifest

    @property
    def identity(self) -> ModelIdentity:
        return self._full.identity

    def detect(self, image_bgr: ByteArray, min_score: float = 0.0) -> Detections:
        return self._found[id(image_bgr)].above(min_score)
