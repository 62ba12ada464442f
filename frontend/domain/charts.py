"""The charts, as Altair specifications, and their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd
import vl_convert

from frontend.domain.statistics import MeanCover

Chart = Any  # Altair's charts: layering has no useful static type

# Okabe and Ito's palette (2008), told apart by people who are colour blind and on light and dark grounds alike.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6BB1", "#7F7F7F")


def trend(means: Sequence[MeanCover]) -> Chart:
    """Return mean cover by year, a line for each island, bars of one standard error, n in the tooltip."""
    rows = [
        {
            "Island": m.island,
            "Year": m.year,
            "Mean cover (%)": m.mean,
            "low": max(0.0, m.mean - m.standard_error) if m.standard_error is not None else m.mean,
            "high": min(100.0, m.mean + m.standard_error) if m.standard_error is not None else m.mean,
            "Standard error": m.standard_error,
            "Quadrats (n)": m.n,
        }
        for m in means
    ]
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=_years(),
        color=alt.Color("Island:N", scale=alt.Scale(range=PALETTE), legend=alt.Legend(orient="top", title=None)),
        tooltip=[
            "Island:N",
            "Year:Q",
            alt.Tooltip("Mean cover (%):Q", format=".2f"),
            alt.Tooltip("Standard error:Q", format=".2f"),
            "Quadrats (n):Q",
        ],
    )
    cover = alt.Y("Mean cover (%):Q", scale=alt.Scale(domainMin=0, nice=True), title="Coral cover (%), mean ± SE")
    return alt.layer(
        base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", title=""), y2="high:Q"),
        base.mark_line(strokeWidth=2).encode(y=cover),
        base.mark_point(filled=True, size=70, opacity=1).encode(y=cover, shape=alt.Shape("Island:N", legend=None)),
    ).properties(height=340)


def _years() -> alt.X:
    return alt.X("Year:Q", axis=alt.Axis(format="d", tickMinStep=1), scale=alt.Scale(zero=False, padding=20))


def same_quadrats(matrix: Mapping[int, Mapping[int, float]]) -> Chart:
    """Return a thin line for each position over the years."""
    rows = [
        {"Position": str(location), "Year": year, "Cover (%)": cover}
        for location, years in matrix.items()
        for year, cover in years.items()
    ]
    return (
        alt.Chart(pd.DataFrame(rows))
        .mark_line(point=alt.OverlayMarkDef(size=25), opacity=0.55, strokeWidth=1.3, color=PALETTE[0])
        .encode(
            x=_years(),
            y=alt.Y("Cover (%):Q", scale=alt.Scale(domainMin=0)),
            detail="Position:N",
            tooltip=["Position:N", "Year:Q", alt.Tooltip("Cover (%):Q", format=".2f")],
        )
        .properties(height=300)
    )


def heat_map(matrix: Mapping[int, Mapping[int, float]], years: Sequence[int]) -> Chart:
    """Return positions against years; a cell that was not measured stays empty with a dash."""
    rows = [
        {"Position": location, "Year": str(year), "Cover (%)": covers.get(year)}
        for location, covers in matrix.items()
        for year in years
    ]
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X("Year:O", title="Year", axis=alt.Axis(orient="top", labelAngle=0)),
        y=alt.Y("Position:O", title="Position", sort="ascending"),
    )
    cells = base.transform_filter("isValid(datum['Cover (%)'])").mark_rect(cornerRadius=2)
    colour = alt.Color(
        "Cover (%):Q",
        scale=alt.Scale(scheme="tealblues", domainMin=0),
        legend=alt.Legend(orient="right", title="Cover (%)"),
    )
    high = max((cover for covers in matrix.values() for cover in covers.values()), default=0)
    ink = alt.condition(f"datum['Cover (%)'] > {high * 0.55}", alt.value("white"), alt.value("#0b2530"))
    figures = (
        base.transform_filter("isValid(datum['Cover (%)'])")
        .mark_text(fontSize=11)
        .encode(text=alt.Text("Cover (%):Q", format=".1f"), color=ink)
    )
    gaps = base.transform_filter("!isValid(datum['Cover (%)'])").mark_text(text="–", color="#7f8c93")
    return alt.layer(
        cells.encode(color=colour, tooltip=["Position:O", "Year:O", alt.Tooltip("Cover (%):Q", format=".2f")]),
        figures,
        gaps,
    ).properties(height=max(120, 26 * len(matrix) + 40))


def sizes(classes: Sequence[tuple[str, int]]) -> Chart:
    """Return the number of colonies in each size class."""
    frame = pd.DataFrame(classes, columns=["Area (cm²)", "Colonies"])
    return (
        alt.Chart(frame)
        .mark_bar(color=PALETTE[0], cornerRadiusEnd=3)
        .encode(
            x=alt.X("Area (cm²):N", sort=None, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("Colonies:Q", axis=alt.Axis(tickMinStep=1)),
            tooltip=["Area (cm²)", "Colonies"],
        )
        .properties(height=280)
    )


def to_png(chart: Chart, title: str) -> bytes:
    """Return the chart as PNG on white, at twice the screen's resolution."""
    return bytes(vl_convert.vegalite_to_png(_printed(chart, title), scale=2.0))


def to_svg(chart: Chart, title: str) -> bytes:
    """Return the chart as SVG."""
    return str(vl_convert.vegalite_to_svg(_printed(chart, title))).encode()


def _printed(chart: Chart, title: str) -> str:
    return str(chart.properties(width=720, title=title).configure(background="white").to_json())
