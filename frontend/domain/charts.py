"""The charts, as Vega-Lite specifications (https://vega.github.io/vega-lite/docs/), and their files.

Plain dictionaries: Altair would build the same ones, but its import and checks made half of the page's first view.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from frontend.domain.statistics import MeanCover

Chart = dict[str, Any]

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"

# Okabe and Ito's palette (2008), told apart by people who are colour blind and on light and dark grounds alike.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6BB1", "#7F7F7F")


def trend(means: Sequence[MeanCover]) -> Chart:
    """Return mean cover by year, a line for each island, bars of one standard error, n in the tooltip."""
    rows = [
        {
            "Island": m.island,
            "Year": m.year,
            "Mean cover (%)": m.mean,
            "low": max(0.0, m.mean - (m.standard_error or 0.0)),
            "high": min(100.0, m.mean + (m.standard_error or 0.0)),
            "Standard error": m.standard_error,
            "Quadrats (n)": m.n,
        }
        for m in means
    ]
    cover = _measure("Mean cover (%)", title="Coral cover (%), mean ± SE", scale={"domainMin": 0, "nice": True})
    shape = {"field": "Island", "type": "nominal", "legend": None}
    return _chart(
        rows,
        height=340,
        encoding={
            "x": _YEARS,
            "color": {
                "field": "Island",
                "type": "nominal",
                "scale": {"range": list(PALETTE)},
                "legend": {"orient": "top", "title": None},
            },
            "tooltip": [
                {"field": "Island", "type": "nominal"},
                _measure("Year"),
                _measure("Mean cover (%)", format=".2f"),
                _measure("Standard error", format=".2f"),
                _measure("Quadrats (n)"),
            ],
        },
        layer=[
            {"mark": {"type": "rule", "strokeWidth": 1.5}, "encoding": {"y": _measure("low"), "y2": {"field": "high"}}},
            {"mark": {"type": "line", "strokeWidth": 2}, "encoding": {"y": cover}},
            {
                "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
                "encoding": {"y": cover, "shape": shape},
            },
        ],
    )


def same_quadrats(matrix: Mapping[int, Mapping[int, float]]) -> Chart:
    """Return a thin line for each position over the years."""
    rows = [
        {"Position": str(location), "Year": year, "Cover (%)": cover}
        for location, years in matrix.items()
        for year, cover in years.items()
    ]
    position = {"field": "Position", "type": "nominal"}
    return _chart(
        rows,
        height=300,
        mark={"type": "line", "point": {"size": 25}, "opacity": 0.75, "strokeWidth": 1.3, "color": "#2b8cbe"},
        encoding={
            "x": _YEARS,
            "y": _measure("Cover (%)", title="Coral cover (%)", scale={"domainMin": 0}),
            "detail": position,
            "tooltip": [position, _measure("Year"), _measure("Cover (%)", format=".2f")],
        },
    )


def heat_map(matrix: Mapping[int, Mapping[int, float]], years: Sequence[int]) -> Chart:
    """Return positions against years; a cell that was not measured stays empty with a dash."""
    rows = [
        {"Position": location, "Year": str(year), "Cover (%)": covers.get(year)}
        for location, covers in matrix.items()
        for year in years
    ]
    high = max((cover for covers in matrix.values() for cover in covers.values()), default=0)
    measured = [{"filter": "isValid(datum['Cover (%)'])"}]
    colour = _measure(
        "Cover (%)",
        scale={"scheme": "tealblues", "domainMin": 0},
        legend={"orient": "right", "title": "Cover (%)"},
    )
    ink = {
        "condition": {"test": f"datum['Cover (%)'] > {high * 0.55}", "value": "white"},
        "value": "#0b2530",
    }
    tooltip = [
        {"field": "Position", "type": "ordinal"},
        {"field": "Year", "type": "ordinal"},
        _measure("Cover (%)", format=".2f"),
    ]
    return _chart(
        rows,
        height=max(120, 26 * len(matrix) + 40),
        encoding={
            "x": {"field": "Year", "type": "ordinal", "axis": {"orient": "top", "labelAngle": 0}},
            "y": {"field": "Position", "type": "ordinal", "sort": "ascending"},
        },
        layer=[
            {
                "transform": measured,
                "mark": {"type": "rect", "cornerRadius": 2},
                "encoding": {"color": colour, "tooltip": tooltip},
            },
            {
                "transform": measured,
                "mark": {"type": "text", "fontSize": 11},
                "encoding": {"text": _measure("Cover (%)", format=".1f"), "color": ink},
            },
            {
                "transform": [{"filter": "!isValid(datum['Cover (%)'])"}],
                "mark": {"type": "text", "text": "–", "color": "#7f8c93"},
            },
        ],
    )


def sizes(classes: Sequence[tuple[str, int]]) -> Chart:
    """Return the number of colonies in each size class."""
    size = {"field": "Area (cm²)", "type": "nominal"}
    return _chart(
        [{"Area (cm²)": label, "Colonies": number} for label, number in classes],
        height=280,
        mark={"type": "bar", "color": PALETTE[0], "cornerRadiusEnd": 3},
        encoding={
            "x": size | {"sort": None, "axis": {"labelAngle": 0}},
            "y": _measure("Colonies", axis={"tickMinStep": 1}),
            "tooltip": [size, _measure("Colonies")],
        },
    )


def to_png(chart: Chart, title: str) -> bytes:
    """Return the chart as PNG on white, at twice the screen's resolution."""
    import vl_convert  # a whole JavaScript engine: loaded for those who take a chart away

    return bytes(vl_convert.vegalite_to_png(_printed(chart, title), scale=2.0))


def to_svg(chart: Chart, title: str) -> bytes:
    """Return the chart as SVG."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(_printed(chart, title))).encode()


def _chart(rows: Sequence[Mapping[str, Any]], **spec: Any) -> Chart:
    return {"$schema": _SCHEMA, "data": {"values": list(rows)}, **spec}


def _measure(field: str, **more: Any) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", **more}


_YEARS = _measure("Year", axis={"format": "d", "tickMinStep": 1}, scale={"zero": False, "padding": 20})


def _printed(chart: Chart, title: str) -> str:
    return json.dumps(chart | {"width": 720, "title": title, "background": "white"})
