"""Where points of a photograph lie in the straightened quadrat, and back.

The plane of the quadrat is the straightened picture in parts of its width and height. (0, 0) is the corner of its
top-left pixel and (1, 1) that of its bottom-right one. Points are mapped as reframing cut the picture: the lens term is
taken out first, then the homography of the four corners applies (`reframing.plane.view.PlaneModel`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reefsteps.arrays import BoolArray, Float64Array
from reefsteps.errors import InvalidParameterError
from reefsteps.results import Point

# Units of CPCe in a pixel at the settings that Windows has: 96, 120, 144 and 192 dots per inch.
_CPCE_UNITS = (15.0, 12.0, 10.0, 7.5)
_SAME_SHAPE = 0.01  # of the picture's proportions
_UNIT_SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


@dataclass(frozen=True)
class FrameInPhoto:
    """Where the quadrat lies in a photograph of ``width_px`` x ``height_px``, as reframing's record says it."""

    width_px: int
    height_px: int
    corners_px: tuple[Point, ...]
    lens_term: float = 0.0
    excluded_px: tuple[tuple[Point, ...], ...] = ()

    def to_plane(self, points_px: ArrayLike) -> Float64Array:
        """Return the places (N, 2) in the quadrat's plane of points (N, 2) in the photograph's pixels."""
        return _moved(self._matrix(), self._ideal(np.asarray(points_px, np.float64).reshape(-1, 2)))

    def to_photograph(self, plane: ArrayLike) -> Float64Array:
        """Return the photograph's pixels (N, 2) of places (N, 2) in the quadrat's plane."""
        back = np.asarray(np.linalg.inv(self._matrix()), np.float64)
        ideal = _moved(back, np.asarray(plane, np.float64).reshape(-1, 2))
        bent = ideal * (1 + self.lens_term * (ideal**2).sum(1, keepdims=True))
        return np.asarray(self._centre + self._scale * bent)

    def inside(self, points_px: ArrayLike) -> BoolArray:
        """Return which of the points (N, 2) lie in the quadrat, and in no area that a person has left out."""
        return inside_each([self], [np.asarray(points_px, np.float64).reshape(-1, 2)])[0]

    def _matrix(self) -> Float64Array:
        return np.asarray(_homographies(self._ideal(np.asarray(self.corners_px, np.float64))[None], _UNIT_SQUARE)[0])

    @property
    def _centre(self) -> Float64Array:
        return np.array([self.width_px / 2, self.height_px / 2])

    @property
    def _scale(self) -> float:
        return float(np.hypot(self.width_px / 2, self.height_px / 2))

    def _ideal(self, points_px: Float64Array) -> Float64Array:
        return _ideal((points_px - self._centre) / self._scale, np.asarray(self.lens_term))


def inside_each(frames: Sequence[FrameInPhoto], points_px: Sequence[Float64Array]) -> list[BoolArray]:
    """Return for each frame which of its own points (N, 2) lie in the quadrat, and in no area that was left out.

    All of them are placed side by side: a page looks at thousands of photographs at once.
    """
    if not frames:
        return []
    numbers = [len(points) for points in points_px]
    owner = np.repeat(np.arange(len(frames)), numbers)
    centres = np.array([(frame.width_px / 2, frame.height_px / 2) for frame in frames])
    scales = np.hypot(*centres.T)
    lenses = np.array([frame.lens_term for frame in frames])
    corners = (np.array([frame.corners_px for frame in frames], np.float64) - centres[:, None]) / scales[:, None, None]
    matrices = _homographies(_ideal(corners, lenses[:, None, None]), _UNIT_SQUARE)
    seen = (np.concatenate(points_px) - centres[owner]) / scales[owner, None]
    places = _ideal(seen, lenses[owner, None])
    moved = np.einsum("nij,nj->ni", matrices[owner, :, :2], places) + matrices[owner, :, 2]
    with np.errstate(divide="ignore", invalid="ignore"):  # points on the horizon lie nowhere in the quadrat
        plane = moved[:, :2] / moved[:, 2:]
    within = np.split(((plane >= 0) & (plane <= 1)).all(1), np.cumsum(numbers)[:-1])
    return [_not_left_out(*one) for one in zip(frames, points_px, within, strict=True)]


