"""How far a figure has been checked by people, in the words that stand beside it on every page and in every export."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from frontend.domain.estimates.campaign import Campaign, Mean, Status
from frontend.domain.measurements import is_ours
from frontend.domain.verified import Checked
from reefsteps.coverage_queries import CoverageRow

BY_HAND = "corners set by hand"
LEARNED = "the model learned from it"
NO_INTERVAL = "–"

Figures = Mapping[tuple[str, int], Campaign]
"""What is known of each island and year."""


def by_island_and_year(campaigns: Iterable[Campaign]) -> Figures:
    """Return the campaigns to be asked for."""
    return {(one.island, one.year): one for one in campaigns}


def of_a_quadrat(row: CoverageRow, checked: Checked | None) -> str:
    """Return a quadrat's status: "verified, 34 % by points (25 to 44)", "not verified, corners set by hand"."""
    return ", ".join([_verified(row, checked), *_flags(row)])


def is_verified(row: CoverageRow, checked: Checked | None) -> bool:
    """Return whether a person has answered enough points on the photograph of a row."""
    return is_ours(row) and checked is not None and checked.count.is_enough


def word_of_a_quadrat(row: CoverageRow, checked: Checked | None) -> str:
    """Return the status alone, for a column that can be counted by."""
    if is_verified(row, checked):
        return Status.VERIFIED.value
    return Status.NOT_VERIFIED.value if is_ours(row) else Status.ELSEWHERE.value


def _verified(row: CoverageRow, checked: Checked | None) -> str:
    word = word_of_a_quadrat(row, checked)
    if checked is None or word != Status.VERIFIED:
        return word
    interval = checked.count.interval
    return f"{word}, {checked.count.cover_percent:.0f} % by points ({interval.low:.0f} to {interval.high:.0f})"


def _flags(row: CoverageRow) -> list[str]:
    return [*([BY_HAND] if row.corners_manual else []), *([LEARNED] if row.learned else [])]


def of_a_mean(one: Campaign | None) -> str:
    """Return the status of an island and year, with what it lacks for an interval."""
    if one is None:
        return Status.NOT_VERIFIED.value
    if one.combined is None:
        return one.status.value if one.is_elsewhere else f"{one.status.value}: {one.wanting}"
    return f"{one.status.value} ({one.verified} of {one.quadrats} quadrats)"


def interval_of(mean: Mean | None) -> str:
    """Return the 95 % interval in words: "31.2 to 45.0"."""
    return NO_INTERVAL if mean is None else f"{mean.interval.low:.1f} to {mean.interval.high:.1f}"


def how_made(campaigns: Iterable[Campaign]) -> list[str]:
    """Return how the figures of a chart or file were made, in sentences, for whoever sees it without the page."""
    campaigns = list(campaigns)
    combined = [one for one in campaigns if one.combined is not None]
    alone = sum(one.combined is None and not one.is_elsewhere for one in campaigns)
    found = []
    if combined:
        methods = sorted({one.method.partition(",")[0] for one in combined})
        stands_for = "the reef" if combined[0].target.value == "reef" else "the quadrats surveyed"
        found.append(
            f"Verified and estimated: model and people's points together ({' or '.join(methods)}), with 95 % "
            f"intervals by Student's t that include the model's error; the mean stands for {stands_for}."
        )
    if alone:
        found.append(
            "Not verified: the model alone, with one standard error of the mean over the quadrats; nobody knows the "
            "model's error there."
        )
    return found + apart(campaigns)


def apart(campaigns: Iterable[Campaign]) -> list[str]:
    """Return how many quadrats are left out of intervals, and why, in sentences."""
    campaigns = list(campaigns)
    learned, cross = sum(one.left_out for one in campaigns), sum(one.cross_fitted for one in campaigns)
    elsewhere = sum(one.elsewhere for one in campaigns if not one.is_elsewhere)
    found = []
    if cross:
        found.append(
            f"The model learned from {_quadrats(cross)}: there the interval uses predictions of a model that was "
            "fitted without the photograph."
        )
    if learned:
        found.append(
            f"Left out of intervals: {_quadrats(learned)} whose photographs the model learned from. A model is better "
            "on those, and there are no predictions of a model that was fitted without them."
        )
    if elsewhere:
        found.append(
            f"Left out of intervals: {_quadrats(elsewhere)} that another program measured. Its error is another one."
        )
    return found


def _quadrats(number: int) -> str:
    return f"{number:,} quadrat{'s' * (number != 1)}"
