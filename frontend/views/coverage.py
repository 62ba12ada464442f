"""Coverage: trends, paired change, positions by years, sizes of colonies, exports."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from frontend import address, navigation
from frontend.components import downloads, filters, marks, states, verified_cover
from frontend.components.text import count, plain
from frontend.domain import charts, exports, statistics, statuses, verified
from frontend.domain.comparability import mixed_methods, not_corrected
from frontend.domain.estimates.campaign import Status
from frontend.domain.exports import About
from frontend.domain.measurements import Filter, cover_of, islands_of, models_of
from frontend.domain.statistics import Cover, MeanCover
from frontend.domain.statuses import Figures
from frontend.domain.trusted import sentences
from frontend.domain.verified import Checks, checked_of
from frontend.navigation import CoveragePart
from frontend.services import measurements
from reefsteps.coverage_queries import CoverageRow
from reefsteps.results import Trust
from reefsteps.trust import MARK, change_number, cover_number, decimals, is_marked, marked

_FEW_POSITIONS = 40
_FEW_SERIES = 5
_NO_OUTLINE = "Not verified: colonies are as the model draws them, and points say nothing of an outline."


@dataclass(frozen=True)
class _Choice:
    """What the filters leave, for the parts of the page."""

    filter: Filter
    rows: Sequence[CoverageRow]
    covers: Sequence[Cover]
    means: Sequence[MeanCover]
    about: About
    checks: Checks
    figures: Figures


def show() -> None:
    """Show the page."""
    states.title("Coverage", "Percent coral cover over the years; the quadrat is the unit.")
    rows = states.coverage()
    if not rows:
        states.nothing_yet()
    chosen = filters.campaign_filter(rows, lambda other: navigation.to_coverage(other, _named()))
    if chosen is None:
        return
    found = chosen.apply(rows)
    marks.say_of_others(found)
    if not found:
        st.info("No result fits these filters. Remove one.", icon=":material/filter_alt_off:")
        return
    covers = [cover_of(row) for row in found]
    said = [sentence for sentence, _ in sentences(row.trust for row in found)]
    means = statistics.mean_cover(covers)
    checks = states.from_database(measurements.checked)
    campaigns = verified.campaigns(found, checks)
    how_made = statuses.how_made(campaigns)
    about = About(chosen.describe(), datetime.now(UTC), models_of(found), said=said, intervals=how_made)
    figures = statuses.by_island_and_year(campaigns)
    models = {model for m in not_corrected(means, figures) for model in m.models}
    if len(models) > 1:
        st.warning(
            f"Results that nobody has verified come from {len(models)} models. A change between years may be the "
            "model's: run the older photographs again before comparing, or verify photographs of these years.",
            icon=":material/warning:",
        )
    choice = _Choice(chosen, found, covers, means, about, checks, figures)
    parts = {
        CoveragePart.TREND: _trend,
        CoveragePart.SAME_QUADRATS: _same_quadrats,
        CoveragePart.CHECKED: _checked,
        CoveragePart.SIZES: _sizes,
        CoveragePart.EXPORT: _export,
    }
    names = [part.value for part in parts]
    strange = address.strangers(names, name="show")
    if strange:
        st.warning(f"This page has no part {plain(strange[-1])}. Choose one.", icon=":material/search_off:")
        with st.container(horizontal=True):
            for name in parts:
                navigation.link(navigation.to_coverage(chosen, name), name.value)
        return
    for tab, part in zip(address.tabs(names, name="show"), parts.values(), strict=True):
        if tab.open:  # each part costs a query, a chart or both: only the one that is looked at is made
            with tab:
                part(choice)


def _named() -> CoveragePart | None:
    """Return the part that the address names; None where it names none or a strange one."""
    return next((part for part in CoveragePart if part == address.text("show")), None)


def _trend(choice: _Choice) -> None:
    st.subheader("Mean cover of each island", anchor=False)
    mixed = mixed_methods(not_corrected(choice.means, choice.figures))
    chart = charts.trend(choice.means, choice.figures)
    alt = "Mean coral cover by year and island with its interval, or its standard error where nobody has verified it"
    st.vega_lite_chart(chart, width="stretch", alt=alt)
    is_checked = any(one.combined for one in choice.figures.values())
    st.caption(
        "Open points: not verified, the model alone; the dashed bar is one standard error of the mean over n quadrats "
        "and holds nothing of the model's error. "
        + ("Filled points: model and points together; the bar is the 95 % interval. " if is_checked else "")
        + "A line joins two successive years only where at least half of the quadrats are the same positions, and "
        "where a change of model cannot look like one of the reef."
        + (f" {MARK}: see the top of the page." if choice.about.said else "")
    )
    for sentence in statuses.apart(choice.figures.values()):
        st.caption(sentence)
    _say_mixed(mixed)
    notes = [*_with_mark(choice.about.said), *choice.about.intervals, *mixed]
    downloads.chart_files(chart, "Coral cover by island", "trend", notes)
    _means(choice)
    with st.container(horizontal=True):
        rows = partial(exports.mean_rows, choice.means, choice.figures)
        downloads.table_file("Trend as CSV", lambda: exports.to_csv(rows(), choice.about), "coverage-means.csv")
        navigation.link(navigation.to_help(navigation.HelpPart.INTERVALS), "What intervals say", icon="help")
    verified_cover.show_changes(verified.changes(choice.rows, choice.checks))


def _means(choice: _Choice) -> None:
    places = decimals(m.trust for m in choice.means)
    st.dataframe(
        [
            {
                "Island": m.island,
                "Year": m.year,
                "n": m.n,
                **status,
                "Model alone (%)": m.mean,
                **mark,
                "SD (points)": m.standard_deviation,
                "SE (points)": m.standard_error,
            }
            for m, mark, status in zip(
                choice.means,
                marks.column([m.trust for m in choice.means]),
                marks.recommended([choice.figures.get((m.island, m.year)) for m in choice.means]),
                strict=True,
            )
        ],
        hide_index=True,
        height=min(320, 40 + 35 * len(choice.means)),
        column_config={
            "Year": st.column_config.NumberColumn(format="%d"),
            "n": st.column_config.NumberColumn(help="Number of quadrats"),
            **marks.RECOMMENDED_COLUMNS,
            "Model alone (%)": st.column_config.NumberColumn(format=f"%.{places}f"),
            "SD (points)": st.column_config.NumberColumn(format="%.1f", help="Standard deviation between quadrats"),
            "SE (points)": st.column_config.NumberColumn(
                format="%.1f", help="Standard error of the model's mean: SD / √n, without the model's error"
            ),
        },
        alt="Mean cover by island and year",
    )


def _one_island(choice: _Choice) -> str | None:
    """Return the island that a part looks at; None, after saying so, where the address names one that is not here."""
    islands = islands_of(choice.rows)
    island = address.one_of("Island", islands, name="of", default=islands[0], placeholder="Choose", width=300)
    if island is None:
        st.info(f"There is no result of {plain(address.text('of') or '')} in this choice. Choose an island.")
    return island


def _same_quadrats(choice: _Choice) -> None:
    island = _one_island(choice)
    if island is None:
        return
    years, matrix = statistics.positions_by_years(choice.covers, island)
    st.subheader("Change between years", anchor=False)
    _changes(statistics.successive_changes(choice.covers, island), years)
    of_island = [row for row in choice.rows if row.island == island]
    verified_cover.show_changes(verified.changes(of_island, choice.checks))
    mixed = mixed_methods([m for m in choice.means if m.island == island])
    _say_mixed(mixed)
    trusts = {(c.location, c.year): c.trust for c in choice.covers if c.island == island}
    words = {
        (row.location, row.year): statuses.of_a_quadrat(row, checked_of(row, choice.checks))
        for row in choice.rows
        if row.island == island
    }
    notes = [*_with_mark(sentence for sentence, _ in sentences(trusts.values())), _alone(words.values()), *mixed]
    if len(years) > 1:
        lines = charts.same_quadrats(matrix, trusts, words)
        st.vega_lite_chart(lines, width="stretch", alt=f"Cover of each position on {island} over the years")
        st.caption(f"Each line is one position. {_alone(words.values())}")
        downloads.chart_files(lines, f"{island}: each position", "positions", notes)
    st.subheader("Positions and years", anchor=False)
    heat = charts.heat_map(matrix, years, trusts, words)
    if len(matrix) > _FEW_POSITIONS:
        st.dataframe(_large_matrix(matrix, years, trusts, words), height=420, alt="Positions by years")
    else:
        st.vega_lite_chart(heat, width="stretch", alt=f"Cover by position and year on {island}")
    st.caption(
        f"Percent cover of each quadrat. A dash: not measured in that year. {charts.VERIFIED_MARK}: verified by "
        f"points. {_alone(words.values())}"
    )
    downloads.chart_files(heat, f"{island}: positions and years", "matrix", notes)


def _with_mark(said: Iterable[str]) -> list[str]:
    return [f"{MARK} {sentence}" for sentence in said]


def _alone(words: Iterable[str]) -> str:
    """Say that single figures are the model's own, and how many of them people have verified."""
    words = list(words)
    number = sum(word.startswith(Status.VERIFIED) for word in words)
    return f"Figures of single quadrats are the model's; {number:,} of {len(words):,} are verified by points."


