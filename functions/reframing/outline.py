"""From an imperfect frame mask to a rough quadrilateral.

A mask head answers on 28 x 28 cells (He et al. 2017, Mask R-CNN), so its outline wobbles by a percent or two of the
side, has holes and breaks, and may come in several pieces. Every outline point votes for the straight lines that it
may lie on (Hough transform with the mask's own gradient as direction; Ballard 1981); the four lines that explain the
outline best make the quadrilateral.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from reframing.geometry import (
    SQUARE,
    UNIT_SQUARE,
    Array,
    Extent,
    apply_homography,
    homography,
    intersection,
    is_convex,
    opening,
    order_corners,
    side_lengths,
    signed_area,
    through_points,
)

WORK_SIDE_PX = 480
ANGLE_STEP_DEG = 2
VOTE_WITHIN_DEG = 16
OFFSET_STEP_PX = 2.0
MAX_LINES = 14
BORDER_PX = 3


@dataclass(frozen=True)
class RoughQuad:
    """Where the mask says that the quadrat is: a start for the search in the photograph.

    ``corners_px`` (4, 2) are ordered; ``inset`` is how far inside it, in parts of the side, the search starts;
    ``window`` (from, to) bounds the search around that start, inside > 0, and each of ``priors`` (offset, spread) is a
    likely place within it. ``agreement`` (0 to 1) is the share of the outline that the four lines explain.
    """

    corners_px: Array
    inset: float
    window: tuple[float, float]
    priors: tuple[tuple[float, float], ...]
    agreement: float
    filled: bool


@dataclass(frozen=True)
class _Outline:
    points: Array  # (N, 2)
    directions: Array  # (N,), angle of the normal that points to the quadrat's centre


@dataclass(frozen=True)
class _Reading:
    """Where the inner edge lies relative to the outline that was found."""

    inset: float
    window: tuple[float, float]
    priors: tuple[tuple[float, float], ...]
    filled: bool


# A filled mask ends at the inner edge (models trained on the opening) or at the bars' outer edge, 3 to 8 % further out.
FILLED = _Reading(0.025, (-0.085, 0.1), ((-0.025, 0.012), (0.028, 0.016), (0.055, 0.02)), True)
RING_INSIDE = _Reading(0.0, (-0.10, 0.05), ((0.0, 0.014),), False)
RING_OUTSIDE = _Reading(0.05, (-0.085, 0.07), ((0.0, 0.022),), False)


def rough_quad(frame_mask: NDArray[np.bool_], extents: tuple[Extent, ...] = (SQUARE,)) -> RoughQuad | None:
    """Return the quadrilateral that a frame mask (H, W) suggests, or None when it has no four sides.

    The mask may be the ring of the frame's bars or the filled quadrat; a ring's inner outline is used where it has
    one, else the outer outline with a wider search to its inside. ``extents`` are the shapes that the opening may have.
    """
    height, width = frame_mask.shape
    scale = WORK_SIDE_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(
        cv2.resize(frame_mask.astype(np.uint8) * np.uint8(255), size, interpolation=cv2.INTER_AREA), np.uint8
    )
    kept = _main_pieces(small)
    if kept is None:
        return None
    for pieces in (kept, _largest_piece(kept)):  # the others may be false instances
        for border_px in (BORDER_PX, -1):  # a frame that leaves the picture ends at its border
            found = _read(pieces, border_px, extents)
            if found is not None:
                return _result(*found, size, frame_mask.shape)
    hull = _hull(kept)  # of thin bars a mask head may leave no more than crumbs, but all around
    found_hull = _best_quad(_outlines(hull, BORDER_PX)[0], hull, extents, inside_is_mask=True)
    return None if found_hull is None else _result(found_hull, RING_OUTSIDE, size, frame_mask.shape)


def _largest_piece(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the piece with the largest bounding box: bars cover less than a false instance, but reach further."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    extent = stats[1:, cv2.CC_STAT_WIDTH] * stats[1:, cv2.CC_STAT_HEIGHT]
    return np.asarray(labels == 1 + int(np.argmax(extent)), np.uint8)


def _hull(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the mask's convex hull, filled."""
    points = np.stack(np.nonzero(mask)[::-1], axis=1).astype(np.int32)
    return np.asarray(cv2.fillConvexPoly(np.zeros_like(mask), cv2.convexHull(points), 1), np.uint8)


