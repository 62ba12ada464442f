"""A drawn survey for Help: what the model, people's points and both together say of a reef whose cover is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from frontend.domain.charts import PALETTE, Chart
from frontend.domain.estimates.campaign import Campaign, Quadrat, campaign
from frontend.domain.estimates.interval import Interval
from frontend.domain.estimates.quadrat import PointCount

QUADRATS, VERIFIED, POINTS = 20, 8, 81
TRUE_PERCENT = 40.0
SURVEYS = 20
_SPREAD, _BIAS, _NOISE = 15.0, -18.0, 6.0  # points: between quadrats; of the model
_SEED = 19  # chosen: as many of its intervals hold as of 95 % intervals in the long run
_GREY = "#7F7F7F"


@dataclass(frozen=True)
class Surveys:
    """Surveys of one reef: the first in full, and every interval."""

    first: Campaign
    intervals: tuple[Interval, ...]

    @property
    def holding(self) -> int:
        """How many intervals hold the true cover."""
        return sum(interval.holds(TRUE_PERCENT) for interval in self.intervals)


def surveys() -> Surveys:
    """Return `SURVEYS` drawn surveys of a reef; always the same."""
    chance = np.random.default_rng(_SEED)
    found = [_survey(chance) for _ in range(SURVEYS)]
    return Surveys(found[0], tuple(one.combined.interval for one in found if one.combined))


def _survey(chance: np.random.Generator) -> Campaign:
    size = TRUE_PERCENT * (100 - TRUE_PERCENT) / _SPREAD**2 - 1
    true = 100 * chance.beta(size * TRUE_PERCENT / 100, size * (1 - TRUE_PERCENT / 100), QUADRATS)
    model = np.clip(true + _BIAS + _NOISE * chance.standard_normal(QUADRATS), 0, 100)
    hits = chance.binomial(POINTS, true[:VERIFIED] / 100)
    counts = [PointCount(int(number), POINTS - int(number)) for number in hits]
    return campaign(
        "", 0, [Quadrat(at, float(model[at]), counts[at] if at < VERIFIED else None) for at in range(QUADRATS)]
    )


def three_figures(drawn: Surveys) -> Chart:
    """Return the three figures of one survey beside the reef's true cover."""
    one = drawn.first
    assert one.points is not None
    assert one.combined is not None
    rows = [
        {"Figure": f"Model alone, {QUADRATS} quadrats", "Cover (%)": one.model_percent, "known": False},
        {"Figure": f"Points alone, {VERIFIED} quadrats", "Cover (%)": one.points.percent, "known": True}
        | _ends(one.points.interval),
        {"Figure": "Both together", "Cover (%)": one.combined.percent, "known": True} | _ends(one.combined.interval),
    ]
    return _picture(rows, "Figure", colour=PALETTE[0], height=150)


def twenty_surveys(drawn: Surveys) -> Chart:
    """Return the intervals of all surveys beside the reef's true cover; those that miss it in another colour."""
    rows = [
        {"Survey": f"{number:02d}", "holds": interval.holds(TRUE_PERCENT), "known": True} | _ends(interval)
        for number, interval in enumerate(drawn.intervals, 1)
    ]
    holds = {"condition": {"test": "datum.holds", "value": PALETTE[0]}, "value": PALETTE[1]}
    return _picture(rows, "Survey", colour=holds, height=260)


def _ends(interval: Interval) -> dict[str, float]:
    return {"low": interval.low, "high": interval.high}


def _picture(rows: list[dict[str, object]], label: str, colour: object, height: int) -> Chart:
    ink = {"value": colour} if isinstance(colour, str) else colour
    cover = {"type": "quantitative", "scale": {"domain": [0, 70]}, "title": "Coral cover (%)"}
    order = [row[label] for row in rows]  # layers that draw some of the rows would change it
    names = {"field": label, "type": "nominal", "sort": order, "title": None, "axis": {"labelLimit": 0}}
    points = {
        "transform": [{"filter": "isValid(datum['Cover (%)'])"}],
        "mark": {"type": "point", "size": 90, "opacity": 1, "strokeWidth": 2},
        "encoding": {
            "y": names,
            "x": {"field": "Cover (%)", **cover},
            "stroke": ink,
            "fill": {"condition": {"test": "datum.known", "value": PALETTE[0]}, "value": "transparent"},
        },
    }
    # A layer without a mark would be a picture without words to a screen reader.
    has_points = any("Cover (%)" in row for row in rows)
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": rows},
        "height": height,
        "layer": [
            {
                "data": {"values": [{"true": TRUE_PERCENT}]},
                "mark": {"type": "rule", "color": _GREY, "strokeDash": [5, 4], "strokeWidth": 1.5},
                "encoding": {"x": {"field": "true", **cover}},
            },
            {
                "mark": {"type": "rule", "strokeWidth": 3},
                "encoding": {
                    "y": names,
                    "x": {"field": "low", **cover},
                    "x2": {"field": "high"},
                    "color": ink,
                },
            },
            *([points] if has_points else []),
        ],
    }