def _large_matrix(
    matrix: dict[int, dict[int, float]], years: list[int], trusts: charts.Trusts, words: charts.Words
) -> Any:
    """Return positions by years as a table that sorts by number and shows each cover with its mark."""
    frame = pd.DataFrame.from_dict(matrix, orient="index").reindex(columns=years)
    styled = frame.style.format(na_rep="–")
    for year in years:
        for is_cell_marked, is_verified in itertools.product((False, True), repeat=2):
            cells = [
                at
                for at in matrix
                if year in matrix[at]
                and is_marked(trusts.get((at, year))) == is_cell_marked
                and words.get((at, year), "").startswith(Status.VERIFIED) == is_verified
            ]
            if cells:
                some = trusts.get((cells[0], year))
                places = decimals(trusts.get((at, year)) for at in cells)
                shown = partial(_cell, places=places, trust=some, is_verified=is_verified)
                styled = styled.format(shown, subset=pd.IndexSlice[cells, [year]])
    return styled


def _cell(percent: float, places: int, trust: Trust | None, is_verified: bool) -> str:
    return marked(cover_number(percent, places), trust) + f" {charts.VERIFIED_MARK}" * is_verified


def _say_mixed(mixed: Sequence[str]) -> None:
    """Say which series mix colour treatments or models; a change in them may be the method's."""
    if not mixed:
        return
    more = f" {count(len(mixed) - _FEW_SERIES, 'more series is', 'more series are')} mixed too." * (
        len(mixed) > _FEW_SERIES
    )
    st.warning(
        f"{' '.join(plain(sentence) for sentence in mixed[:_FEW_SERIES])}{more} A change may come from the method.",
        icon=":material/palette:",
    )


