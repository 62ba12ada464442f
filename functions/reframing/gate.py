"""The quality gate: what a fit must show before a picture is cut by it.

A refusal costs a person a minute. A wrong crop that nobody notices spoils the time series. The limits stand in
`reframing.limits.gate`.
"""

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
"""Precedes a refusal's figures, the last part of its message; the page folds them away."""
WHAT_TO_DO = "Mark the four inner corners by hand on the page, or photograph the quadrat again."


@dataclass(frozen=True)
class Evidence:
    """Everything that the gate looks at. Percentages are of the mean side, sides in the order of `plane.side.Side`."""

    visible_share: tuple[float, float, float, float]
    hypothesis_score: float
    lead: float  # of that score over the best hypothesis with other corners
    similarity: float  # correlation of the least similar bar with the other three, -1 to 1
    inner_rival: float  # strength of the strongest parallel line further in, relative to the edge
    strings: tuple[int, int] | None = None  # numbers that run down and across; None for a fit without strings
    mesh: Mesh = SQUARE_MESH
    grid_disagreement_percent: float = 0.0
    strings_beyond: float = 0.0  # visibility of the strings outside of a side, relative to inside
    end_cell: float = 1.0  # visibility of the strings in the outermost cells, relative to elsewhere
    outline_agreement: float = 0.0  # share of the mask's outline on the four lines
    corners_px: Float64Array = field(default_factory=lambda: np.zeros((4, 2)))
    extent: Extent = SQUARE  # of the opening, from the corner that comes first
    picture_px: tuple[int, int] = (1, 1)  # width and height
    residual_percent: float = 0.0
    uncertainty_percent: float = 0.0
    radial: float = 0.0
    mask_distance_percent: float = 0.0  # from the corners to where the mask suggests them
    squareness_percent: float = 0.0  # `plane.view.squareness_error`
    mask_share_off_frame: float = 0.0


@dataclass(frozen=True)
class RejectionReason:
    """A check that failed: in words for whoever looks at the photograph, and with its figures."""

    words: str
    figures: str


# A check: whether it failed, and the words and figures of the reason.
_Check = tuple[bool, str, str]


def check(evidence: Evidence) -> float:
    """Return the confidence (0 to 1); raises QuadratNotFoundError that names every failed check with its figures."""
    reasons = [RejectionReason(words, figures) for failed, words, figures in _checks(evidence) if failed]
    if reasons:
        raise QuadratNotFoundError(rejection_message(reasons))
    return confidence(evidence)


def rejection_message(reasons: Sequence[RejectionReason]) -> str:
    """Return the message of a refusal: what a person sees in the picture, what to do, and last the figures."""
    words = "; ".join(dict.fromkeys(reason.words for reason in reasons))
    figures = "; ".join(reason.figures for reason in reasons)
    return f"No quadrat that can be measured safely: {words}. {WHAT_TO_DO} {FIGURES}{figures}."


def confidence(evidence: Evidence) -> float:
    """Return the chance that every corner is within 1 % of the side, from the uncertainty (Rayleigh distribution)."""
    uncertainty = max(calibrated_uncertainty(evidence), UNCERTAINTY.least_percent)
    return float(1 - np.exp(-0.5 * (UNCERTAINTY.confident_percent / uncertainty) ** 2))


def calibrated_uncertainty(evidence: Evidence) -> float:
    """Return the expected largest corner error, percent of the side.

    The fit's own estimate counts points that err together once. It cannot see sagging strings, uneven bars, bevels or
    a second lens term. With the factor and the floors in ``UNCERTAINTY``, the errors of 245 accepted photographs stayed
    below the figure in 80 % and below twice the figure in 95 % of cases (docs/explanation/reframing.md).
    """
    expected = UNCERTAINTY.floor_percent + UNCERTAINTY.factor * evidence.uncertainty_percent
    without_sides = evidence.strings is not None and max(evidence.visible_share) == 0
    if evidence.similarity < UNCERTAINTY.doubtful_similarity or without_sides:
        expected += UNCERTAINTY.doubt_percent
    return expected


