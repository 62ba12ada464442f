"""The quadrilateral whose four lines explain a mask's outline best."""

from __future__ import annotations

import itertools
import math

import cv2
import numpy as np

from reefsteps.arrays import ByteArray, Float32Array, Float64Array
from reframing.limits.mask import OUTLINE
from reframing.limits.mask import QUADRILATERAL as LIMITS
from reframing.mask.outline import Outline
from reframing.plane.geometry import Extent, is_convex, order_corners, side_lengths, signed_area
from reframing.plane.lines import intersection, through_points


def _hough_lines(outline: Outline, size: tuple[int, int]) -> list[tuple[float, float, float]]:
    """Return up to ``max_lines`` lines as (angle of the normal, offset, votes); normals point to the centre."""
    reach = float(np.hypot(*size))
    angles = np.deg2rad(np.arange(0, LIMITS.full_turn_deg, LIMITS.angle_step_deg))
    bins = int(2 * reach / LIMITS.offset_step_px) + 2
    votes = np.zeros((len(angles), bins), np.float32)
    for index, angle in enumerate(angles):
        near = np.cos(outline.directions - angle) > np.cos(np.deg2rad(LIMITS.vote_within_deg))
        offset = outline.points[near] @ [np.cos(angle), np.sin(angle)]
        votes[index] = np.bincount(((offset + reach) / LIMITS.offset_step_px).astype(int), minlength=bins)[:bins]
    wrapped_bins = LIMITS.wrapped_bins
    wrapped = np.vstack([votes[-wrapped_bins:], votes, votes[:wrapped_bins]])
    votes = np.asarray(cv2.GaussianBlur(wrapped, (0, 0), LIMITS.vote_smoothing_bins), np.float32)[
        wrapped_bins:-wrapped_bins
    ]
    top = float(votes.max())
    near_bins = LIMITS.one_line_offsets
    lines: list[tuple[float, float, float]] = []
    for _ in range(LIMITS.max_lines):
        row, column = np.unravel_index(int(np.argmax(votes)), votes.shape)
        if votes[row, column] < LIMITS.min_votes * top:
            break
        lines.append(
            (float(angles[row]), float(column + 0.5) * LIMITS.offset_step_px - reach, float(votes[row, column]))
        )
        for step in range(-LIMITS.one_line_angles, LIMITS.one_line_angles + 1):
            votes[(row + step) % len(angles), max(0, column - near_bins) : column + near_bins + 1] = 0
    return lines


def best_quadrilateral(
    outline: Outline, mask: ByteArray, extents: tuple[Extent, ...], *, inside_is_mask: bool
) -> tuple[Float64Array, float] | None:
    """Return the best quadrilateral (4, 2) through an outline and the share of its visible sides that lie on it."""
    height, width = mask.shape
    if len(outline.points) < LIMITS.min_points:
        return None
    lines = _hough_lines(outline, (width, height))
    marks = np.ones((height, width), np.uint8)
    marks[outline.points[:, 1].astype(int), outline.points[:, 0].astype(int)] = 0
    distance = np.asarray(cv2.distanceTransform(marks, cv2.DIST_L2, cv2.DIST_MASK_3), np.float32)
    hull_area = cv2.contourArea(cv2.convexHull(outline.points.astype(np.float32)))
    stride = LIMITS.mask_stride_px
    ys, xs = np.nonzero(mask[::stride, ::stride])
    mask_points = np.stack([xs, ys], axis=1).astype(np.float64) * stride
    best: tuple[float, Float64Array | None] = (LIMITS.min_score, None)
    quads = _candidate_quads(lines, (width, height), hull_area, extents)
    if not quads:
        return None
    together = np.stack(quads)
    supports = _side_support(together, distance)
    wrongs = _share_on_wrong_side(together, mask_points, inside_is_mask=inside_is_mask)
    for quad, support, wrong in zip(quads, supports, wrongs, strict=True):
        score = (
            float(np.mean(support))
            + LIMITS.weakest_side_weight * float(np.min(support))
            - LIMITS.wrong_side_weight * wrong
            - LIMITS.unevenness_weight * (unevenness(quad, extents)[0] - 1)
            - LIMITS.excess_area_weight * max(0.0, signed_area(quad) / hull_area - LIMITS.excess_area_from)
        )
        if score > best[0]:
            best = (score, quad)
    if best[1] is None:
        return None
    refined = _refit(best[1], outline)
    return refined, float(np.mean(_side_support(refined[None], distance)))


def unevenness(quad: Float64Array, extents: tuple[Extent, ...]) -> tuple[float, Extent]:
    """Return the ratio of longest to shortest side for the extent that makes it least, and that extent."""
    lengths = side_lengths(quad)
    options = [(lengths / np.array([*extent, *extent]), extent) for extent in extents]
    return min((float(relative.max() / relative.min()), extent) for relative, extent in options)


