"""The quality gate: what a fit must show before a picture is cut by it. A refusal costs a person a minute; a silent
wrong crop costs the series its worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from reefsteps.arrays import Float64Array
from reefsteps.errors import QuadratNotFoundError
from reframing.limits.gate import GATE as LIMITS
from reframing.limits.gate import UNCERTAINTY, WITH_STRINGS, WITHOUT_STRINGS, FitLimits
from reframing.limits.strings import MESH
from reframing.plane.geometry import SQUARE, Extent, is_convex, side_lengths, signed_area
from reframing.strings.mesh import SQUARE_MESH, Mesh

FIGURES = "Figures: "
"""What stands before a refusal's figures, the last part of its message; the page folds them away."""
WHAT_TO_DO = "Mark the four inner corners by hand on the page, or photograph the quadrat again."


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
    uncertainty = max(calibrated_uncertainty(evidence), UNCERTAINTY.least_percent)
    return float(1 - np.exp(-0.5 * (UNCERTAINTY.confident_percent / uncertainty) ** 2))


def calibrated_uncertainty(evidence: Evidence) -> float:
    """Return the expected largest corner error, percent of the side.

    The statistical figure (points that err together are counted once) is small against what it cannot see: sagging
    strings, uneven bars, bevels, a second lens term. With this factor and these floors the errors of 245 accepted
    photographs stayed below the figure in 80 % and below twice of it in 95 % (docs/reframing.md).
    """
    expected = UNCERTAINTY.floor_percent + UNCERTAINTY.factor * evidence.uncertainty_percent
    if evidence.likeness < UNCERTAINTY.doubtful_similarity or (
        evidence.strings is not None and max(evidence.visible_share) == 0
    ):
        expected += UNCERTAINTY.doubt_percent
    return expected


def _fit_limits(evidence: Evidence) -> FitLimits:
    return WITHOUT_STRINGS if evidence.strings is None else WITH_STRINGS


def _shape_doubts(evidence: Evidence) -> list[Doubt]:
    corners = evidence.corners_px
    if not np.isfinite(corners).all() or not is_convex(corners):
        return [Doubt("the lines that were found do not close to a frame", "no convex quadrilateral")]
    doubts: list[Doubt] = []
    lengths = side_lengths(corners)
    relative = lengths / np.array([*evidence.extent, *evidence.extent])
    ratio = float(relative.max() / relative.min())
    shape = "square" if evidence.extent == SQUARE else "rectangle of the given size"
    if ratio > LIMITS.max_side_ratio:
        what = "" if evidence.extent == SQUARE else ", each relative to its length in cm,"
        doubts.append(
            Doubt(
                "the sides that were found differ too much in length",
                f"longest to shortest side{what} {ratio:.2f} (at most {LIMITS.max_side_ratio})",
            )
        )
    sides = np.roll(corners, -1, 0) - corners
    cosines = -np.sum(sides * np.roll(sides, 1, 0), axis=1) / (lengths * np.roll(lengths, 1))
    angles = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
    if angles.min() < LIMITS.angles_deg[0] or angles.max() > LIMITS.angles_deg[1]:
        doubts.append(
            Doubt(
                "a corner is too sharp or too blunt for a frame",
                f"corner angles {angles.min():.0f} to {angles.max():.0f} degrees "
                f"(accepted {LIMITS.angles_deg[0]:.0f} to {LIMITS.angles_deg[1]:.0f})",
            )
        )
    off_square = _fit_limits(evidence).max_squareness_percent
    if evidence.squareness_percent > off_square:
        doubts.append(
            Doubt(
                f"the four lines cannot be a view of a {shape}",
                f"no view of a {shape} by {evidence.squareness_percent:.2f} % (at most {off_square})",
            )
        )
    width, height = evidence.picture_px
    area = signed_area(corners) / (width * height)
    if area < LIMITS.min_area:
        doubts.append(
            Doubt(
                "the frame is too small in the picture",
                f"area {100 * area:.1f} % of the picture (at least {100 * LIMITS.min_area:.0f} %)",
            )
        )
    return doubts