def _read(
    mask: NDArray[np.uint8], border_px: int, extents: tuple[Extent, ...]
) -> tuple[tuple[Array, float], _Reading] | None:
    """Return the quadrilateral and where the inner edge lies relative to it; ``border_px`` of outline is ignored."""
    outer, inner = _outlines(mask, border_px)
    outer_quad = _best_quad(outer, mask, extents, inside_is_mask=True)
    if outer_quad is not None and _is_filled(mask, outer_quad[0]):
        return outer_quad, FILLED
    inner_quad = _best_quad(inner, mask, extents, inside_is_mask=False)
    if inner_quad is not None and inner_quad[1] > 0.5 and _plausible_pair(inner_quad[0], outer_quad, extents):
        return inner_quad, RING_INSIDE
    return None if outer_quad is None else (outer_quad, RING_OUTSIDE)


def _result(found: tuple[Array, float], kind: _Reading, size: tuple[int, int], shape: tuple[int, ...]) -> RoughQuad:
    factor = np.array([shape[1] / size[0], shape[0] / size[1]])
    corners = order_corners((found[0] + 0.5) * factor)
    return RoughQuad(corners, kind.inset, kind.window, kind.priors, found[1], kind.filled)


def _main_pieces(mask: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Close pinholes and drop crumbs; None when nothing is left."""
    closed = cv2.morphologyEx(
        (mask > 127).astype(np.uint8), cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    )
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    if count < 2:
        return None
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = [i + 1 for i in range(count - 1) if areas[i] >= 0.04 * areas.max()]
    return np.isin(labels, kept).astype(np.uint8)


def _outlines(mask: NDArray[np.uint8], border_px: int) -> tuple[_Outline, _Outline]:
    """Split the outline into points with the mask towards the centre (outer edge) and away from it (inner edge)."""
    height, width = mask.shape
    edge = cv2.BORDER_REPLICATE if border_px >= 0 else cv2.BORDER_CONSTANT
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 3.0, borderType=edge)
    grad_x, grad_y = (
        cv2.Sobel(soft, cv2.CV_32F, 1, 0, borderType=edge),
        cv2.Sobel(soft, cv2.CV_32F, 0, 1, borderType=edge),
    )
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    points = np.concatenate([contour[:, 0].astype(np.float64) for contour in contours])
    hull = cv2.convexHull(points.astype(np.float32))[:, 0].astype(np.float64)
    (cx, cy), _, _ = cv2.minAreaRect(hull.astype(np.float32))
    x, y = points[:, 0].astype(int), points[:, 1].astype(int)
    within = (x > border_px) & (x < width - 1 - border_px) & (y > border_px) & (y < height - 1 - border_px)
    points, x, y = points[within], x[within], y[within]
    gradient = np.stack([grad_x[y, x], grad_y[y, x]], axis=1).astype(np.float64)
    inward = np.array([cx, cy]) - points
    towards = np.sum(gradient * inward, axis=1) > 0
    angle = np.arctan2(gradient[:, 1], gradient[:, 0])
    return (
        _Outline(points[towards], angle[towards]),
        _Outline(points[~towards], angle[~towards] + np.pi),
    )


def _hough_lines(outline: _Outline, size: tuple[int, int]) -> list[tuple[float, float, float]]:
    """Return up to MAX_LINES (normal angle, offset, votes); normals point to the centre."""
    reach = float(np.hypot(*size))
    angles = np.deg2rad(np.arange(0, 360, ANGLE_STEP_DEG))
    bins = int(2 * reach / OFFSET_STEP_PX) + 2
    votes = np.zeros((len(angles), bins), np.float32)
    for index, angle in enumerate(angles):
        near = np.cos(outline.directions - angle) > np.cos(np.deg2rad(VOTE_WITHIN_DEG))
        offset = outline.points[near] @ [np.cos(angle), np.sin(angle)]
        votes[index] = np.bincount(((offset + reach) / OFFSET_STEP_PX).astype(int), minlength=bins)[:bins]
    wrapped = np.vstack([votes[-4:], votes, votes[:4]])
    votes = np.asarray(cv2.GaussianBlur(wrapped, (0, 0), 1.2), np.float32)[4:-4]
    top = float(votes.max())
    lines: list[tuple[float, float, float]] = []
    for _ in range(MAX_LINES):
        row, column = np.unravel_index(int(np.argmax(votes)), votes.shape)
        if votes[row, column] < 0.12 * top:
            break
        lines.append((float(angles[row]), float(column + 0.5) * OFFSET_STEP_PX - reach, float(votes[row, column])))
        for step in range(-5, 6):
            votes[(row + step) % len(angles), max(0, column - 6) : column + 7] = 0
    return lines


def _best_quad(
    outline: _Outline, mask: NDArray[np.uint8], extents: tuple[Extent, ...], *, inside_is_mask: bool
) -> tuple[Array, float] | None:
    """Return the best quadrilateral (4, 2) through an outline and the share of its visible sides that lie on it."""
    height, width = mask.shape
    if len(outline.points) < 60:
        return None
    lines = _hough_lines(outline, (width, height))
    marks = np.ones((height, width), np.uint8)
    marks[outline.points[:, 1].astype(int), outline.points[:, 0].astype(int)] = 0
    distance = np.asarray(cv2.distanceTransform(marks, cv2.DIST_L2, 3), np.float32)
    hull_area = cv2.contourArea(cv2.convexHull(outline.points.astype(np.float32)))
    ys, xs = np.nonzero(mask[::3, ::3])
    mask_points = np.stack([xs, ys], axis=1).astype(np.float64) * 3
    best: tuple[float, Array | None] = (0.6, None)
    quads = _candidate_quads(lines, (width, height), hull_area, extents)
    if not quads:
        return None
    together = np.stack(quads)
    supports = _side_support(together, distance)
    wrongs = _share_on_wrong_side(together, mask_points, inside_is_mask=inside_is_mask)
    for quad, support, wrong in zip(quads, supports, wrongs, strict=True):
        score = (
            float(np.mean(support))
            + 0.5 * float(np.min(support))
            - 1.5 * wrong
            - 0.15 * (_unevenness(quad, extents)[0] - 1)
            - 0.3 * max(0.0, signed_area(quad) / hull_area - 1.15)
        )
        if score > best[0]:
            best = (score, quad)
    if best[1] is None:
        return None
    refined = _refit(best[1], outline)
    return refined, float(np.mean(_side_support(refined[None], distance)))


def _unevenness(quad: Array, extents: tuple[Extent, ...]) -> tuple[float, Extent]:
    """Return the longest to the shortest side, each relative to the opening's, and the extent for which it is least."""
    lengths = side_lengths(quad)
    options = [(lengths / np.array([*extent, *extent]), extent) for extent in extents]
    return min((float(relative.max() / relative.min()), extent) for relative, extent in options)


def _candidate_quads(
    lines: list[tuple[float, float, float]], size: tuple[int, int], hull_area: float, extents: tuple[Extent, ...]
) -> list[Array]:
    """Return every plausible clockwise quadrilateral of four lines whose normals turn by about a right angle."""
    quads = []
    by_angle = sorted(lines)
    for four in itertools.combinations(by_angle, 4):
        angles = [line[0] for line in four]
        turns = [b - a for a, b in itertools.pairwise([*angles, angles[0] + 2 * math.pi])]
        if min(turns) < math.radians(50) or max(turns) > math.radians(130):
            continue
        planes = [np.array([np.cos(a), np.sin(a), -offset]) for a, offset, _ in four]
        corners = [intersection(planes[i - 1], planes[i]) for i in range(4)]
        if any(corner is None for corner in corners):
            continue
        quad = np.array(corners)
        if not is_convex(quad) or _unevenness(quad, extents)[0] > 1.9:
            continue
        if np.abs(quad - np.array(size) / 2).max() > 1.6 * max(size):
            continue
        if 0.35 * hull_area < signed_area(quad) < 2.2 * hull_area:
            quads.append(quad)
    return quads


def _side_support(quads: Array, distance: NDArray[np.float32]) -> Array:
    """Return the share of each side of quads (N, 4, 2) within the picture that has outline beside it, (N, 4)."""
    height, width = distance.shape
    t = np.linspace(0.04, 0.96, 48)[:, None]
    following = np.roll(quads, -1, 1)
    points = quads[:, :, None] * (1 - t) + following[:, :, None] * t
    x, y = points[..., 0].astype(int), points[..., 1].astype(int)
    visible = (x > BORDER_PX) & (x < width - 1 - BORDER_PX) & (y > BORDER_PX) & (y < height - 1 - BORDER_PX)
    within = 0.018 * np.linalg.norm(following - quads, axis=2).mean(1)
    near = distance[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)] < within[:, None, None]
    count = visible.sum(2)
    return np.where(count >= 5, (near & visible).sum(2) / np.maximum(count, 1), 0.5)


