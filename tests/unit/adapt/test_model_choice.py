"""Which model is in use: names of adapted models, and the file that chooses one."""

from __future__ import annotations

import pytest

from reefsteps.errors import UnsupportedModelError
from reefsteps.model_choice import adapted_name, choice_body, chosen_name, is_adapted

BASE = "detectron2-classifier"


def test_a_run_that_is_tried_again_gives_the_same_name() -> None:
    name = adapted_name(BASE, "2026-11-28T03:15:00.123Z")
    assert name == adapted_name(BASE, "2026-11-28T03:15:00.123Z") == "detectron2-classifier-adapted-20261128T031500"
    assert is_adapted(name, BASE)
    assert not is_adapted(BASE, BASE)
    assert not is_adapted(name, "detectron2-reframe")


@pytest.mark.parametrize("name", [BASE, f"{BASE}-adapted-20261128T031500"])
def test_a_choice_is_read_back(name: str) -> None:
    assert chosen_name(choice_body(name), BASE) == name


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"[]", b"{}", b'{"format": 2, "model": "detectron2-classifier"}', b'{"format": 1, "model": 5}',
     b'{"format": 1, "model": "other"}', b'{"format": 1, "model": "detectron2-classifier-adapted-../x"}', b"\xff"],
)  # fmt: skip
def test_a_choice_of_no_model_of_the_bucket_is_refused(content: bytes) -> None:
    with pytest.raises(UnsupportedModelError, match="which model is in use"):
        chosen_name(content, BASE)