def _checks(evidence: Evidence) -> list[_Check]:
    corners = evidence.corners_px
    if not np.isfinite(corners).all() or not is_convex(corners):
        checks: list[_Check] = [(True, "the lines that were found do not close to a frame", "no convex quadrilateral")]
    else:
        checks = _shape_checks(evidence)
    return [*checks, *_fit_checks(evidence), *_frame_checks(evidence)]


def _frame_checks(evidence: Evidence) -> list[_Check]:
    return _edge_checks(evidence) if evidence.strings is None else _grid_checks(evidence, evidence.strings)


def _fit_limits(evidence: Evidence) -> FitLimits:
    return WITHOUT_STRINGS if evidence.strings is None else WITH_STRINGS


def _shape_checks(evidence: Evidence) -> list[_Check]:
    corners = evidence.corners_px
    lengths = side_lengths(corners)
    relative = lengths / np.array([*evidence.extent, *evidence.extent])
    ratio = float(relative.max() / relative.min())
    what = "" if evidence.extent == SQUARE else ", each relative to its length in cm,"
    shape = "square" if evidence.extent == SQUARE else "rectangle of the given size"
    sides = np.roll(corners, -1, 0) - corners
    cosines = -np.sum(sides * np.roll(sides, 1, 0), axis=1) / (lengths * np.roll(lengths, 1))
    angles = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
    smallest_deg, largest_deg = LIMITS.angles_deg
    off_square = _fit_limits(evidence).max_squareness_percent
    width, height = evidence.picture_px
    area = signed_area(corners) / (width * height)
    return [
        (
            ratio > LIMITS.max_side_ratio,
            "the sides that were found differ too much in length",
            f"longest to shortest side{what} {ratio:.2f} (at most {LIMITS.max_side_ratio})",
        ),
        (
            bool(angles.min() < smallest_deg or angles.max() > largest_deg),
            "a corner is too sharp or too blunt for a frame",
            f"corner angles {angles.min():.0f} to {angles.max():.0f} degrees "
            f"(accepted {smallest_deg:.0f} to {largest_deg:.0f})",
        ),
        (
            evidence.squareness_percent > off_square,
            f"the four lines cannot be a view of a {shape}",
            f"no view of a {shape} by {evidence.squareness_percent:.2f} % (at most {off_square})",
        ),
        (
            area < LIMITS.min_area,
            "the frame is too small in the picture",
            f"area {100 * area:.1f} % of the picture (at least {100 * LIMITS.min_area:.0f} %)",
        ),
    ]


def _fit_checks(evidence: Evidence) -> list[_Check]:
    limits, uncertainty = _fit_limits(evidence), calibrated_uncertainty(evidence)
    return [
        (
            evidence.residual_percent > limits.max_residual_percent,
            "the lines do not lie well on the edge of the frame",
            f"residual {evidence.residual_percent:.2f} % of the side (at most {limits.max_residual_percent})",
        ),
        (
            abs(evidence.radial) > LIMITS.max_radial,
            "the frame is bent more than a lens bends it",
            f"lens distortion {evidence.radial:.2f} (at most {LIMITS.max_radial})",
        ),
        (
            evidence.mask_distance_percent > LIMITS.max_distance_percent,
            "the edges that were found lie far from where the model sees the quadrat",
            f"edges {evidence.mask_distance_percent:.1f} % of the side off the mask "
            f"(at most {LIMITS.max_distance_percent})",
        ),
        (
            evidence.outline_agreement < LIMITS.min_outline_agreement,
            "the model's outline of the quadrat is ragged",
            f"only {100 * evidence.outline_agreement:.0f} % of the mask's outline on four lines "
            f"(at least {100 * LIMITS.min_outline_agreement:.0f} %)",
        ),
        (
            evidence.mask_share_off_frame > limits.max_mask_share_off_frame,
            "much of what the model marked lies off the frame",
            f"{100 * evidence.mask_share_off_frame:.0f} % of the mask away from the frame "
            f"(at most {100 * limits.max_mask_share_off_frame:.0f} %)",
        ),
        (
            uncertainty > limits.max_uncertainty_percent,
            "the corners would be too uncertain",
            f"estimated corner error {uncertainty:.2f} % of the side (at most {limits.max_uncertainty_percent})",
        ),
    ]


