"""Charts tell series apart, join only what can be compared, and say what a series mixes."""

from __future__ import annotations

import re
from typing import Any

import pytest

from frontend.domain import charts
from frontend.domain.comparability import mixed_methods, not_corrected
from frontend.domain.estimates.campaign import Campaign, Quadrat, campaign
from frontend.domain.estimates.quadrat import PointCount
from frontend.domain.statistics import Cover, mean_cover

LONG = [f"Archipel des Tuamotu, atoll {i:02d}" for i in range(1, 13)]


def covers(island: str, positions: dict[int, tuple[int, ...]], **more: Any) -> list[Cover]:
    return [Cover(island, year, at, 10.0 + at, **more) for year, found in positions.items() for at in found]


def layers(chart: charts.Chart) -> dict[str, dict[str, Any]]:
    return {layer["mark"]["type"]: layer["encoding"] for layer in chart["layer"]}


@pytest.mark.parametrize("number", [1, 8, 9, 20, 32, 64])
def test_every_series_has_a_colour_and_shape_of_its_own(number: int) -> None:
    styles = charts.series_styles(number)
    assert len({(style.colour, style.shape) for style in styles}) == number
    assert len({style.colour for style in styles}) == min(number, 32)
    assert len({style.shape for style in styles}) == min(number, 8)
    assert len({(style.colour, style.dash) for style in styles}) == min(number, 32)


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("style", charts.series_styles(32), ids=lambda style: style.colour)
def test_every_colour_shows_on_a_light_and_on_a_dark_ground(style: charts.SeriesStyle) -> None:
    light, dark = luminance("#FFFFFF"), luminance("#0E1A20")
    own = luminance(style.colour)
    assert (light + 0.05) / (own + 0.05) > 1.6
    assert (own + 0.05) / (dark + 0.05) > 2.4


def test_points_lines_and_bars_of_a_series_have_one_colour_and_one_legend() -> None:
    chart = charts.trend(mean_cover([c for name in LONG for c in covers(name, {2006: (1, 2), 2008: (1, 2)})]))
    found = layers(chart)
    scales = [found[mark]["color"]["scale"] for mark in ("rule", "line", "point")]
    assert scales[0] == scales[1] == scales[2]
    assert scales[0]["domain"] == found["point"]["shape"]["scale"]["domain"] == LONG
    assert len(set(scales[0]["range"])) == len(LONG)
    assert found["point"]["color"]["legend"] == found["point"]["shape"]["legend"]


def test_a_position_has_points_in_its_lines_colour() -> None:
    mark = charts.same_quadrats({1: {2006: 1.0, 2008: 2.0}})["mark"]
    assert mark["point"]["color"] == mark["color"]


@pytest.mark.parametrize("number", [12, 40])
def test_the_legend_shows_every_name_in_full(number: int) -> None:
    names = [f"Archipel des Tuamotu, atoll {i:02d}" for i in range(1, number + 1)]
    chart = charts.trend(mean_cover([c for name in names for c in covers(name, {2006: (1, 2)})]))
    picture = charts.to_svg(chart, "Coral cover").decode()
    assert all(f">{name}<" in picture for name in names)
    assert "…" not in picture


def stretches(found: list[Cover]) -> list[int]:
    rows = charts.trend(mean_cover(found))["data"]["values"]
    return [row["stretch"] for row in rows]


def test_a_line_does_not_join_years_of_different_positions() -> None:
    assert stretches(covers("A", {2006: (1,), 2008: (2,), 2010: (3,)})) == [1, 2, 3]
    assert stretches(covers("A", {2006: (1, 2, 3, 4), 2008: (1, 2, 5, 6), 2010: (6, 7, 8, 9)})) == [1, 1, 2]
    assert stretches(covers("A", {2006: (1, 2)}) + covers("B", {2008: (1, 2)})) == [1, 2]


