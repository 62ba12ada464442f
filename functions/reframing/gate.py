"""The quality gate: what a fit must show before a picture is cut by it. A refusal costs a person a minute; a silent
wrong crop costs the series its worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from reefsteps.arrays import Float64Array
from reefsteps.errors import QuadratNotFoundError
from reframing.plane.geometry import SQUARE, Extent, is_convex, side_lengths, signed_area
from reframing.strings.mesh import MIN_STRINGS, SQUARE_MESH, Mesh

FIGURES = "Figures: "
"""What stands before a refusal's figures, the last part of its message; the page folds them away."""
WHAT_TO_DO = "Mark the four inner corners by hand on the page, or photograph the quadrat again."

MAX_SIDE_RATIO = 1.5
ANGLE_RANGE_DEG = (58.0, 122.0)
MIN_AREA_SHARE = 0.05  # of the picture
MAX_RADIAL = 0.12
MAX_RESIDUAL_PERCENT = {True: 0.1, False: 0.2}  # by whether strings were used; right fits leave 0.08 at most
MAX_MOVED_PERCENT = 16.0
MAX_UNCERTAINTY_PERCENT = {True: 0.5, False: 1.0}  # by whether strings were used
STRINGS_FOR_TWO_SIDES = 7
MAX_GRID_DISAGREEMENT_PERCENT = 1.5
MAX_BEYOND = 0.5
MIN_END_CELL = 0.06  # of the strings' visibility elsewhere
ONE_CELL_SHARE = 0.55  # of a cell: nearer to the mask than this, the grid cannot be one cell off
MIN_SHARE = 0.45  # of each side, without strings
MIN_MEAN_SHARE = 0.8
# The reading's score (choice): alone, less for every percent of the side by which it lies further from the mask than
# masks usually do; and with how alike its four bars are, less for what is not seen of the least visible side.
MIN_SCORE = 7.5
MIN_READING = 12.0
READING_PER_LIKENESS = 15.0
READING_PER_HIDDEN_SIDE = 20.0
READING_PER_PERCENT_OFF_SQUARE = 20.0
USUALLY_OFF_SQUARE_PERCENT = 0.5  # of a frame as it is built
USUALLY_MOVED_PERCENT = 9.0
SCORE_PER_MOVED_PERCENT = 1.75
MIN_MARGIN = 0.8
MAX_SQUARENESS_PERCENT = {True: 1.5, False: 1.25}  # by whether strings were used
DOUBTFUL_LIKENESS = 0.6
STRINGS_FOR_NO_SIDE = 8  # these numbers are of the nine of a square's 10 x 10 grid
MIN_OUTLINE_AGREEMENT = 0.5
MAX_INNER_RIVAL = 0.75  # right readings have 0.24 in the median and 0.56 in the 98th percentile
MAX_MASK_SHARE_OFF_FRAME = {True: 0.6, False: 0.4}  # by whether strings were used


@dataclass(frozen=True)
class Evidence:
    """Everything that the gate looks at; percentages are of the mean side."""

    visible_share: tuple[float, float, float, float]
    reading_score: float
    reading_margin: float
    likeness: float
    inner_rival: float
    strings: tuple[int, int] | None = None
    mesh: Mesh = SQUARE_MESH
    grid_disagreement_percent: float = 0.0
    beyond: float = 0.0
    end_cell: float = 1.0
    rim_percent: float = 0.0
    outline_agreement: float = 0.0
    corners_px: Float64Array = field(default_factory=lambda: np.zeros((4, 2)))
    extent: Extent = SQUARE  # of the opening, from the corner that comes first
    picture_px: tuple[int, int] = (1, 1)
    residual_percent: float = 0.0
    uncertainty_percent: float = 0.0
    radial: float = 0.0
    moved_percent: float = 0.0
    squareness_percent: float = 0.0
    mask_share_off_frame: float = 0.0


@dataclass(frozen=True)
class Doubt:
    """A check that failed: in words for whoever looks at the photograph, and with its figures."""

    words: str
    figures: str


def check(evidence: Evidence) -> float:
    """Return the confidence (0 to 1); raises QuadratNotFoundError that names every failed check with its figures."""
    doubts = [*_shape_doubts(evidence), *_fit_doubts(evidence)]
    if doubts:
        raise QuadratNotFoundError(in_words(doubts))
    return confidence(evidence)


def in_words(doubts: Sequence[Doubt]) -> str:
    """Return the message of a refusal: what a person sees in the picture, what to do, and last the figures."""
    words = "; ".join(dict.fromkeys(doubt.words for doubt in doubts))
    figures = "; ".join(doubt.figures for doubt in doubts)
    return f"No quadrat that can be measured safely: {words}. {WHAT_TO_DO} {FIGURES}{figures}."


