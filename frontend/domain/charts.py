"""The charts, as Vega-Lite specifications (https://vega.github.io/vega-lite/docs/), and their files.

Plain dictionaries: Altair would build the same ones, but its import and checks made half of the page's first view.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from frontend.domain import statuses
from frontend.domain.comparability import share_positions
from frontend.domain.estimates.campaign import Campaign, Status
from frontend.domain.ordering import natural_key
from frontend.domain.statistics import MeanCover
from frontend.domain.statuses import Figures
from reefsteps.results import Trust
from reefsteps.trust import MARK, cover_number, cover_text, decimals, is_marked, label, marked

Chart = dict[str, Any]
Trusts = Mapping[tuple[int, int], Trust | None]
"""How far the cover of a position in a year may be trusted."""

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"

# Okabe and Ito's palette (2008), told apart by people who are colour blind and on light and dark grounds alike.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6BB1", "#7F7F7F")
# More than eight series take the same hues mixed with these greys and white, which show on both grounds too, and their
# lines other dashes.
_MIXED_WITH = (("#000000", 0.0), ("#A0A0A0", 0.5), ("#FFFFFF", 0.3), ("#606060", 0.4))
_DASHES = ((1, 0), (6, 3), (2, 2), (8, 3, 2, 3))
SHAPES = (
    *("circle", "square", "triangle-up", "diamond"),
    *("cross", "triangle-down", "triangle-right", "triangle-left"),
)  # all of Vega's filled symbols

_POSITIONS_COLOUR = "#2b8cbe"
_MARK_COLOUR = "#7F7F7F"  # shows on light and dark grounds
NOTHING_KNOWN: Trusts = {}
NOTHING_CHECKED: Figures = {}
Words = Mapping[tuple[int, int], str]
"""How far the cover of a position in a year was checked, in words."""
NOTHING_SAID: Words = {}
VERIFIED_MARK = "✓"
_STATUS = {"field": "Status", "type": "nominal"}
_DOT = {"type": "point", "size": 70, "opacity": 1}
# How the bar and the point of a figure look, without an interval and with one.
_LOOKS = {
    False: ({"type": "rule", "strokeWidth": 1.2, "strokeDash": [3, 3]}, _DOT | {"filled": False, "strokeWidth": 1.6}),
    True: ({"type": "rule", "strokeWidth": 2}, _DOT | {"filled": True}),
}

# The chart's height holds its legend, so the legend's measures are set here and not left to the page's theme.
_PHONE_PX = 300  # Vega does not break a row of its legend that is too wide
_LETTER_PX, _SYMBOL_PX = 7, 30
_LEGEND = {
    "labelFontSize": 12,
    "labelPadding": 0,
    "rowPadding": 4,
    "columnPadding": 12,
    "padding": 8,
    "symbolSize": 80,
    "symbolStrokeWidth": 1,
    "symbolDash": [1, 0],
}
_LEGEND_ROW_PX = 18


@dataclass(frozen=True)
class SeriesStyle:
    """How one series is drawn."""

    colour: str
    shape: str
    dash: tuple[int, ...]


def series_styles(number: int) -> list[SeriesStyle]:
    """Return a style for each series: all colours differ up to 32 series, all pairs of colour and shape up to 64."""
    found = []
    for i in range(number):
        block = i // len(PALETTE)
        mixed_with, share = _MIXED_WITH[block % len(_MIXED_WITH)]
        colour = _mixed(PALETTE[i % len(PALETTE)], mixed_with, share)
        found.append(SeriesStyle(colour, SHAPES[(i + block) % len(SHAPES)], _DASHES[block % len(_DASHES)]))
    return found


def _mixed(colour: str, other: str, share: float) -> str:
    pairs = ((int(colour[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(own + (added - own) * share):02X}" for own, added in pairs)


def trend(means: Sequence[MeanCover], figures: Figures = NOTHING_CHECKED) -> Chart:
    """Return mean cover by year, a colour and shape for each island, n in the tooltip.

    An island and year with an interval has a filled point, its combined figure and the interval as a solid bar. The
    others have an open point, the model's mean and one standard error as a dashed bar. A line joins two successive
    years of an island under two conditions. They share at least half of their positions, because means of different
    places are no trend. No change of method can look like one of the reef: both have intervals, or one model measured
    both.
    """
    islands = sorted({m.island for m in means}, key=natural_key)
    stretches = _stretches(means, figures)
    rows = [_point(m, figures.get((m.island, m.year))) | {"stretch": stretches[m.island, m.year]} for m in means]
    cover = _measure("Mean cover (%)", title="Coral cover (%)", scale={"domainMin": 0, "nice": True})
    styles = series_styles(len(islands))
    entry_px = _LETTER_PX * max(map(len, islands), default=1) + _SYMBOL_PX
    columns = {"expr": f"max(1, floor(width / {entry_px}))"}
    legend_rows = -(-len(islands) // max(1, _PHONE_PX // entry_px))
    # Limits of 0: every name in full, where Vega cuts them at 160 px and leaves out all after the 30th.
    legend = {"orient": "bottom", "title": None, "columns": columns, "labelLimit": 0, "symbolLimit": 0, **_LEGEND}
    series: dict[str, Any] = {"field": "Island", "type": "nominal", "legend": legend}
    colour = series | {"scale": {"domain": islands, "range": [style.colour for style in styles]}}
    shape = series | {"scale": {"domain": islands, "range": [style.shape for style in styles]}}
    dash = series | {"scale": {"domain": islands, "range": [style.dash for style in styles]}, "legend": None}
    bar = {"y": _measure("low"), "y2": {"field": "high"}, "color": colour}
    dot = {"y": cover, "color": colour, "shape": shape}
    # A layer without a mark would be a picture without words to a screen reader.
    kinds = [
        ([{"filter": f"datum.sure == {str(sure).lower()}"}], _LOOKS[sure]) for sure in sorted({r["sure"] for r in rows})
    ]
    line = {"y": cover, "color": colour, "strokeDash": dash, "detail": {"field": "stretch", "type": "nominal"}}
    return _chart(
        rows,
        height=340 + _LEGEND_ROW_PX * legend_rows,
        encoding={
            "x": _YEARS,
            "tooltip": [
                {"field": "Island", "type": "nominal"},
                _measure("Year"),
                {"field": "Cover", "type": "nominal", "title": "Mean cover"},
                {"field": "Status", "type": "nominal"},
                {"field": "95 % interval", "type": "nominal"},
                {"field": "Model alone", "type": "nominal"},
                {"field": "Standard error", "type": "nominal", "title": "Its standard error"},
                _measure("Quadrats (n)"),
                {"field": "Colours", "type": "nominal"},
                {"field": "Model", "type": "nominal"},
            ],
        },
        layer=[
            {"mark": {"type": "line", "strokeWidth": 2}, "encoding": line},
            *({"transform": only, "mark": looks[0], "encoding": bar} for only, looks in kinds),
            *({"transform": only, "mark": looks[1], "encoding": dot} for only, looks in kinds),
            {
                "mark": {"type": "text", "dx": 11, "dy": -8, "fontSize": 11, "color": _MARK_COLOUR},
                "encoding": {"y": cover, "text": {"field": "mark", "type": "nominal"}},
            },
        ],
    )


def _point(m: MeanCover, found: Campaign | None) -> dict[str, Any]:
    """Return the figure of an island and year that is recommended, with the ends of its bar."""
    combined = found.combined if found else None
    error = m.standard_error or 0.0
    mean, low, high = m.mean, max(0.0, m.mean - error), min(100.0, m.mean + error)
    if combined is not None:
        mean, low, high = combined.percent, combined.interval.low, combined.interval.high
    return {
        "Island": m.island,
        "Year": m.year,
        "Mean cover (%)": mean,
        "low": low,
        "high": high,
        "Cover": _shown(m.mean, m.trust) if combined is None else cover_text(mean, 1),
        "Status": statuses.of_a_mean(found),
        "95 % interval": statuses.interval_of(combined),
        "Model alone": _shown(m.mean, m.trust),
        "Standard error": statuses.NO_INTERVAL if m.standard_error is None else f"{m.standard_error:.1f}",
        "Quadrats (n)": m.n,
        "mark": MARK if combined is None and is_marked(m.trust) else "",
        "Colours": "; ".join(m.treatments) or "not recorded",
        "Model": "; ".join(m.models) or "not recorded",
        "sure": combined is not None,
    }


def _shown(percent: float, trust: Trust | None) -> str:
    return f"{cover_text(percent, decimals((trust,)))} {label(trust)}".strip()


def _stretches(means: Sequence[MeanCover], figures: Figures) -> dict[tuple[str, int], int]:
    """Return for each island and year the number of the stretch of years that one line joins."""
    found: dict[tuple[str, int], int] = {}
    before: MeanCover | None = None
    number = 0
    for m in sorted(means, key=lambda m: (m.island, m.year)):
        if before is None or before.island != m.island or not _joined(before, m, figures):
            number += 1
        found[m.island, m.year], before = number, m
    return found


def _joined(earlier: MeanCover, later: MeanCover, figures: Figures) -> bool:
    one, other = (figures.get((m.island, m.year)) for m in (earlier, later))
    corrected = [found is not None and found.combined is not None for found in (one, other)]
    same_method = all(corrected) or (not any(corrected) and earlier.models == later.models)
    return same_method and share_positions(earlier, later)


def same_quadrats(
    matrix: Mapping[int, Mapping[int, float]], trusts: Trusts = NOTHING_KNOWN, words: Words = NOTHING_SAID
) -> Chart:
    """Return a thin line for each position over the years; the axis is marked where one of its figures is."""
    rows = [
        {
            "Position": str(location),
            "Year": year,
            "Cover (%)": cover,
            "Cover": _shown(cover, trusts.get((location, year))),
            "Status": words.get((location, year), ""),
        }
        for location, years in matrix.items()
        for year, cover in years.items()
    ]
    position = {"field": "Position", "type": "nominal"}
    # The points do not take the line's colour by themselves.
    point = {"size": 25, "filled": True, "color": _POSITIONS_COLOUR}
    return _chart(
        rows,
        height=300,
        mark={"type": "line", "point": point, "opacity": 0.75, "strokeWidth": 1.3, "color": _POSITIONS_COLOUR},
        encoding={
            "x": _YEARS,
            "y": _measure("Cover (%)", title=_axis(trusts), scale={"domainMin": 0}),
            "detail": position,
            "tooltip": [position, _measure("Year"), {"field": "Cover", "type": "nominal"}, _STATUS],
        },
    )


def _axis(trusts: Trusts) -> str:
    marks = sorted({label(trust) for trust in trusts.values()} - {""})
    return ", ".join(["Coral cover (%)", *marks])


def heat_map(
    matrix: Mapping[int, Mapping[int, float]],
    years: Sequence[int],
    trusts: Trusts = NOTHING_KNOWN,
    words: Words = NOTHING_SAID,
) -> Chart:
    """Return positions against years; one that was not measured stays empty with a dash, a verified one has a tick."""
    rows = [
        {"Position": location, "Year": str(year), "Cover (%)": covers.get(year)}
        | _cell_texts(covers.get(year), trusts.get((location, year)), words.get((location, year), ""))
        for location, covers in matrix.items()
        for year in years
    ]
    high = max((cover for covers in matrix.values() for cover in covers.values()), default=0)
    measured = [{"filter": "isValid(datum['Cover (%)'])"}]
    colour = _measure(
        "Cover (%)",
        scale={"scheme": "tealblues", "domainMin": 0},
        legend={"orient": "right", "title": "Cover (%)", "gradientLength": 100},
    )
    ink = {
        "condition": {"test": f"datum['Cover (%)'] > {high * 0.55}", "value": "white"},
        "value": "#0b2530",
    }
    tooltip = [
        {"field": "Position", "type": "ordinal"},
        {"field": "Year", "type": "ordinal"},
        {"field": "Cover", "type": "nominal"},
        _STATUS,
    ]
    return _chart(
        rows,
        height=max(200, 26 * len(matrix) + 80),
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
                "encoding": {"text": {"field": "in cell", "type": "nominal"}, "color": ink},
            },
            {
                "transform": [{"filter": "!isValid(datum['Cover (%)'])"}],
                "mark": {"type": "text", "text": "–", "color": "#7f8c93"},
            },
        ],
    )


def _cell_texts(percent: float | None, trust: Trust | None, status: str) -> dict[str, str]:
    if percent is None:
        return {}
    number = marked(cover_number(percent, decimals((trust,))), trust)
    tick = f" {VERIFIED_MARK}" if status.startswith(Status.VERIFIED) else ""
    return {"Cover": _shown(percent, trust), "Status": status, "in cell": number + tick}


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


def to_png(chart: Chart, title: str, notes: Sequence[str] = ()) -> bytes:
    """Return the chart as PNG on white, at twice the screen's resolution; the notes stand below the title."""
    import vl_convert  # a whole JavaScript engine: loaded for those who take a chart away

    return bytes(vl_convert.vegalite_to_png(_printed(chart, title, notes), scale=2.0))


def to_svg(chart: Chart, title: str, notes: Sequence[str] = ()) -> bytes:
    """Return the chart as SVG."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(_printed(chart, title, notes))).encode()


def _chart(rows: Sequence[Mapping[str, Any]], **spec: Any) -> Chart:
    return {"$schema": _SCHEMA, "data": {"values": list(rows)}, **spec}


def _measure(field: str, **more: Any) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", **more}


_YEARS = _measure("Year", axis={"format": "d", "tickMinStep": 1}, scale={"zero": False, "padding": 20})


def _printed(chart: Chart, title: str, notes: Sequence[str]) -> str:
    lines = [line for note in notes for line in textwrap.wrap(note, 110)]
    head = {"text": title, "subtitle": lines, "anchor": "start"}
    return json.dumps(chart | {"width": 720, "title": head, "background": "white"})
