"""Whether a reframed picture is unlike the photographs that its model knows, so that somebody should look at it.

Three figures separate drawn training photographs from real ones best (docs/explanation/models.md): the
detector's best score, its mean score, and the contrast of colour between patches. A model's limits are low quantiles of
these figures on photographs like its training photographs; `training.reference` measures them.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from reefsteps.arrays import ByteArray, Float32Array
from reefsteps.evaluation import PictureFigures, PictureLimits

LEAST_SCORE = 0.3  # weaker detections say nothing about the picture, and each costs the time of a mask
_SIDE_PX = 256  # of a square picture; small enough that sharpness and noise of the camera play no part
_NEAR_PX, _FAR_PX = 8.0, 16.0  # patches of 3 to 6 % of a side: colonies and what lies between them
_SURE_WITHOUT_LIMITS = 0.75  # a convention, for models whose scores nobody has measured

_KNOWN = "in photographs that the model knows"


def picture_figures(picture_bgr: ByteArray, scores: Float32Array) -> PictureFigures:
    """Return the three figures of a (H, W, 3) uint8 picture and its detections' scores (N,), at `LEAST_SCORE` or more.

    Scores are from 0 to 1, 0 where nothing was found. The contrast is the standard deviation of CIELAB's b (yellow
    against blue), between two Gaussian blurs, in its units.
    """
    kept = scores[scores >= LEAST_SCORE]
    best, mean = (float(kept.max()), float(kept.mean())) if kept.size else (0.0, 0.0)
    return PictureFigures(round(best, 4), round(mean, 4), round(_colour_contrast(picture_bgr), 4))


def reasons_to_look(figures: PictureFigures, limits: PictureLimits | None) -> tuple[str, ...]:
    """Return why somebody should look at the picture, in sentences; empty if all figures are within the limits.

    Without limits of the model only its best score counts.
    """
    least = limits.least if limits else PictureFigures(_SURE_WITHOUT_LIMITS, 0.0, 0.0)
    found = []
    if figures.best_score < least.best_score:
        found.append(
            f"The model's best score here is {figures.best_score:.2f} (at least {least.best_score:.2f} "
            f"{_KNOWN if limits else 'where it is sure of a colony'})."
            if figures.best_score
            else "The model found no colony here."
        )
    if 0 < figures.mean_score < least.mean_score:
        found.append(
            f"The model doubts much of what may be coral: its scores from {LEAST_SCORE:g} on are "
            f"{figures.mean_score:.2f} on average (at least {least.mean_score:.2f} {_KNOWN})."
        )
    if figures.colour_contrast < least.colour_contrast:
        found.append(f"The colours differ less from place to place than {_KNOWN}.")
    return tuple(found)


def colonies_at_the_limit(colonies: int, instances: int, limit: int | None) -> tuple[str, ...]:
    """Return a sentence where the model found as many instances as it can in a picture, so that others are missing.

    ``instances`` are the colonies and what the model found of classes that do not count. ``limit`` None: there is none.
    """
    if limit is None or instances < limit:
        return ()
    others = f" and {instances - colonies} of other classes" if instances > colonies else ""
    return (
        f"The model found {colonies} colonies{others}, as many as it can find in a picture: the cover may be too low.",
    )


def _colour_contrast(picture_bgr: ByteArray) -> float:
    height, width = picture_bgr.shape[:2]
    scale = _SIDE_PX / math.sqrt(height * width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture_bgr, size, interpolation=cv2.INTER_AREA)
    yellow_blue = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)[..., 2]
    band = cv2.GaussianBlur(yellow_blue, (0, 0), _NEAR_PX) - cv2.GaussianBlur(yellow_blue, (0, 0), _FAR_PX)
    return float(band.std())