def confidence(evidence: Evidence) -> float:
    """Return the chance that every corner is within 1 % of the side, from the uncertainty (Rayleigh law)."""
    uncertainty = max(calibrated_uncertainty(evidence), 1e-3)
    return float(1 - np.exp(-0.5 * (1.0 / uncertainty) ** 2))


def calibrated_uncertainty(evidence: Evidence) -> float:
    """Return the expected largest corner error, percent of the side.

    The statistical figure (points that err together are counted once) is small against what it cannot see: sagging
    strings, uneven bars, bevels, a second lens term. With this factor and these floors the errors of 245 accepted
    photographs stayed below the figure in 80 % and below twice of it in 95 % (docs/reframing.md).
    """
    expected = 0.1 + 3 * evidence.uncertainty_percent
    if evidence.likeness < DOUBTFUL_LIKENESS or (evidence.strings is not None and max(evidence.visible_share) == 0):
        expected += 0.1
    return expected


def _shape_doubts(evidence: Evidence) -> list[Doubt]:
    corners = evidence.corners_px
    if not np.isfinite(corners).all() or not is_convex(corners):
        return [Doubt("the lines that were found do not close to a frame", "no convex quadrilateral")]
    doubts: list[Doubt] = []
    lengths = side_lengths(corners)
    relative = lengths / np.array([*evidence.extent, *evidence.extent])
    ratio = float(relative.max() / relative.min())
    shape = "square" if evidence.extent == SQUARE else "rectangle of the given size"
    if ratio > MAX_SIDE_RATIO:
        what = "" if evidence.extent == SQUARE else ", each relative to its length in cm,"
        doubts.append(
            Doubt(
                "the sides that were found differ too much in length",
                f"longest to shortest side{what} {ratio:.2f} (at most {MAX_SIDE_RATIO})",
            )
        )
    sides = np.roll(corners, -1, 0) - corners
    cosines = -np.sum(sides * np.roll(sides, 1, 0), axis=1) / (lengths * np.roll(lengths, 1))
    angles = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
    if angles.min() < ANGLE_RANGE_DEG[0] or angles.max() > ANGLE_RANGE_DEG[1]:
        doubts.append(
            Doubt(
                "a corner is too sharp or too blunt for a frame",
                f"corner angles {angles.min():.0f} to {angles.max():.0f} degrees "
                f"(accepted {ANGLE_RANGE_DEG[0]:.0f} to {ANGLE_RANGE_DEG[1]:.0f})",
            )
        )
    off_square = MAX_SQUARENESS_PERCENT[evidence.strings is not None]
    if evidence.squareness_percent > off_square:
        doubts.append(
            Doubt(
                f"the four lines cannot be a view of a {shape}",
                f"no view of a {shape} by {evidence.squareness_percent:.2f} % (at most {off_square})",
            )
        )
    width, height = evidence.picture_px
    area = signed_area(corners) / (width * height)
    if area < MIN_AREA_SHARE:
        doubts.append(
            Doubt(
                "the frame is too small in the picture",
                f"area {100 * area:.1f} % of the picture (at least {100 * MIN_AREA_SHARE:.0f} %)",
            )
        )
    return doubts


def _fit_doubts(evidence: Evidence) -> list[Doubt]:
    doubts: list[Doubt] = []
    most_residual = MAX_RESIDUAL_PERCENT[evidence.strings is not None]
    if evidence.residual_percent > most_residual:
        doubts.append(
            Doubt(
                "the lines do not lie well on the edge of the frame",
                f"residual {evidence.residual_percent:.2f} % of the side (at most {most_residual})",
            )
        )
    if abs(evidence.radial) > MAX_RADIAL:
        doubts.append(
            Doubt(
                "the frame is bent more than a lens bends it",
                f"lens distortion {evidence.radial:.2f} (at most {MAX_RADIAL})",
            )
        )
    if evidence.moved_percent > MAX_MOVED_PERCENT:
        doubts.append(
            Doubt(
                "the edges that were found lie far from where the model sees the quadrat",
                f"edges {evidence.moved_percent:.1f} % of the side off the mask (at most {MAX_MOVED_PERCENT})",
            )
        )
    if evidence.outline_agreement < MIN_OUTLINE_AGREEMENT:
        doubts.append(
            Doubt(
                "the model's outline of the quadrat is ragged",
                f"only {100 * evidence.outline_agreement:.0f} % of the mask's outline on four lines "
                f"(at least {100 * MIN_OUTLINE_AGREEMENT:.0f} %)",
            )
        )
    most_off_frame = MAX_MASK_SHARE_OFF_FRAME[evidence.strings is not None]
    if evidence.mask_share_off_frame > most_off_frame:
        doubts.append(
            Doubt(
                "much of what the model marked lies off the frame",
                f"{100 * evidence.mask_share_off_frame:.0f} % of the mask away from the frame "
                f"(at most {100 * most_off_frame:.0f} %)",
            )
        )
    limit = MAX_UNCERTAINTY_PERCENT[evidence.strings is not None]
    if calibrated_uncertainty(evidence) > limit:
        doubts.append(
            Doubt(
                "the corners would be too uncertain",
                f"estimated corner error {calibrated_uncertainty(evidence):.2f} % of the side (at most {limit})",
            )
        )
    return doubts + (_grid_doubts(evidence) if evidence.strings is not None else _edge_doubts(evidence))


