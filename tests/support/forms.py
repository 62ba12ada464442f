"""A short form of a property test for each `make test`, and a long one for `make test-long`."""

from __future__ import annotations

import pytest


def forms(short: int, long: int) -> pytest.MarkDecorator:
    """Give the test an argument ``examples``: how many the short form tries, and how many the long one."""
    return pytest.mark.parametrize("examples", [short, pytest.param(long, marks=pytest.mark.long)])
