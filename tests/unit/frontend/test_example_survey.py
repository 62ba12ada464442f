"""The survey that Help explains intervals by shows what it is to show, and its numbers are the estimators' own."""

from __future__ import annotations

from frontend.domain import charts, example_survey
from frontend.domain.example_survey import SURVEYS, TRUE_PERCENT


def test_the_example_shows_what_the_text_beside_it_says() -> None:
    drawn = example_survey.surveys()
    one = drawn.first
    assert one.points is not None
    assert one.combined is not None
    assert one.model_percent < TRUE_PERCENT - 10
    assert one.points.interval.holds(TRUE_PERCENT)
    assert one.combined.interval.holds(TRUE_PERCENT)
    assert one.combined.interval.half_width < one.points.interval.half_width
    assert (len(drawn.intervals), drawn.holding) == (SURVEYS, 19)
    assert f"{one.combined.percent:.0f} % ({one.combined.interval.low:.0f} to {one.combined.interval.high:.0f})" == (
        "39 % (27 to 51)"  # as Help says how to write a figure
    )


def test_its_pictures_are_drawn() -> None:
    drawn = example_survey.surveys()
    for chart in (example_survey.three_figures(drawn), example_survey.twenty_surveys(drawn)):
        assert charts.to_svg(chart, "Help").startswith(b"<svg")