def _grid_doubts(evidence: Evidence) -> list[Doubt]:
    strings, mesh = evidence.strings or (0, 0), evidence.mesh
    one_cell_percent = ONE_CELL_SHARE * 100 * mesh.cell
    doubts: list[Doubt] = []
    if evidence.grid_disagreement_percent > MAX_GRID_DISAGREEMENT_PERCENT:
        doubts.append(
            Doubt(
                "strings and frame do not agree",
                f"strings and frame disagree by {evidence.grid_disagreement_percent:.2f} % of the side "
                f"(at most {MAX_GRID_DISAGREEMENT_PERCENT})",
            )
        )
    if evidence.beyond > MAX_BEYOND and evidence.moved_percent > one_cell_percent:
        doubts.append(
            Doubt(
                "the strings go on beyond a side of the frame",
                f"strings go on beyond a side ({evidence.beyond:.2f}, at most {MAX_BEYOND})",
            )
        )
    if evidence.end_cell < MIN_END_CELL and evidence.moved_percent > one_cell_percent:
        doubts.append(
            Doubt(
                "a side has no strings beside it",
                f"no strings in a side's outermost cells ({evidence.end_cell:.2f} of those elsewhere, "
                f"at least {MIN_END_CELL})",
            )
        )
    sides = sum(share > 0 for share in evidence.visible_share)

    def least(of_nine: int) -> tuple[int, int]:
        return mesh.needed(0, of_nine), mesh.needed(1, of_nine)

    def enough(of_nine: int) -> bool:
        return all(count >= needed for count, needed in zip(strings, least(of_nine), strict=True))

    needed_sides = 0 if enough(STRINGS_FOR_NO_SIDE) else 2 if enough(STRINGS_FOR_TWO_SIDES) else 4
    if not enough(MIN_STRINGS) or sides < needed_sides:
        six, seven, eight = (
            f"{down} each" if down == across else f"{down} and {across}"
            for down, across in map(least, (MIN_STRINGS, STRINGS_FOR_TWO_SIDES, STRINGS_FOR_NO_SIDE))
        )
        doubts.append(
            Doubt(
                "too few strings and sides can be seen",
                f"{strings[0]} strings down, {strings[1]} across and {sides} sides seen "
                f"({six} and four sides needed, or {seven} and two sides, or {eight})",
            )
        )
    return doubts


def _edge_doubts(evidence: Evidence) -> list[Doubt]:
    doubts: list[Doubt] = []
    shares = evidence.visible_share
    if min(shares) < MIN_SHARE or float(np.mean(shares)) < MIN_MEAN_SHARE:
        doubts.append(
            Doubt(
                "too little of the inner edge of the frame can be seen",
                "inner edge seen on "
                + ", ".join(f"{100 * share:.0f} %" for share in shares)
                + " of top, right, bottom, left "
                f"(without strings at least {100 * MIN_SHARE:.0f} % of each, {100 * MIN_MEAN_SHARE:.0f} % on average)",
            )
        )
    far = max(0.0, evidence.moved_percent - USUALLY_MOVED_PERCENT)
    score = evidence.reading_score - SCORE_PER_MOVED_PERCENT * far
    reading = evidence.reading_score + READING_PER_LIKENESS * evidence.likeness
    reading -= READING_PER_HIDDEN_SIDE * (1 - min(shares))
    reading -= READING_PER_PERCENT_OFF_SQUARE * max(0.0, evidence.squareness_percent - USUALLY_OFF_SQUARE_PERCENT)
    if score < MIN_SCORE or reading < MIN_READING:
        doubts.append(
            Doubt(
                "the four edges do not look like one frame",
                f"the four edges do not read as one frame's ({score:.1f} and {reading:.1f}, at least {MIN_SCORE} and "
                f"{MIN_READING:g})",
            )
        )
    if evidence.inner_rival > MAX_INNER_RIVAL:
        doubts.append(
            Doubt(
                "a second line runs along a side, and either could be the edge",
                f"a line further in runs parallel to a side ({evidence.inner_rival:.2f} of its strength, at most "
                f"{MAX_INNER_RIVAL})",
            )
        )
    if evidence.reading_margin < MIN_MARGIN:
        doubts.append(
            Doubt(
                "two edges could be the frame's",
                f"more than one set of edges could be the frame's (lead {evidence.reading_margin:.2f}, "
                f"at least {MIN_MARGIN})",
            )
        )
    return doubts
