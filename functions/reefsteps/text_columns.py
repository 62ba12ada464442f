"""Texts from outside (cameras, model files, people) made to fit the columns that hold them.

A text that is too long for its column fails a statement in MySQL and is kept whole in SQLite. What a person or program
only reads is shortened here; the steps' records, kept as JSON, have it in full. What identifies something (island, key,
version) is never shortened: it is refused where it enters, before anything is measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, String, Table

from reefsteps.texts import shortened, storable


def fitted(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row with each text shortened to the length of its column; the primary key stays as it is."""
    fitting = dict(row)
    for column in table.columns:
        value = fitting.get(column.name)
        if isinstance(column.type, JSON):
            fitting[column.name] = storable(value)
        elif isinstance(column.type, String) and isinstance(value, str) and not column.primary_key:
            fitting[column.name] = shortened(value, column.type.length)
    return fitting
