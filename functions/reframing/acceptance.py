"""The last step of reframing: complete the evidence, put it through the gate and describe the fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reefsteps.arrays import BoolArray
from reframing.gate import Evidence, calibrated_uncertainty, check
from reframing.mask.rough_quad import RoughQuad, starting_model
from reframing.plane.geometry import order_corners, side_lengths
from reframing.plane.joint_fit import JointFit
from reframing.plane.sampling import Photograph
from reframing.plane.view import PlaneModel, squareness_error
from reframing.quadrat_fit import QuadratFit

# A bar's mask may reach this far outside and inside of the inner edge, parts of the side.
WIDEST_BAR = 0.14
DEEPEST_BAR = 0.05


def accept(photo: Photograph, fit: JointFit, evidence: Evidence, mask: BoolArray, rough: RoughQuad) -> QuadratFit:
    """Complete the evidence, put it through the gate and describe the fit."""
    width, height = photo.size
    corners = order_corners(fit.model.corners_px)
    # At a roll near 45 degrees the fit may start at another corner than the ordered corners, which the mask's may, too.
    turn = int(np.argmin(np.linalg.norm(fit.model.corners_px - corners[0], axis=1)))
    cells = evidence.mesh.cells if evidence.strings is not None else None
    extent = fit.model.extent
    if turn % 2:
        extent, cells = extent[::-1], cells and cells[::-1]
    top, right, bottom, left = np.roll(evidence.visible_share, -turn).tolist()
    side = float(side_lengths(corners).mean())
    residual = float(np.sqrt(np.mean(np.sort(np.abs(fit.residuals))[: int(0.9 * len(fit.residuals))] ** 2)))
    start = order_corners(starting_model(rough, width, height, fit.model.extent).corners_px)
    moved = min(float(np.linalg.norm(np.roll(start, turn, 0) - corners, axis=1).max()) for turn in range(4)) / side
    evidence = replace(
        evidence,
        visible_share=(top, right, bottom, left),
        corners_px=corners,
        extent=extent,
        picture_px=(width, height),
        residual_percent=100 * residual,
        uncertainty_percent=100 * fit.corner_error,
        radial=fit.model.radial,
        moved_percent=100 * moved,
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
        bool(outside.any() or min(evidence.visible_share) < 0.5),
        width,
        height,
        extent,
        cells,
    )


def _mask_share_off_frame(model: PlaneModel, mask: BoolArray, *, filled: bool) -> float:
    """Return the share of the mask that lies where neither a frame's bars nor (``filled``) its opening can be."""
    stride = max(1, max(mask.shape) // 300)
    y, x = np.nonzero(mask[::stride, ::stride])
    plane = model.to_plane(np.stack([x + 0.5, y + 0.5], axis=1) * stride)
    right, bottom = model.extent
    inward = np.minimum(np.minimum(plane[:, 0], right - plane[:, 0]), np.minimum(plane[:, 1], bottom - plane[:, 1]))
    deepest = np.inf if filled else DEEPEST_BAR
    return float(np.mean((inward < -WIDEST_BAR) | (inward > deepest)))
