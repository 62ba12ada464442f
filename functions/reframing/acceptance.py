"""The last step of finding a quadrat: measure the finished fit and ask the gate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reefsteps.arrays import BoolArray
from reframing.gate import Evidence, calibrated_uncertainty, check
from reframing.limits.gate import ACCEPTANCE as LIMITS
from reframing.mask.rough_quad import RoughQuad, starting_model
from reframing.plane.geometry import order_corners, side_lengths
from reframing.plane.joint_fit import JointFit
from reframing.plane.sampling import ImagePyramid
from reframing.plane.view import PlaneModel, squareness_error
from reframing.quadrat_fit import QuadratFit


def accept(photo: ImagePyramid, fit: JointFit, evidence: Evidence, mask: BoolArray, rough: RoughQuad) -> QuadratFit:
    """Return the fit that the gate accepts; raises QuadratNotFoundError with the figures of every check that failed."""
    width, height = photo.size
    corners = order_corners(fit.model.corners_px)
    # At a roll near 45 degrees the fit, and the mask's quadrilateral, may start at another corner.
    turn = int(np.argmin(np.linalg.norm(fit.model.corners_px - corners[0], axis=1)))
    cells = evidence.mesh.cells if evidence.strings is not None else None
    extent = fit.model.extent
    if turn % 2:
        extent, cells = extent[::-1], cells and cells[::-1]
    top, right, bottom, left = np.roll(evidence.visible_share, -turn).tolist()
    side = float(side_lengths(corners).mean())
    inliers = np.sort(np.abs(fit.residuals))[: int(LIMITS.residual_part * len(fit.residuals))]
    residual = float(np.sqrt(np.mean(inliers**2)))
    start = order_corners(starting_model(rough, width, height, fit.model.extent).corners_px)
    distances = (float(np.linalg.norm(np.roll(start, turns, 0) - corners, axis=1).max()) for turns in range(4))
    distance = min(distances) / side
    evidence = replace(
        evidence,
        visible_share=(top, right, bottom, left),
        corners_px=corners,
        extent=extent,
        picture_px=(width, height),
        residual_percent=100 * residual,
        uncertainty_percent=100 * fit.corner_error,
        radial=fit.model.radial,
        mask_distance_percent=100 * distance,
        squareness_percent=100 * squareness_error(fit.model.matrix),
        mask_share_off_frame=_mask_share_off_frame(fit.model, mask, filled=rough.filled),
    )
    confidence = check(evidence)
    outside = (corners < 0).any(1) | (corners > [width, height]).any(1)
    return QuadratFit(
        corners,
        fit.model.radial,
        residual * side,
        calibrated_uncertainty(evidence),
        confidence,
        evidence.strings is not None,
        evidence.visible_share,
        bool(outside.any() or min(evidence.visible_share) < LIMITS.partly_visible_below),
        width,
        height,
        extent,
        cells,
    )


def _mask_share_off_frame(model: PlaneModel, mask: BoolArray, *, filled: bool) -> float:
    """Return the share of the mask that lies where neither a frame's bars nor (``filled``) its opening can be."""
    stride = max(1, max(mask.shape) // LIMITS.mask_places)
    y, x = np.nonzero(mask[::stride, ::stride])
    plane = model.to_plane(np.stack([x + 0.5, y + 0.5], axis=1) * stride)
    right, bottom = model.extent
    inward = np.minimum(np.minimum(plane[:, 0], right - plane[:, 0]), np.minimum(plane[:, 1], bottom - plane[:, 1]))
    deepest = np.inf if filled else LIMITS.deepest_bar
    return float(np.mean((inward < -LIMITS.widest_bar) | (inward > deepest)))
