"""Whether a faster frame model leads to the same corners: reframing's own refinement decides.

The quadrat is one large object, and reframing refines its corners on the picture. So masks need not agree, but what
comes of them must.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from conversion.variants import Photos
from reefsteps.arrays import BoolArray, ByteArray, Float64Array
from reefsteps.detection import Detector
from reefsteps.detection.manifest import FrameAgreement
from reefsteps.errors import QuadratNotFoundError
from reframing.plane.geometry import side_lengths
from reframing.quadrat import find_quadrat

SCORE = 0.5  # of template.yaml's FrameScoreThreshold, where nobody has changed it
TIGHT_PERCENT, TIGHT_SHARE_PERCENT = 0.05, 95.0  # of the side; refinement itself is good to 0.07
LOOSE_PERCENT = 0.3
QUADRATS_MIN = 8  # fewer say too little
_MARGIN_PX = 2


@dataclass(frozen=True, eq=False)
class _Photo:
    """A photograph, with what the full model sees in it."""

    picture_bgr: ByteArray
    mask: BoolArray

    @cached_property
    def corners_px(self) -> Float64Array | None:
        return corners_px(self.picture_bgr, self.mask)

    @cached_property
    def lies_at_margin(self) -> bool:
        """Whether the full model's outcome changes when its mask grows or shrinks by 2 pixels."""
        kernel = np.ones((2 * _MARGIN_PX + 1,) * 2, np.uint8)
        mask = self.mask.astype(np.uint8)
        others = (cv2.dilate(mask, kernel), cv2.erode(mask, kernel))
        found = self.corners_px is not None
        return any((corners_px(self.picture_bgr, other > 0) is not None) != found for other in others)


class FrameJudge:
    """Compares faster variants with the full model on the same photographs."""

    def __init__(self, full: Detector, photos: Photos) -> None:
        """Let the full model look at the photographs, (H, W, 3) uint8 BGR each."""
        self._photos = [_Photo(photo, _mask(full, photo)) for photo in photos]

    def __call__(self, variant: Detector) -> tuple[FrameAgreement, str | None]:
        """Return the agreement and why it does not suffice, or None.

        The look ends with the photograph that decides against the variant.
        """
        differences: list[float] = []
        flips = at_margin = 0
        agreement = _agreement(0, differences, flips, at_margin)
        for count, photo in enumerate(self._photos, start=1):
            found = corners_px(photo.picture_bgr, _mask(variant, photo.picture_bgr))
            if found is not None and photo.corners_px is not None:
                differences.append(difference_percent(photo.corners_px, found))
            elif (found is None) != (photo.corners_px is None):
                flips += 1
                at_margin += photo.lies_at_margin
            agreement = _agreement(count, differences, flips, at_margin)
            if hopeless(agreement, len(self._photos)):
                break
        return agreement, rejection_reason(agreement)


def hopeless(agreement: FrameAgreement, photos: int) -> bool:
    """Say whether no further photograph, of ``photos`` altogether, can make the variant acceptable."""
    apart = agreement.quadrats * (1 - agreement.within_tight_percent / 100)
    return (
        agreement.corner_difference_max_percent > LOOSE_PERCENT
        or agreement.flips > agreement.flips_at_margin
        or apart > photos * (1 - TIGHT_SHARE_PERCENT / 100) + 1e-6
    )


def rejection_reason(agreement: FrameAgreement) -> str | None:
    """Return why the variant is not good enough, with figures, or None."""
    off_margin = agreement.flips - agreement.flips_at_margin
    checks = (
        (off_margin == 0, f"{off_margin} photographs are accepted by one of the two models only"),
        (
            agreement.corner_difference_max_percent <= LOOSE_PERCENT,
            f"a corner moves by {agreement.corner_difference_max_percent:.2f} % of the side",
        ),
        (
            agreement.within_tight_percent >= TIGHT_SHARE_PERCENT,
            f"the corners of only {agreement.within_tight_percent:.0f} % stay within {TIGHT_PERCENT} % of the side",
        ),
    )
    failed = [text for passed, text in checks if not passed]
    if not failed and agreement.quadrats < QUADRATS_MIN:
        failed = [f"only {agreement.quadrats} quadrats to judge it by, {QUADRATS_MIN} are needed"]
    return "; ".join(failed) + f" ({agreement.photos} photographs)." if failed else None


def corners_px(picture_bgr: ByteArray, mask: BoolArray) -> Float64Array | None:
    """Return the (4, 2) float64 corners that reframing finds from a frame mask (H, W); None for a refusal."""
    if not mask.any():
        return None
    try:
        return find_quadrat(picture_bgr, mask).corners_px
    except QuadratNotFoundError:
        return None


def difference_percent(expected: Float64Array, found: Float64Array) -> float:
    """Return the largest distance between two quadrats' corners (4, 2), percent of the expected mean side.

    The first corner may be another one where the camera was rolled by 45 degrees.
    """
    largest = min(float(np.linalg.norm(np.roll(found, turn, 0) - expected, axis=1).max()) for turn in range(4))
    return 100.0 * largest / float(side_lengths(expected).mean())


def _agreement(photos: int, differences: list[float], flips: int, at_margin: int) -> FrameAgreement:
    tight = sum(difference <= TIGHT_PERCENT for difference in differences)
    return FrameAgreement(
        photos=photos,
        quadrats=len(differences),
        flips=flips,
        flips_at_margin=at_margin,
        within_tight_percent=100.0 * tight / len(differences) if differences else 100.0,
        corner_difference_max_percent=max(differences, default=0.0),
    )


def _mask(detector: Detector, picture_bgr: ByteArray) -> BoolArray:
    threshold = max(SCORE, detector.manifest.score_threshold)
    return np.asarray(detector.detect(picture_bgr, threshold).union_mask() > 0)
