"""One string measured to sub-pixels in full resolution."""

from __future__ import annotations

import cv2
import numpy as np

from reframing.limits.strings import STRING_LINE
from reframing.limits.strings import STRING_MEASURE as LIMITS
from reframing.plane.geometry import side_lengths
from reframing.plane.joint_fit import Constraint
from reframing.plane.lines import ransac
from reframing.plane.peaks import column_peaks
from reframing.plane.sampling import ImagePyramid
from reframing.plane.view import PlaneModel
from reframing.strings.search import grey_of


def measure_string(photo: ImagePyramid, model: PlaneModel, axis: int, due: float, reach: float) -> Constraint | None:
    """Return the points of the string at ``due``, to sub-pixels; None if too few places show it on one line."""
    side_px = float(side_lengths(model.corners_px).mean())
    step = float(np.clip(LIMITS.step_px / side_px, reach / LIMITS.max_rows, reach / LIMITS.min_rows))
    offsets = np.arange(-reach, reach + step / 2, step)
    along = np.linspace(*LIMITS.along, LIMITS.places)
    t = np.broadcast_to(along * model.extent[1 - axis], (len(offsets), len(along)))
    across = due + np.broadcast_to(offsets[:, None], t.shape)
    plane = np.stack([across.ravel(), t.ravel()] if axis == 0 else [t.ravel(), across.ravel()], axis=1)
    colours, inside = photo.sample(model.to_image(plane), t.shape, step * side_px)
    grey = cv2.GaussianBlur(grey_of(colours), (0, 0), sigmaX=LIMITS.smoothing_px, sigmaY=LIMITS.smoothing_px)
    ground = max(2, len(offsets) // LIMITS.ground_part)
    grey = grey - np.maximum(grey[:ground].mean(0), grey[-ground:].mean(0))
    grey = grey * np.exp(-0.5 * (offsets / (LIMITS.near * reach)) ** 2)[:, None].astype(np.float32)
    peaks = column_peaks(np.asarray(grey, np.float32))
    place = offsets[peaks.row] + peaks.shift * step
    good = (peaks.height > LIMITS.min_peak) & inside.all(0) & (np.abs(place) < LIMITS.usable * reach)
    keep = ransac(along, place, good, LIMITS.tolerance, STRING_LINE)
    if keep is None or keep.sum() < LIMITS.min_inliers:
        return None
    chosen = np.nonzero(keep)[0][:: LIMITS.point_stride]
    position, down = due + place[chosen], along[chosen] * model.extent[1 - axis]
    points = np.stack([position, down] if axis == 0 else [down, position], axis=1)
    return Constraint(model.to_image(points), axis, due, 0, LIMITS.weight)