@pytest.mark.parametrize(("second", "joined"), [(1, True), (2, False)])
def test_the_drawn_line_is_broken_where_positions_differ(second: int, joined: bool) -> None:
    found = covers("A", {2006: (1,), 2008: (second,)})
    drawn = charts.to_svg(charts.trend(mean_cover(found)), "x").decode()
    lines = re.findall(r'aria-roledescription="line mark" d="([^"]*)"', drawn)
    assert len(lines) == (1 if joined else 2)
    assert any("L" in line for line in lines) == joined


def figures(*years: int) -> dict[tuple[str, int], Campaign]:
    """Return an island and years with intervals."""
    checked = [Quadrat(at, 20.0, PointCount(30 + at, 70 - at)) for at in range(1, 7)]
    return {("A", year): campaign("A", year, checked) for year in years}


def test_an_interval_stands_where_people_have_verified_and_a_standard_error_elsewhere() -> None:
    found = covers("A", {2006: range(1, 7), 2008: range(1, 7)})  # type: ignore[dict-item]
    known = figures(2006)
    sure, unsure = charts.trend(mean_cover(found), known)["data"]["values"]
    combined = known["A", 2006].combined
    assert combined is not None
    assert (sure["Mean cover (%)"], sure["low"], sure["high"]) == (
        combined.percent,
        combined.interval.low,
        combined.interval.high,
    )
    assert (sure["sure"], sure["Status"]) == (True, "verified (6 of 6 quadrats)")
    assert (unsure["sure"], unsure["Status"], unsure["95 % interval"]) == (False, "not verified", "–")
    assert unsure["high"] - unsure["low"] == pytest.approx(2 * mean_cover(found)[1].standard_error)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("verified", "models", "joined"),
    [
        ((), ("m", "m"), True),
        ((), ("m", "n"), False),  # the change may be the model's
        ((2006,), ("m", "m"), False),  # a figure that was put right, and one that was not
        ((2006, 2008), ("m", "n"), True),  # points take each model's own error away
    ],
)
def test_a_line_never_shows_a_change_of_model_as_one_of_the_reef(
    verified: tuple[int, ...], models: tuple[str, str], joined: bool
) -> None:
    found = [
        c for year, model in zip((2006, 2008), models, strict=True) for c in covers("A", {year: (1, 2)}, model=model)
    ]
    rows = charts.trend(mean_cover(found), figures(*verified))["data"]["values"]
    assert (rows[0]["stretch"] == rows[1]["stretch"]) == joined
    left = not_corrected(mean_cover(found), figures(*verified))
    assert [m.year for m in left] == [year for year in (2006, 2008) if year not in verified]


def test_a_verified_cell_has_a_tick() -> None:
    chart = charts.heat_map({1: {2006: 10.0}, 2: {2006: 20.0}}, [2006], words={(1, 2006): "verified, 11 % by points"})
    assert [row["in cell"] for row in chart["data"]["values"]] == ["10.0 ✓", "20.0"]


def test_a_series_that_mixes_treatments_or_models_says_so_with_the_years() -> None:
    found = covers("A", {2006: (1, 2), 2008: (1,)}, treatment="restored (planar)", model="m (sha256 ab)")
    found += covers("A", {2010: (1, 2)}, treatment="left as they are", model="n (sha256 cd)")
    found += covers("B", {2006: (1,)}, treatment="restored (planar)", model="m (sha256 ab)") + covers("C", {2006: (1,)})
    assert mixed_methods(mean_cover(found)) == [
        "A mixes colour treatments: left as they are in 2010; restored (planar) in 2006, 2008.",
        "A mixes models: m (sha256 ab) in 2006, 2008; n (sha256 cd) in 2010.",
    ]
    row = charts.trend(mean_cover(found))["data"]["values"][0]
    assert (row["Colours"], row["Model"]) == ("restored (planar)", "m (sha256 ab)")


def test_treatments_that_differ_within_a_year_are_mixed_too() -> None:
    found = covers("A", {2006: (1,)}, treatment="restored (planar)") + covers(
        "A", {2006: (2,)}, treatment="left as they are"
    )
    assert len(mixed_methods(mean_cover(found))) == 1