def _fit_doubts(evidence: Evidence) -> list[Doubt]:
    doubts: list[Doubt] = []
    most_residual = _fit_limits(evidence).max_residual_percent
    if evidence.residual_percent > most_residual:
        doubts.append(
            Doubt(
                "the lines do not lie well on the edge of the frame",
                f"residual {evidence.residual_percent:.2f} % of the side (at most {most_residual})",
            )
        )
    if abs(evidence.radial) > LIMITS.max_radial:
        doubts.append(
            Doubt(
                "the frame is bent more than a lens bends it",
                f"lens distortion {evidence.radial:.2f} (at most {LIMITS.max_radial})",
            )
        )
    if evidence.moved_percent > LIMITS.max_distance_percent:
        doubts.append(
            Doubt(
                "the edges that were found lie far from where the model sees the quadrat",
                f"edges {evidence.moved_percent:.1f} % of the side off the mask (at most {LIMITS.max_distance_percent})",
            )
        )
    if evidence.outline_agreement < LIMITS.min_outline_agreement:
        doubts.append(
            Doubt(
                "the model's outline of the quadrat is ragged",
                f"only {100 * evidence.outline_agreement:.0f} % of the mask's outline on four lines "
                f"(at least {100 * LIMITS.min_outline_agreement:.0f} %)",
            )
        )
    most_off_frame = _fit_limits(evidence).max_mask_share_off_frame
    if evidence.mask_share_off_frame > most_off_frame:
        doubts.append(
            Doubt(
                "much of what the model marked lies off the frame",
                f"{100 * evidence.mask_share_off_frame:.0f} % of the mask away from the frame "
                f"(at most {100 * most_off_frame:.0f} %)",
            )
        )
    limit = _fit_limits(evidence).max_uncertainty_percent
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
    one_cell_percent = LIMITS.one_cell * 100 * mesh.cell
    doubts: list[Doubt] = []
    if evidence.grid_disagreement_percent > LIMITS.max_grid_disagreement_percent:
        doubts.append(
            Doubt(
                "strings and frame do not agree",
                f"strings and frame disagree by {evidence.grid_disagreement_percent:.2f} % of the side "
                f"(at most {LIMITS.max_grid_disagreement_percent})",
            )
        )
    if evidence.beyond > LIMITS.max_strings_beyond and evidence.moved_percent > one_cell_percent:
        doubts.append(
            Doubt(
                "the strings go on beyond a side of the frame",
                f"strings go on beyond a side ({evidence.beyond:.2f}, at most {LIMITS.max_strings_beyond})",
            )
        )
    if evidence.end_cell < LIMITS.min_end_cell and evidence.moved_percent > one_cell_percent:
        doubts.append(
            Doubt(
                "a side has no strings beside it",
                f"no strings in a side's outermost cells ({evidence.end_cell:.2f} of those elsewhere, "
                f"at least {LIMITS.min_end_cell})",
            )
        )
    sides = sum(share > 0 for share in evidence.visible_share)

    def least(of_nine: int) -> tuple[int, int]:
        return mesh.needed(0, of_nine), mesh.needed(1, of_nine)

    def enough(of_nine: int) -> bool:
        return all(count >= needed for count, needed in zip(strings, least(of_nine), strict=True))

    needed_sides = LIMITS.sides_with_few_strings
    if enough(LIMITS.strings_for_two_sides):
        needed_sides = LIMITS.sides_with_more_strings
    if enough(LIMITS.strings_for_no_side):
        needed_sides = 0
    if not enough(MESH.min_strings) or sides < needed_sides:
        six, seven, eight = (
            f"{down} each" if down == across else f"{down} and {across}"
            for down, across in map(least, (MESH.min_strings, LIMITS.strings_for_two_sides, LIMITS.strings_for_no_side))
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
    if min(shares) < LIMITS.min_share or float(np.mean(shares)) < LIMITS.min_mean_share:
        doubts.append(
            Doubt(
                "too little of the inner edge of the frame can be seen",
                "inner edge seen on "
                + ", ".join(f"{100 * share:.0f} %" for share in shares)
                + " of top, right, bottom, left "
                f"(without strings at least {100 * LIMITS.min_share:.0f} % of each, {100 * LIMITS.min_mean_share:.0f} % on average)",
            )
        )
    far = max(0.0, evidence.moved_percent - LIMITS.usual_distance_percent)
    score = evidence.reading_score - LIMITS.score_per_distance_percent * far
    reading = evidence.reading_score + LIMITS.score_per_similarity * evidence.likeness
    reading -= LIMITS.score_per_hidden_side * (1 - min(shares))
    reading -= LIMITS.score_per_percent_off_square * max(
        0.0, evidence.squareness_percent - LIMITS.usual_percent_off_square
    )
    if score < LIMITS.min_score or reading < LIMITS.min_frame_score:
        doubts.append(
            Doubt(
                "the four edges do not look like one frame",
                f"the four edges do not read as one frame's ({score:.1f} and {reading:.1f}, at least {LIMITS.min_score} and "
                f"{LIMITS.min_frame_score:g})",
            )
        )
    if evidence.inner_rival > LIMITS.max_inner_rival:
        doubts.append(
            Doubt(
                "a second line runs along a side, and either could be the edge",
                f"a line further in runs parallel to a side ({evidence.inner_rival:.2f} of its strength, at most "
                f"{LIMITS.max_inner_rival})",
            )
        )
    if evidence.reading_margin < LIMITS.min_lead:
        doubts.append(
            Doubt(
                "two edges could be the frame's",
                f"more than one set of edges could be the frame's (lead {evidence.reading_margin:.2f}, "
                f"at least {LIMITS.min_lead})",
            )
        )
    return doubts