def _candidate_quads(
    lines: list[tuple[float, float, float]], size: tuple[int, int], hull_area: float, extents: tuple[Extent, ...]
) -> list[Float64Array]:
    """Return every plausible clockwise quadrilateral of four lines whose normals turn by about a right angle."""
    quads = []
    by_angle = sorted(lines)
    for four in itertools.combinations(by_angle, 4):
        angles = [line[0] for line in four]
        turns = [b - a for a, b in itertools.pairwise([*angles, angles[0] + 2 * math.pi])]
        if min(turns) < math.radians(LIMITS.turn_deg[0]) or max(turns) > math.radians(LIMITS.turn_deg[1]):
            continue
        planes = [np.array([np.cos(a), np.sin(a), -offset]) for a, offset, _ in four]
        corners = [intersection(planes[i - 1], planes[i]) for i in range(4)]
        if any(corner is None for corner in corners):
            continue
        quad = np.array(corners)
        if not is_convex(quad) or unevenness(quad, extents)[0] > LIMITS.max_unevenness:
            continue
        if np.abs(quad - np.array(size) / 2).max() > LIMITS.corner_reach * max(size):
            continue
        if LIMITS.area[0] * hull_area < signed_area(quad) < LIMITS.area[1] * hull_area:
            quads.append(quad)
    return quads


def _side_support(quads: Float64Array, distance: Float32Array) -> Float64Array:
    """Return the share of each side of quads (N, 4, 2) within the picture that has outline beside it, (N, 4)."""
    height, width = distance.shape
    t = np.linspace(*LIMITS.support_along, LIMITS.support_places)[:, None]
    following = np.roll(quads, -1, 1)
    points = quads[:, :, None] * (1 - t) + following[:, :, None] * t
    x, y = points[..., 0].astype(int), points[..., 1].astype(int)
    visible = (
        (x > OUTLINE.border_px)
        & (x < width - 1 - OUTLINE.border_px)
        & (y > OUTLINE.border_px)
        & (y < height - 1 - OUTLINE.border_px)
    )
    within = LIMITS.support_within * np.linalg.norm(following - quads, axis=2).mean(1)
    near = distance[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)] < within[:, None, None]
    count = visible.sum(2)
    return np.where(
        count >= LIMITS.min_visible_places, (near & visible).sum(2) / np.maximum(count, 1), LIMITS.unseen_support
    )


def _share_on_wrong_side(quads: Float64Array, mask_points: Float64Array, *, inside_is_mask: bool) -> Float64Array:
    """Return the share of mask points outside outer quads (N, 4, 2), or inside inner ones (3 % tolerance), (N,)."""
    centre = quads.mean(1, keepdims=True)
    moved = centre + (quads - centre) * (LIMITS.outer_scale if inside_is_mask else LIMITS.inner_scale)
    edges = np.roll(moved, -1, 1) - moved
    normals = np.stack([-edges[..., 1], edges[..., 0]], axis=-1)
    shares = [
        ((mask_points @ normal.T) < np.sum(corners * normal, axis=1)).any(1).mean()
        for corners, normal in zip(moved, normals, strict=True)
    ]
    return np.array(shares) if inside_is_mask else 1.0 - np.array(shares)


def _refit(quad: Float64Array, outline: Outline) -> Float64Array:
    """Fit each side again to the outline points beside it, with Huber weights (cv2.fitLine), in narrowing bands."""
    accuracy = LIMITS.refit_accuracy
    for tolerance in LIMITS.refit_within:
        mean = float(side_lengths(quad).mean())
        lines = []
        for a, b in zip(quad, np.roll(quad, -1, 0), strict=True):
            length = float(np.linalg.norm(b - a))
            along = (b - a) / length
            t = (outline.points - a) @ along / length
            off = (outline.points - a) @ np.array([-along[1], along[0]])
            near = (t > LIMITS.refit_along[0]) & (t < LIMITS.refit_along[1]) & (np.abs(off) < tolerance * mean)
            if near.sum() < LIMITS.refit_min_points:
                lines.append(through_points(a, b))
                continue
            vx, vy, x0, y0 = cv2.fitLine(
                outline.points[near].astype(np.float32), cv2.DIST_HUBER, LIMITS.refit_huber * mean, accuracy, accuracy
            ).ravel()
            start = np.array([x0, y0], np.float64)
            lines.append(through_points(start, start + np.array([vx, vy], np.float64)))
        corners = [intersection(lines[i - 1], lines[i]) for i in range(4)]
        if any(corner is None for corner in corners):
            return quad
        moved = np.array(corners)
        if signed_area(moved) < 0:
            moved = moved[::-1]
        if not is_convex(moved):
            return quad
        quad = order_corners(moved)
    return quad
