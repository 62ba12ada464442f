"""Find the quadrat: from photograph and frame mask to the four corners of the frame's inner edge, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reefsteps.errors import QuadratNotFoundError
from reefsteps.quadrat_size import QuadratSize
from reframing.choice import SQUARE_LIMIT, Choice, choose
from reframing.edges import Candidate, search_side
from reframing.fitting import Constraint, JointFit, joint_fit, on_a_side
from reframing.frame_colour import FrameColour
from reframing.gate import WHAT_TO_DO, Evidence, calibrated_uncertainty, check
from reframing.geometry import (
    SQUARE,
    Array,
    Extent,
    PlaneModel,
    homography,
    narrower_by,
    opening,
    order_corners,
    side_lengths,
    squareness_error,
)
from reframing.outline import RoughQuad, rough_quad
from reframing.sampling import Photograph, Pixels
from reframing.shape import extents_of, only_one, possible_extents, refuse_other_shapes
from reframing.side_points import EdgePoints, edge_points, inner_end
from reframing.strings import Grid, beyond_ratios, end_cell_ratio, find_grid, meshes

# A measured string grid leaves the inner edge this far to move (tied on the rim, or drilled through the bar).
RIM_WINDOW = (-0.09, 0.03)
RIM_SPREAD = 0.0035
MIN_SHARE_TO_FIT = 0.2
SIDE_WEIGHT = 0.5  # of a point on a side where strings are fitted too
MAX_SIDE_MISFIT = 0.0012
# A bar's mask may reach this far outside and inside of the inner edge, parts of the side.
WIDEST_BAR = 0.14
DEEPEST_BAR = 0.05
FREE_SLOPE = 0.044
# A second look, at the first fit's slopes and around its place, sees bars that the mask's slopes had blurred.
SECOND_WINDOW = (-0.07, 0.06)
SECOND_PRIORS = ((0.0, 0.02),)
SECOND_SLOPE = 0.02
WITHIN_BEST = 3.0
FINE_SQUARE_SPREAD = 0.003
SHARE_WEIGHT = 3.0
SAME_CORNERS = 0.008
CERTAIN = 99.0  # lead of a reading without a rival
ON_MODEL = Candidate(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class QuadratFit:
    """The quadrat's inner edge in a photograph.

    ``corners_px`` (4, 2) float64, clockwise from the corner that is top-left in the photograph; ``radial`` is the lens
    term of ``PlaneModel``; ``visible_share`` (top, right, bottom, left) is the part of each side on which the edge was
    measured; ``partly_visible`` says that a corner lies outside the picture or behind something. ``extent`` is the
    opening's width (along the top) and height relative to their mean. ``string_cells`` is how many cells of the string
    grid lie along the top and down, None without strings.
    """

    corners_px: Array
    radial: float
    residual_px: float
    uncertainty_percent: float
    confidence: float
    strings_used: bool
    visible_share: tuple[float, float, float, float]
    partly_visible: bool
    width_px: int
    height_px: int
    extent: Extent = SQUARE
    string_cells: tuple[int, int] | None = None

    @property
    def model(self) -> PlaneModel:
        """The view of the plane whose opening has these corners."""
        return model_with_corners(self.corners_px, self.radial, self.width_px, self.height_px, self.extent)


def model_with_corners(
    corners_px: Array, radial: float, width_px: int, height_px: int, extent: Extent = SQUARE
) -> PlaneModel:
    """Return the model with a given lens term whose opening has these corners (4, 2)."""
    ideal = PlaneModel(np.eye(3), radial, width_px, height_px).to_plane(corners_px)
    return PlaneModel(homography(opening(extent), ideal), radial, width_px, height_px, extent)


def find_quadrat(image_bgr: Pixels, frame_mask: NDArray[np.bool_], size: QuadratSize | None = None) -> QuadratFit:
    """Return the inner edge of the quadrat's frame.

    ``image_bgr`` is (H, W, 3) uint8 in full resolution, ``frame_mask`` (H, W) bool: the frame's bars or the filled
    quadrat, as imperfect as a mask head leaves it. ``size`` is the frame's, None for any square. A rectangle is looked
    for with either length along the top. Raises QuadratNotFoundError with the figures of every check that failed, or if
    more than one shape of frame could have given the picture.
    """
    rough = rough_quad(frame_mask, extents_of(size))
    if rough is None:
        raise QuadratNotFoundError(
            "The frame mask has no four straight sides "
            f"(it covers {100 * float(frame_mask.mean()):.1f} % of the picture). {WHAT_TO_DO}"
        )
    photo = Photograph.of(image_bgr)
    found: list[QuadratFit] = []
    refusals: list[QuadratNotFoundError] = []
    for extent in possible_extents(size, rough.corners_px, *photo.size):
        try:
            found.append(_find(photo, frame_mask, rough, size, extent))
        except QuadratNotFoundError as refusal:
            refusals.append(refusal)
    if not found:
        raise refusals[0]
    fit = only_one(found, size)
    if not fit.strings_used:
        refuse_other_shapes(fit.model, size)
    return fit


def _find(
    photo: Photograph, mask: NDArray[np.bool_], rough: RoughQuad, size: QuadratSize | None, extent: Extent
) -> QuadratFit:
    """Return the fit of an opening of one shape, accepted by the gate."""
    start = _starting_model(rough, *photo.size, extent)
    grids = (find_grid(photo, start, mesh) for mesh in meshes(size, extent))
    grid = next((grid for grid in grids if grid is not None), None)
    fit, evidence = _with_grid(photo, grid) if grid is not None else _edges_only(photo, start, rough)
    return _accepted(photo, fit, replace(evidence, outline_agreement=rough.agreement), mask, rough)


def _starting_model(rough: RoughQuad, width_px: int, height_px: int, extent: Extent) -> PlaneModel:
    """Place the opening where the mask says that the inner edge is."""
    model = PlaneModel.from_corners(rough.corners_px, width_px, height_px, extent)
    return model.after(homography(opening(extent), opening(extent, rough.inset)))


def _side_constraints(sides: list[EdgePoints | None], extent: Extent, weight: float = 1.0) -> list[Constraint]:
    return [
        on_a_side(side, extent, item.points_px, weight)
        for side, item in enumerate(sides)
        if item is not None and item.share >= MIN_SHARE_TO_FIT
    ]


def _shares(sides: list[EdgePoints | None]) -> tuple[float, float, float, float]:
    top, right, bottom, left = (0.0 if item is None else item.share for item in sides)
    return top, right, bottom, left


def _measure_sides(
    photo: Photograph, model: PlaneModel, candidates: tuple[Candidate | None, ...], window: float
) -> list[EdgePoints | None]:
    return [
        None if item is None else edge_points(photo, model, side, item, window) for side, item in enumerate(candidates)
    ]


def _fit(constraints: list[Constraint], start: PlaneModel) -> JointFit:
    try:
        return joint_fit(constraints, start)
    except np.linalg.LinAlgError as error:
        raise QuadratNotFoundError(f"The points found on the frame do not determine it. {WHAT_TO_DO}") from error


def _moved_inwards(photo: Photograph, model: PlaneModel) -> tuple[Candidate, ...] | None:
    """Return the sides with those moved in whose bar ends further inside than fitted; None when none does."""
    ends = [inner_end(photo, model, side) for side in range(4)]
    return tuple(end or ON_MODEL for end in ends) if any(ends) else None


def _edges_only(photo: Photograph, start: PlaneModel, rough: RoughQuad) -> tuple[JointFit, Evidence]:
    """Fit the four sides' inner edges; all four are needed."""
    readings = _read(photo, start, rough.window, rough.priors, FREE_SLOPE)
    if readings[0].fit is not None:
        second = _read(photo, readings[0].fit.model, SECOND_WINDOW, SECOND_PRIORS, SECOND_SLOPE)
        readings = second if second[0].fit is not None else readings
    if min(_shares(readings[0].sides)) < MIN_SHARE_TO_FIT or readings[0].fit is None:
        raise QuadratNotFoundError(
            "The inner edge was found on too little of the sides (top, right, bottom, left: "
            f"{', '.join(f'{100 * share:.0f} %' for share in _shares(readings[0].sides))}; needed without strings: "
            f"{100 * MIN_SHARE_TO_FIT:.0f} % of each). {WHAT_TO_DO}"
        )
    choice, sides, fit = readings[0].choice, readings[0].sides, readings[0].fit
    margin = _lead(readings)
    for window_again in (0.005, 0.004):
        again = _measure_sides(photo, fit.model, (ON_MODEL,) * 4, window_again)
        if min(_shares(again)) < MIN_SHARE_TO_FIT:
            break
        sides, fit = again, _fit(_side_constraints(again, start.extent), fit.model)
    moved = _moved_inwards(photo, fit.model)
    if moved is not None:
        sides = _measure_sides(photo, fit.model, moved, 0.002)
        if min(_shares(sides)) >= MIN_SHARE_TO_FIT:
            fit = _fit(_side_constraints(sides, start.extent), fit.model)
    return fit, Evidence(_shares(sides), readings[0].score, margin, choice.likeness, choice.inner_rival)