def _share_on_wrong_side(quads: Array, mask_points: Array, *, inside_is_mask: bool) -> Array:
    """Return the share of mask points outside outer quads (N, 4, 2), or inside inner ones (3 % tolerance), (N,)."""
    centre = quads.mean(1, keepdims=True)
    moved = centre + (quads - centre) * (1.03 if inside_is_mask else 0.95)
    edges = np.roll(moved, -1, 1) - moved
    normals = np.stack([-edges[..., 1], edges[..., 0]], axis=-1)
    shares = [
        ((mask_points @ normal.T) < np.sum(corners * normal, axis=1)).any(1).mean()
        for corners, normal in zip(moved, normals, strict=True)
    ]
    return np.array(shares) if inside_is_mask else 1.0 - np.array(shares)


def _refit(quad: Array, outline: _Outline) -> Array:
    """Fit each side again to the outline points beside it, with Huber weights (cv2.fitLine), in narrowing bands."""
    for tolerance in (0.035, 0.022, 0.015):
        mean = float(side_lengths(quad).mean())
        lines = []
        for a, b in zip(quad, np.roll(quad, -1, 0), strict=True):
            length = float(np.linalg.norm(b - a))
            along = (b - a) / length
            t = (outline.points - a) @ along / length
            off = (outline.points - a) @ np.array([-along[1], along[0]])
            near = (t > 0.03) & (t < 0.97) & (np.abs(off) < tolerance * mean)
            if near.sum() < 15:
                lines.append(through_points(a, b))
                continue
            vx, vy, x0, y0 = cv2.fitLine(
                outline.points[near].astype(np.float32), cv2.DIST_HUBER, 0.004 * mean, 0.01, 0.01
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


def _is_filled(mask: NDArray[np.uint8], quad: Array) -> bool:
    centre = quad.mean(0)
    core = np.zeros_like(mask)
    cv2.fillPoly(core, [np.round(centre + 0.7 * (quad - centre)).astype(np.int32)], 1)
    total = int(core.sum())
    return total > 0 and int((core & mask).sum()) > 0.5 * total


def _plausible_pair(inner: Array, outer: tuple[Array, float] | None, extents: tuple[Extent, ...]) -> bool:
    """An inner outline is the opening only when the outer one, if seen, lies around it at a bar's likely width."""
    if outer is None or outer[1] < 0.5:
        return True
    ordered = order_corners(inner)
    corners = opening(_unevenness(ordered, extents)[1])
    plane = apply_homography(homography(ordered, corners), order_corners(outer[0]))
    widths = np.abs(plane - corners)
    outside = np.all((plane - corners) * (UNIT_SQUARE - 0.5) > -0.005)
    return bool(outside and widths.max() < 0.16 and widths.max() - widths.min() < 0.09)
