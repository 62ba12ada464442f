"""The package in functions/ that holds a step."""

from __future__ import annotations


def package_of(step: str) -> str:
    """Return the package of a step: its name, except that ``coverage`` is the name of coverage.py's package."""
    return "coverage_step" if step == "coverage" else step