@dataclass(frozen=True)
class _Reading:
    """A reading of the four sides, measured in full resolution."""

    choice: Choice
    sides: list[EdgePoints | None]
    fit: JointFit | None
    score: float


def _lead(readings: list[_Reading]) -> float:
    """Return the best reading's lead over the next that comes to other corners (by 0.8 % of the side or more)."""
    best = readings[0]
    for rival in readings[1:]:
        if best.fit is None or rival.fit is None:
            return best.score - rival.score
        corners = best.fit.model.corners_px
        apart = np.linalg.norm(rival.fit.model.corners_px - corners, axis=1).max()
        if apart > SAME_CORNERS * side_lengths(corners).mean():
            return best.score - rival.score
    return CERTAIN


def _read(
    photo: Photograph,
    start: PlaneModel,
    window: tuple[float, float],
    priors: tuple[tuple[float, float], ...],
    max_slope: float,
) -> list[_Reading]:
    """Return the readings of the four sides around a model, best first."""
    colour = FrameColour.learn(photo, start, window)
    searches = [search_side(photo, start, side, window, max_slope, colour) for side in range(4)]
    return _refitted(photo, start, choose(searches, priors, start))


def _refitted(photo: Photograph, start: PlaneModel, choices: list[Choice]) -> list[_Reading]:
    """Fit the readings that come near the best and judge them again by what the exact fit shows, best first."""
    readings = []
    for choice in choices:
        if choice.score - choice.score_as_square < choices[0].score - WITHIN_BEST:
            continue
        sides = _measure_sides(photo, start, choice.candidates, 0.006)
        shares = _shares(sides)
        fit = None
        score = choice.score - choice.score_as_square - SQUARE_LIMIT
        if min(shares) >= MIN_SHARE_TO_FIT:
            fit = _fit(_side_constraints(sides, start.extent), start)
            off = squareness_error(fit.model.matrix) / FINE_SQUARE_SPREAD
            score += SQUARE_LIMIT - min(0.5 * off**2, SQUARE_LIMIT)
        readings.append(_Reading(choice, sides, fit, score + SHARE_WEIGHT * float(np.mean(shares))))
    return sorted(readings, key=lambda reading: -reading.score)