def _changes(changes: Sequence[statistics.PairedChange], years: Sequence[int]) -> None:
    if len(years) < 2:
        st.info("One year only: change needs two.", icon=":material/calendar_today:")
        return
    places = decimals(c.trust for c in changes)
    st.dataframe(
        [
            {
                "From": c.from_year,
                "To": c.to_year,
                "Mean change (points)": c.mean_change,
                **mark,
                "95 % interval": _interval(c, places),
                "Shared quadrats (n)": c.n,
            }
            for c, mark in zip(changes, marks.column([c.trust for c in changes]), strict=True)
        ],
        hide_index=True,
        column_config={
            "From": st.column_config.NumberColumn(format="%d"),
            "To": st.column_config.NumberColumn(format="%d"),
            "Mean change (points)": st.column_config.NumberColumn(format=f"%+.{places}f"),
        },
        alt="Paired change between years",
    )
    st.caption(
        "Not verified: the model's change in percentage points at positions measured in both years (paired; Student's "
        "t). It does not include the model's own error; change that points have put right stands apart."
    )


def _interval(change: statistics.PairedChange, places: int) -> str:
    if change.low is None or change.high is None:
        return "needs two quadrats"
    return f"{change_number(change.low, places)} to {change_number(change.high, places)}"


def _sizes(choice: _Choice) -> None:
    island = _one_island(choice)
    if island is None:
        return
    st.subheader("Sizes of colonies", anchor=False)
    years = {row.year for row in choice.rows if row.island == island}
    colonies = [c for c in states.from_database(lambda: measurements.colonies(island)) if c.year in years]
    whole = [c.area_cm2 for c in colonies if not c.cut_by_frame]
    if not whole:
        st.write("No whole colony in this choice.")
        return
    chart = charts.sizes(statistics.size_frequency(whole))
    st.vega_lite_chart(chart, width="stretch", alt=f"Number of colonies by size on {island}")
    cut = len(colonies) - len(whole)
    st.caption(
        f"{count(len(whole), 'colony', 'colonies')} on {plain(island)}; {cut:,} more are cut by the frame and left "
        f"out, because their size is not known. Classes double in width. {_NO_OUTLINE}"
    )
    notes = [*_with_mark(choice.about.said), _NO_OUTLINE]
    downloads.chart_files(chart, f"{island}: sizes of colonies", "sizes", notes)
    with st.container(horizontal=True):
        rows = partial(exports.colony_rows, colonies, choice.rows, choice.checks)
        downloads.table_file("Colonies as CSV", lambda: exports.to_csv(rows(), choice.about), "colonies.csv")


def _checked(choice: _Choice) -> None:
    verified_cover.show(choice.rows, choice.checks, choice.about)


def _export(choice: _Choice) -> None:
    st.subheader("Export", anchor=False)
    st.write(f"{count(len(choice.rows), 'quadrat')} ({plain(choice.filter.describe())}).")
    downloads.exports_of(choice.rows, choice.covers, choice.means, choice.about)


show()
