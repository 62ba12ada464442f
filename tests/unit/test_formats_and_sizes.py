"""The list of accepted files, the size of a quadrat and the optional fields of a survey."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reefsteps.errors import InvalidParameterError
from reefsteps.formats import STORED_EXTENSIONS, stored_extension
from reefsteps.quadrat_size import LONGEST_CM, SHORTEST_CM, QuadratSize
from reefsteps.survey_fields import SurveyFields


@pytest.mark.parametrize(
    ("name", "stored"),
    [("a.JPG", "jpg"), ("a.b.jpeg", "jpg"), ("x.CR3", "cr3"), ("x.tiff", "tif"), ("jpg", None), (".jpg", None),
     ("a.xmp", None), ("a", None)],
)  # fmt: skip
def test_the_extension_decides_what_is_offered(name: str, stored: str | None) -> None:
    assert stored_extension(name) == stored


def test_stored_extensions_are_stored_as_themselves() -> None:
    assert all(STORED_EXTENSIONS[stored] == stored for stored in STORED_EXTENSIONS.values())


@pytest.mark.parametrize(
    ("text", "lengths_cm"),
    [("100", (100, 100)), ("70,7", (70.7, 70.7)), (" 50 x 75 ", (50, 75)), ("75×50", (50, 75)), ("50*75 cm", (50, 75)),
     ("100 CM", (100, 100)), ("50x50", (50, 50))],
)  # fmt: skip
def test_a_size_is_read_as_people_type_it(text: str, lengths_cm: tuple[float, float]) -> None:
    size = QuadratSize.parse(text)
    assert (size.short_cm, size.long_cm) == lengths_cm


@pytest.mark.parametrize("text", ["", "0", "0.99", "10001", "1e3", "nan", "50x", "x75", "50 x 75 x 2", "1,000.0", "-5"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameterError):
        QuadratSize.parse(text)


_LENGTHS = st.floats(SHORTEST_CM, LONGEST_CM).map(lambda value: round(value, 3))


@given(_LENGTHS, _LENGTHS)
def test_a_stored_size_is_read_back(first_cm: float, second_cm: float) -> None:
    size = QuadratSize(first_cm, second_cm)
    assert QuadratSize.parse(str(size)) == size == QuadratSize(second_cm, first_cm)


@pytest.mark.parametrize(
    ("field", "value"),
    [("depth_m", -1), ("depth_m", float("nan")), ("latitude", 91), ("longitude", -181), ("event_date", "2012-13-01"),
     ("site", ""), ("observer", "x" * 121)],
)  # fmt: skip
def test_a_field_outside_its_range_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(InvalidParameterError, match=field):
        SurveyFields(**{field: value})  # type: ignore[arg-type]