def _with_grid(photo: Photograph, grid: Grid) -> tuple[JointFit, Evidence]:
    """Fit strings and inner edges together; sides that do not show their edge near the grid are left out."""
    colour = FrameColour.learn(photo, grid.model, (-0.02, 0.01))
    searches = [search_side(photo, grid.model, side, RIM_WINDOW, 0.005, colour) for side in range(4)]
    choice = choose(searches, ((0.0, RIM_SPREAD),), None)[0]
    sides = _measure_sides(photo, grid.model, choice.candidates, 0.004)
    offsets = [None if item is None else item.offset for item in choice.candidates]
    sides = _agreeing(sides, offsets)
    fit = _fit_both(grid, sides, grid.model)
    for window in (0.0045, 0.0035):
        fit, sides = _without_misfits(grid, sides, fit)
        sides = _measure_sides(photo, fit.model, (ON_MODEL,) * 4, window)
        fit = _fit_both(grid, sides, _of_grid(fit))
    moved_sides = _moved_inwards(photo, fit.model)
    if moved_sides is not None:
        sides = _measure_sides(photo, fit.model, moved_sides, 0.002)
        fit = _fit_both(grid, sides, _of_grid(fit))
    fit, sides = _without_misfits(grid, sides, fit)
    grid_corners = _of_grid(fit).corners_px
    moved = np.linalg.norm(grid_corners - grid.model.corners_px, axis=1)
    apart = float(moved.max() / side_lengths(grid_corners).mean())
    return fit, Evidence(
        _shares(sides),
        choice.score,
        CERTAIN,
        choice.likeness,
        choice.inner_rival,
        strings=grid.counts,
        mesh=grid.mesh,
        grid_disagreement_percent=100 * apart,
        beyond=float(beyond_ratios(photo, grid.model, grid.mesh).max()),
        end_cell=end_cell_ratio(photo, grid.model, grid.mesh),
        rim_percent=100 * fit.rim,
    )


