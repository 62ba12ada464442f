"""The order in which people expect file names; what the names say is in test_file_names.py."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from frontend.domain.ordering import natural_key


def test_natural_order_is_what_people_expect() -> None:
    names = ["Site 10", "site 2", "Site 1", "Éiao", "Eiao 2", "10.jpg", "2.jpg", "02.jpg"]
    assert sorted(names, key=natural_key) == [
        "02.jpg",
        "2.jpg",
        "10.jpg",
        "Éiao",
        "Eiao 2",
        "Site 1",
        "site 2",
        "Site 10",
    ]


@given(st.lists(st.text(max_size=12)))
def test_natural_order_is_total_and_does_not_depend_on_the_input(names: list[str]) -> None:
    backwards = names[::-1]
    assert sorted(names, key=natural_key) == sorted(backwards, key=natural_key)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_natural_order_compares_numbers_as_numbers(a: int, b: int) -> None:
    assert (natural_key(f"q{a}") < natural_key(f"q{b}")) == (a < b)
