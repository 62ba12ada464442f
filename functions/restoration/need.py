"""Whether restoring a photograph would help.

A photograph that is already as neutral and contrasty as restored ones is not changed. A second pass would add noise and
alter colours that a person has set. Of 43 photographs, 40 lie within the limits after restoration and none before.
Looser limits do harm: a classifier that is trained in one water does worse in another if restored and raw pictures are
mixed (docs/explanation/restoration.md).
"""

from __future__ import annotations

import cv2
import numpy as np

from reefsteps.arrays import Pixels
from restoration.colour import reduced

_MAX_CAST = 9.0
_MIN_SPAN = 88.0
_FLAT_SPAN = 2.0
_OVEREXPOSED = 0.98


def reason_to_skip(pixels_bgr: Pixels) -> str | None:
    """Return why the photograph (HxWx3, 8 or 16 bit) should not be changed, with figures; None if it should.

    Cast is the distance of the mean colour from neutral. Span is the range of lightness (1st to 99th percentile). Both
    are in CIELAB units. Overexposed pixels have lost their colour and do not count for the cast.
    """
    small = reduced(pixels_bgr)
    lab = cv2.cvtColor(small, cv2.COLOR_BGR2LAB).reshape(-1, 3)
    low, high = np.percentile(lab[:, 0], [1, 99])
    span = float(high - low)
    if span < _FLAT_SPAN:
        return (
            f"The photograph is of one tone (lightness span {span:.1f}): there is nothing to estimate its water from."
        )
    exposed = lab[small.reshape(-1, 3).max(axis=1) < _OVEREXPOSED]
    cast = float(np.hypot(*exposed[:, 1:].mean(axis=0))) if len(exposed) else 0.0
    if cast <= _MAX_CAST and span >= _MIN_SPAN:
        return (
            f"The photograph is already neutral and contrasty: colour cast {cast:.1f} (at most {_MAX_CAST:g}), "
            f"lightness span {span:.1f} (at least {_MIN_SPAN:g})."
        )
    return None
