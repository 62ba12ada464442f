"""Environment variables: typed, bounded, and named when they are wrong."""

from __future__ import annotations

import pytest

from reefsteps.errors import ConfigurationError
from reefsteps.quadrat_size import QuadratSize
from reefsteps.settings import Environment, pipeline_version


def test_values_are_typed() -> None:
    variables = Environment({"NAME": " x ", "NUMBER": "1.5", "COUNT": "7", "EMPTY": " "})
    assert variables.text("NAME") == "x"
    assert variables.number("NUMBER") == 1.5
    assert variables.whole("COUNT") == 7
    assert variables.choice("NAME", ("x", "y")) == "x"


@pytest.mark.parametrize(
    ("text", "size"), [("5", (5, 5)), ("2000", (2000, 2000)), ("50x75", (50, 75)), ("1", (1, 1)), ("10000", (1e4, 1e4))]
)
def test_a_quadrats_size_has_one_range(text: str, size: tuple[float, float]) -> None:
    assert Environment({"QUADRAT_SIDE_CM": text}).size("QUADRAT_SIDE_CM") == QuadratSize(*size)


def test_defaults_stand_for_missing_and_empty_variables() -> None:
    variables = Environment({"EMPTY": " "})
    for name in ("EMPTY", "MISSING"):
        assert variables.text(name, "d") == "d"
        assert variables.number(name, 0.25) == 0.25
        assert variables.whole(name, 3) == 3
        assert variables.choice(name, ("a", "b"), "b") == "b"
    assert pipeline_version(variables) == "unversioned"
    assert pipeline_version(Environment({"PIPELINE_VERSION": "1.2"})) == "1.2"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("", lambda e: e.text("X")),
        ("many", lambda e: e.number("X")),
        ("nan", lambda e: e.number("X")),
        ("inf", lambda e: e.number("X")),
        ("1.5", lambda e: e.number("X", maximum=1)),
        ("-1", lambda e: e.number("X", minimum=0)),
        ("1.5", lambda e: e.whole("X")),
        ("c", lambda e: e.choice("X", ("a", "b"))),
        ("0.5", lambda e: e.size("X")),
        ("50x20000", lambda e: e.size("X")),
        ("wide", lambda e: e.size("X")),
    ],
)
def test_wrong_values_are_named(value: str, read: object) -> None:
    with pytest.raises(ConfigurationError, match="Environment variable X"):
        read(Environment({"X": value}))  # type: ignore[operator]