def _fit_both(grid: Grid, sides: list[EdgePoints | None], start: PlaneModel) -> JointFit:
    return _fit([*grid.constraints, *_side_constraints(sides, grid.model.extent, SIDE_WEIGHT)], start)


def _of_grid(fit: JointFit) -> PlaneModel:
    """Return the model whose opening is the strings' grid, from the one whose opening is the inner edge."""
    return fit.model.after(narrower_by(fit.rim, fit.model.extent))


def _without_misfits(
    grid: Grid, sides: list[EdgePoints | None], fit: JointFit
) -> tuple[JointFit, list[EdgePoints | None]]:
    """Drop sides, worst first, whose points lie off the fit as a whole: a neighbouring line was taken for the edge."""
    while True:
        offs = [
            0.0 if item is None or item.share < MIN_SHARE_TO_FIT else _off_side(fit, s, item)
            for s, item in enumerate(sides)
        ]
        worst = int(np.argmax(offs))
        if offs[worst] < MAX_SIDE_MISFIT:
            return fit, sides
        sides = [None if index == worst else item for index, item in enumerate(sides)]
        fit = _fit_both(grid, sides, _of_grid(fit))


def _off_side(fit: JointFit, side: int, item: EdgePoints) -> float:
    """Return how far the thirds of a side's points lie from the fitted side, largest median, parts of the side."""
    own = on_a_side(side, fit.model.extent, item.points_px)
    signed = fit.model.to_plane(own.points_px)[:, own.axis] - own.position
    return max(abs(float(np.median(part))) for part in np.array_split(signed, 3))


def _agreeing(sides: list[EdgePoints | None], offsets: list[float | None]) -> list[EdgePoints | None]:
    """Drop sides, worst first, until the rest lie equally far (1 % of the side) from the grid."""
    kept = list(sides)
    while True:
        used = [i for i, item in enumerate(kept) if item is not None and item.share >= MIN_SHARE_TO_FIT]
        if len(used) < 2:
            return kept
        values = np.array([offsets[i] or 0.0 for i in used])
        distance = np.abs(values - np.median(values))
        if distance.max() < 0.010:
            return kept
        kept[used[int(np.argmax(distance))]] = None


def _accepted(
    photo: Photograph, fit: JointFit, evidence: Evidence, mask: NDArray[np.bool_], rough: RoughQuad
) -> QuadratFit:
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
    start = order_corners(_starting_model(rough, width, height, fit.model.extent).corners_px)
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
        mask_share_amiss=_mask_amiss(fit.model, mask, filled=rough.filled),
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


def _mask_amiss(model: PlaneModel, mask: NDArray[np.bool_], *, filled: bool) -> float:
    """Return the share of the mask that lies where neither a frame's bars nor (``filled``) its opening can be."""
    stride = max(1, max(mask.shape) // 300)
    y, x = np.nonzero(mask[::stride, ::stride])
    plane = model.to_plane(np.stack([x + 0.5, y + 0.5], axis=1) * stride)
    right, bottom = model.extent
    inward = np.minimum(np.minimum(plane[:, 0], right - plane[:, 0]), np.minimum(plane[:, 1], bottom - plane[:, 1]))
    deepest = np.inf if filled else DEEPEST_BAR
    return float(np.mean((inward < -WIDEST_BAR) | (inward > deepest)))
