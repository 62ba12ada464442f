"""Whether a smaller variant of a model still finds what the full-precision model finds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from conversion.variants import Photos
from reefsteps.arrays import BoolArray, Float32Array
from reefsteps.detection import Detections, Detector
from reefsteps.detection.manifest import VariantAgreement
from reefsteps.masks import mask_iou

MATCHED_PERCENT_MIN = 95.0
EXTRA_PERCENT_MAX = 5.0
MASK_IOU_MEAN_MIN = 0.97
INSTANCES_MIN = 5
SMALL_SHARE = 0.05  # of the picture's longer side: 5 cm in a quadrat of 1 m
SMALL_INSTANCES_MIN = 10  # fewer say nothing of themselves
SCORE = 0.5  # detections weaker than this decide no result


@dataclass(frozen=True)
class Limits:
    """How far the results of a variant may be from the full model's."""

    cover_difference_points: float  # on average
    cover_bias_points: float
    count_percent: float = math.inf
    small_matched_percent: float = 0.0


CHOSEN = Limits(1.0, 0.5)  # of a precision that an operator chose: half of what observers differ by at the least
SEARCHED = Limits(0.5, 0.3, 5.0, 90.0)  # of what the search may publish without being asked


def compare(exact: Detector, smaller: Detector, photos: Photos) -> VariantAgreement:
    """Return how the detections above score 0.5 compare, over all photographs.

    Masks are compared instance by instance. An instance that only crosses the score 0.5 is still matched. The effect of
    such crossings on the measured cover is judged over all photographs. In a single photograph, any variant may move an
    instance whose score lies at the threshold across it.
    """
    total = matched = extra = strong_total = small = small_matched = 0
    ious: list[float] = []
    scores: list[float] = []
    covers: list[float] = []
    for photo in photos:
        every, found = exact.detect(photo), smaller.detect(photo)
        expected, strong = every.above(SCORE), found.above(SCORE)
        pairs = matches(expected, found)
        total += len(expected)
        matched += len(pairs)
        strong_total += len(strong)
        little = is_small(expected)
        small += int(np.count_nonzero(little))
        small_matched += sum(bool(little[i]) for i, _ in pairs)
        extra += len(strong) - len(matches(every, strong))
        ious += [mask_iou(expected.full_mask(i), found.full_mask(j)) for i, j in pairs]
        scores += [abs(float(expected.scores[i] - found.scores[j])) for i, j in pairs]
        covers.append(cover_percent(strong) - cover_percent(expected))
    return VariantAgreement(
        photos=len(photos),
        instances=total,
        matched_percent=100.0 * matched / max(total, 1),
        extra_percent=100.0 * extra / max(total, 1),
        mask_iou_mean=float(np.mean(ious)) if ious else 0.0,
        mask_iou_min=min(ious, default=0.0),
        score_difference_max=max(scores, default=1.0),
        cover_difference_mean_points=float(np.abs(covers).mean()),
        cover_difference_max_points=float(np.abs(covers).max()),
        cover_bias_points=float(np.mean(covers)),
        count_difference_percent=100.0 * (strong_total - total) / max(total, 1),
        small_instances=small,
        small_matched_percent=100.0 * small_matched / small if small else 100.0,
    )


def rejection_reason(agreement: VariantAgreement, limits: Limits = CHOSEN) -> str | None:
    """Return why the variant is not good enough, with figures, or None."""
    few_small = agreement.small_instances < SMALL_INSTANCES_MIN
    checks = (
        (agreement.instances >= INSTANCES_MIN, f"only {agreement.instances} instances to judge it by"),
        (agreement.matched_percent >= MATCHED_PERCENT_MIN, f"finds only {agreement.matched_percent:.1f} % again"),
        (agreement.extra_percent <= EXTRA_PERCENT_MAX, f"finds {agreement.extra_percent:.1f} % that are not there"),
        (agreement.mask_iou_mean >= MASK_IOU_MEAN_MIN, f"mask IoU is {agreement.mask_iou_mean:.3f} on average"),
        (
            agreement.cover_difference_mean_points <= limits.cover_difference_points,
            f"cover differs by {agreement.cover_difference_mean_points:.2f} points on average",
        ),
        (
            abs(agreement.cover_bias_points) <= limits.cover_bias_points,
            f"cover is shifted by {agreement.cover_bias_points:+.2f} points",
        ),
        (
            abs(agreement.count_difference_percent) <= limits.count_percent,
            f"the number of instances differs by {agreement.count_difference_percent:+.1f} %",
        ),
        (
            few_small or agreement.small_matched_percent >= limits.small_matched_percent,
            f"finds only {agreement.small_matched_percent:.1f} % of {agreement.small_instances} small ones again",
        ),
    )
    failed = [text for passed, text in checks if not passed]
    return "; ".join(failed) + f" ({agreement.photos} photographs)." if failed else None


def matches(expected: Detections, found: Detections) -> list[tuple[int, int]]:
    """Return index pairs of one-to-one matches of the same class with box IoU above 0.5, best scores first."""
    overlap = box_ious(expected.boxes_px, found.boxes_px)
    overlap *= expected.classes[:, None] == found.classes[None, :]
    pairs: list[tuple[int, int]] = []
    for i in np.argsort(-expected.scores, kind="stable"):
        if overlap.shape[1] == 0:
            break
        j = int(overlap[i].argmax())
        if overlap[i, j] > 0.5:
            pairs.append((int(i), j))
            overlap[:, j] = 0
    return pairs


def is_small(detections: Detections) -> BoolArray:
    """Return (N,) bool: which boxes are shorter than a twentieth of the picture's longer side, both ways."""
    sides_px = detections.boxes_px[:, 2:] - detections.boxes_px[:, :2]
    return np.asarray(sides_px.max(axis=1, initial=0.0) < SMALL_SHARE * max(detections.image_shape))


def box_ious(first: Float32Array, second: Float32Array) -> Float32Array:
    """Return the (N, M) intersection over union of boxes (N, 4) and (M, 4)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = (high - low).clip(0).prod(axis=2)
    areas = [(boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) for boxes in (first, second)]
    return np.asarray(shared / (areas[0][:, None] + areas[1][None, :] - shared), np.float32)


def cover_percent(detections: Detections) -> float:
    """Return how much of the picture the instances cover together, percent."""
    return float(100.0 * np.count_nonzero(detections.union_mask()) / math.prod(detections.image_shape))
