"""What a rule's target receives."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.moto_gaps.events import next_sequencer, transform
from local.moto_gaps.jsonata import evaluate

EVENT = {"id": "1", "detail": {"object": {"key": 'a "b".jpg', "version-id": "v"}, "n": 3, "list": [1, "x"]}}


def test_event_is_passed_on_as_it_is() -> None:
    assert json.loads(transform({}, EVENT)) == EVENT


def test_input_and_input_path() -> None:
    assert transform({"Input": '{"a": 1}'}, EVENT) == '{"a": 1}'
    assert json.loads(transform({"InputPath": "$.detail.object.version-id"}, EVENT)) == "v"
    assert json.loads(transform({"InputPath": "$.detail.nowhere.x"}, EVENT)) is None


def test_transformer_quotes_bare_values_and_keeps_quoted_ones() -> None:
    target = {
        "InputTransformer": {
            "InputPathsMap": {"key": "$.detail.object.key", "n": "$.detail.n", "list": "$.detail.list", "all": "$"},
            "InputTemplate": '{"bare": <key>, "in text": "key <key> is <n>", "list": <list>, "all": <all>}',
        }
    }
    assert json.loads(transform(target, EVENT)) == {
        "bare": 'a "b".jpg',
        "in text": 'key a "b".jpg is 3',
        "list": [1, "x"],
        "all": EVENT,
    }


@given(st.text(), st.text())
def test_transformer_always_gives_json(first: str, second: str) -> None:
    target = {
        "InputTransformer": {
            "InputPathsMap": {"a": "$.a", "b": "$.b"},
            "InputTemplate": '{"a": <a>, "both": "<a> and <b>"}',
        }
    }
    result = json.loads(transform(target, {"a": first, "b": second}))
    assert result == {"a": first, "both": f"{first} and {second}"}


def test_sequencers_grow_as_text() -> None:
    numbers = [next_sequencer() for _ in range(1000)]
    assert numbers == sorted(set(numbers))
    assert {len(number) for number in numbers} == {16}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda x: st.lists(x, min_size=2, max_size=3) | st.dictionaries(st.text(), x, max_size=3),
    )
)
def test_jsonata_values_arrive_as_they_are(value: object) -> None:
    assert evaluate("$states.input", {"states": {"input": value}}) == value


def test_jsonata_knows_what_step_functions_adds() -> None:
    assert evaluate("$parse($x).errorMessage", {"x": '{"errorMessage": "it\'s \\"so\\""}'}) == 'it\'s "so"'
    assert evaluate("$hash($x, 'SHA-256')", {"x": ""}).startswith("e3b0c44298fc")


def test_jsonata_that_gives_nothing_is_an_error_and_null_is_not() -> None:
    with pytest.raises(ValueError, match="returned nothing"):
        evaluate("$states.input.nowhere", {"states": {"input": {}}})
    assert evaluate("$states.input.here", {"states": {"input": {"here": None}}}) is None