def _grid_checks(evidence: Evidence, strings: tuple[int, int]) -> list[_Check]:
    mesh = evidence.mesh
    one_cell_percent = LIMITS.one_cell * 100 * mesh.cell
    may_be_one_cell_off = evidence.mask_distance_percent > one_cell_percent
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
    six, seven, eight = (
        f"{down} each" if down == across else f"{down} and {across}"
        for down, across in map(least, (MESH.min_strings, LIMITS.strings_for_two_sides, LIMITS.strings_for_no_side))
    )
    return [
        (
            evidence.grid_disagreement_percent > LIMITS.max_grid_disagreement_percent,
            "strings and frame do not agree",
            f"strings and frame disagree by {evidence.grid_disagreement_percent:.2f} % of the side "
            f"(at most {LIMITS.max_grid_disagreement_percent})",
        ),
        (
            evidence.strings_beyond > LIMITS.max_strings_beyond and may_be_one_cell_off,
            "the strings go on beyond a side of the frame",
            f"strings go on beyond a side ({evidence.strings_beyond:.2f}, at most {LIMITS.max_strings_beyond})",
        ),
        (
            evidence.end_cell < LIMITS.min_end_cell and may_be_one_cell_off,
            "a side has no strings beside it",
            f"no strings in a side's outermost cells ({evidence.end_cell:.2f} of those elsewhere, "
            f"at least {LIMITS.min_end_cell})",
        ),
        (
            not enough(MESH.min_strings) or sides < needed_sides,
            "too few strings and sides can be seen",
            f"{strings[0]} strings down, {strings[1]} across and {sides} sides seen "
            f"({six} and four sides needed, or {seven} and two sides, or {eight})",
        ),
    ]


def _edge_checks(evidence: Evidence) -> list[_Check]:
    shares = evidence.visible_share
    excess_percent = max(0.0, evidence.mask_distance_percent - LIMITS.usual_distance_percent)
    score = evidence.hypothesis_score - LIMITS.score_per_distance_percent * excess_percent
    frame_score = evidence.hypothesis_score + LIMITS.score_per_similarity * evidence.similarity
    frame_score -= LIMITS.score_per_hidden_side * (1 - min(shares))
    off_square = max(0.0, evidence.squareness_percent - LIMITS.usual_percent_off_square)
    frame_score -= LIMITS.score_per_percent_off_square * off_square
    return [
        (
            min(shares) < LIMITS.min_share or float(np.mean(shares)) < LIMITS.min_mean_share,
            "too little of the inner edge of the frame can be seen",
            "inner edge seen on "
            + ", ".join(f"{100 * share:.0f} %" for share in shares)
            + f" of top, right, bottom, left (without strings at least {100 * LIMITS.min_share:.0f} % of each, "
            f"{100 * LIMITS.min_mean_share:.0f} % on average)",
        ),
        (
            score < LIMITS.min_score or frame_score < LIMITS.min_frame_score,
            "the four edges do not look like one frame",
            f"the four edges do not read as one frame's ({score:.1f} and {frame_score:.1f}, at least "
            f"{LIMITS.min_score} and {LIMITS.min_frame_score:g})",
        ),
        (
            evidence.inner_rival > LIMITS.max_inner_rival,
            "a second line runs along a side, and either could be the edge",
            f"a line further in runs parallel to a side ({evidence.inner_rival:.2f} of its strength, at most "
            f"{LIMITS.max_inner_rival})",
        ),
        (
            evidence.lead < LIMITS.min_lead,
            "two edges could be the frame's",
            f"more than one set of edges could be the frame's (lead {evidence.lead:.2f}, at least {LIMITS.min_lead})",
        ),
    ]