def _not_left_out(frame: FrameInPhoto, points: Float64Array, within: BoolArray) -> BoolArray:
    for outline in frame.excluded_px:
        within = within & ~_in_outline(points, np.asarray(outline, np.float64))
    return np.asarray(within, np.bool_)


def scale_to_photograph(
    annotated: tuple[float, float] | None, width_px: int, height_px: int, *, in_units: bool
) -> tuple[float, float]:
    """Return by what to multiply places in an annotated picture to get the photograph's pixels, across and down.

    ``annotated`` is that picture's width and height, None for the photograph's own. ``in_units`` says that both are in
    CPCe's units. Then they must be the photograph's own size at one of CPCe's scales. A picture that was made smaller
    beforehand cannot be told from another unit. Raises InvalidParameterError, which says what does not fit.
    """
    if annotated is None:
        return 1.0, 1.0
    across, down = annotated[0] / width_px, annotated[1] / height_px
    if abs(across / down - 1) > _SAME_SHAPE:
        turned = abs(annotated[0] / height_px / (annotated[1] / width_px) - 1) <= _SAME_SHAPE
        raise InvalidParameterError(
            f"The points were set on a picture of {annotated[0]:g} x {annotated[1]:g}, the photograph has "
            f"{width_px} x {height_px} pixels, another shape: "
            + ("it was annotated without its camera's turn." if turned else "it was cut or is another picture.")
        )
    if in_units and not any(abs(across / units - 1) < _SAME_SHAPE / 2 for units in _CPCE_UNITS):
        raise InvalidParameterError(
            f"CPCe counts {across:.2f} units in a pixel of this photograph; it has 15, 12, 10 or 7.5. The points were "
            "set on a smaller or larger copy: upload that one, or give its points as CSV with its width and height."
        )
    return 1 / across, 1 / down


def _ideal(seen: Float64Array, lens_term: Float64Array) -> Float64Array:
    """Return places (..., 2), from the picture's centre in half diagonals, without the lens term."""
    if not lens_term.any():
        return seen
    ideal = seen
    for _ in range(5):  # as reframing does it: the error is below 1e-6
        ideal = seen / (1 + lens_term * (ideal**2).sum(-1, keepdims=True))
    return ideal


def _homographies(sources: Float64Array, target: Float64Array) -> Float64Array:
    """Return the homographies (N, 3, 3) of four points each (N, 4, 2) to a target (4, 2): direct linear transform.

    h33 is 1.
    """
    x, y = sources[..., 0], sources[..., 1]
    u, v = target.T
    nothing, one = np.zeros_like(x), np.ones_like(x)
    across = np.stack([x, y, one, nothing, nothing, nothing, -u * x, -u * y], -1)
    down = np.stack([nothing, nothing, nothing, x, y, one, -v * x, -v * y], -1)
    rows = np.concatenate([across, down], 1)
    values = np.broadcast_to(np.concatenate([u, v])[:, None], (*rows.shape[:2], 1))
    found = np.linalg.solve(rows, values)[..., 0]
    return np.concatenate([found, np.ones((len(found), 1))], 1).reshape(-1, 3, 3)


def _moved(matrix: Float64Array, points: Float64Array) -> Float64Array:
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):  # points on the horizon lie nowhere in the quadrat
        return np.asarray(moved[:, :2] / moved[:, 2:])


def _in_outline(points: Float64Array, outline: Float64Array) -> BoolArray:
    """Return which points (N, 2) lie in a polygon (M, 2): a ray to the right crosses an odd number of its sides."""
    inside = np.zeros(len(points), bool)
    x, y = points.T
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, 0), strict=True):
        crosses = (y0 > y) != (y1 > y)
        at = x0 + (y - y0) * (x1 - x0) / (y1 - y0) if y1 != y0 else np.full_like(x, np.inf)
        inside ^= crosses & (x < at)
    return inside
