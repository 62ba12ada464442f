"""Rows of the coverage table as the page reads them, for tests of what is made of them."""

from __future__ import annotations

from typing import Any

from reefsteps.coverage_queries import CoverageRow


def coverage_row(**values: Any) -> CoverageRow:
    """Return a row that holds the values given, and None in every other column."""
    columns: dict[str, Any] = dict.fromkeys(CoverageRow.__dataclass_fields__)
    return CoverageRow(**columns | values)
