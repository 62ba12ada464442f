"""Descriptions of existing tables, from MySQL's and MariaDB's information_schema or SQLite's pragmas.

Queries are plain SQL through one function, so that they run over a connection as over Aurora's Data API.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reefsteps.schema_check import ExistingColumn, ExistingTable
from reefsteps.tables import metadata

Row = Mapping[str, Any]
Ask = Callable[[str], Sequence[Row]]  # runs a statement and returns its rows by column name

_LARGEST = {"tinyint": 2**7, "smallint": 2**15, "mediumint": 2**23, "int": 2**31, "bigint": 2**63}
_KINDS = {"varchar": "text", "char": "text", "tinytext": "text", "text": "text", "mediumtext": "text"}
_KINDS |= {"longtext": "text", "decimal": "decimal", "timestamp": "datetime"}
# As text: the Data API has no way to return some of information_schema's types.
_COLUMNS = """\
SELECT CAST(TABLE_NAME AS CHAR) AS table_name, CAST(COLUMN_NAME AS CHAR) AS column_name,
 CAST(DATA_TYPE AS CHAR) AS data_type, CAST(COLUMN_TYPE AS CHAR) AS column_type,
 CAST(CHARACTER_MAXIMUM_LENGTH AS CHAR) AS length, CAST(NUMERIC_PRECISION AS CHAR) AS digits,
 CAST(NUMERIC_SCALE AS CHAR) AS scale, CAST(IS_NULLABLE AS CHAR) AS is_nullable,
 CAST(COLUMN_DEFAULT AS CHAR) AS default_value, CAST(EXTRA AS CHAR) AS extra, CAST(COLLATION_NAME AS CHAR) AS collation
 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME, ORDINAL_POSITION"""
_TABLES = """\
SELECT CAST(TABLE_NAME AS CHAR) AS table_name, CAST(TABLE_TYPE AS CHAR) AS table_type, CAST(ENGINE AS CHAR) AS engine
 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"""
_KEYS = """\
SELECT CAST(TABLE_NAME AS CHAR) AS table_name, CAST(INDEX_NAME AS CHAR) AS key_name,
 CAST(COLUMN_NAME AS CHAR) AS column_name, CAST(SUB_PART AS CHAR) AS sub_part
 FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 0
 ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"""
# A BEFORE trigger can change the row that is written; MySQL lets no other change the table that it belongs to.
_TRIGGERS = """\
SELECT CAST(EVENT_OBJECT_TABLE AS CHAR) AS table_name, CAST(TRIGGER_NAME AS CHAR) AS trigger_name
 FROM information_schema.TRIGGERS
 WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND ACTION_TIMING = 'BEFORE' AND EVENT_MANIPULATION IN ('INSERT', 'UPDATE')
 ORDER BY TRIGGER_NAME"""
_REFERENCES = """\
SELECT DISTINCT CAST(REFERENCED_TABLE_NAME AS CHAR) AS table_name, CAST(TABLE_NAME AS CHAR) AS other
 FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_SCHEMA = DATABASE() ORDER BY 2"""

_SQLITE_KEYS = """\
SELECT l.origin AS origin, l.name AS key_name, c.name AS column_name, c.coll AS collation
 FROM pragma_index_list('{table}') AS l, pragma_index_xinfo(l.name) AS c
 WHERE l."unique" = 1 AND c.key = 1 ORDER BY l.seq, c.seqno"""
# hidden: 2 and 3 are generated columns
_SQLITE_COLUMNS = """\
SELECT name, type, "notnull" AS filled, dflt_value, pk, hidden FROM pragma_table_xinfo('{table}')"""
_SQLITE_TRIGGERS = (
    "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = '{table}' ORDER BY name"
)
_SQLITE_REFERENCES = """\
SELECT DISTINCT m.name AS other FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f
 WHERE m.type = 'table' AND lower(f."table") = '{table}' ORDER BY 1"""
_OUR_COLUMNS = frozenset(column.name for table in metadata.sorted_tables for column in table.columns)


def existing_tables(ask: Ask, dialect: str) -> dict[str, ExistingTable]:
    """Return those of the product's tables that exist, by name, from ``mysql`` (or MariaDB) or ``sqlite``."""
    if dialect == "mysql":
        return _from_information_schema(ask(_TABLES), ask(_COLUMNS), ask(_KEYS), ask(_TRIGGERS), ask(_REFERENCES))
    rows = ask("SELECT name, type, sql FROM sqlite_master WHERE type IN ('table', 'view')")
    # SQLite takes Coral_Coverage for the same table.
    return {row["name"].lower(): _from_pragmas(ask, row) for row in rows if row["name"].lower() in metadata.tables}


def _from_information_schema(
    tables: Sequence[Row],
    columns: Sequence[Row],
    keys: Sequence[Row],
    triggers: Sequence[Row],
    references: Sequence[Row],
) -> dict[str, ExistingTable]:
    found = {}
    for table in tables:
        name = str(table["table_name"])
        if name not in metadata.tables:
            continue
        own = [key for key in keys if key["table_name"] == name]
        by_key: dict[str, tuple[str, ...]] = {}
        for key in own:
            # A key part without a column is an expression.
            by_key[key["key_name"]] = (*by_key.get(key["key_name"], ()), _column_name(key))
        found[name] = ExistingTable(
            name=name,
            columns=tuple(_mysql_column(column) for column in columns if column["table_name"] == name),
            primary_key=by_key.pop("PRIMARY", ()),
            unique_keys=tuple(by_key.values()),
            shortened_keys=tuple(dict.fromkeys(_column_name(key) for key in own if key["sub_part"] is not None)),
            engine=table["engine"],
            is_view=table["table_type"] not in ("BASE TABLE", "SYSTEM VERSIONED"),
            triggers=tuple(trigger["trigger_name"] for trigger in triggers if trigger["table_name"] == name),
            bound_by=tuple(_refers(other["other"]) for other in references if other["table_name"] == name),
        )
    return found


def _column_name(key: Row) -> str:
    return _own(str(key["column_name"] or "an expression"))


def _own(column: str) -> str:
    """Return a column's name in our spelling: no database tells the columns island and ISLAND apart."""
    return column.lower() if column.lower() in _OUR_COLUMNS else column


def _refers(other: str) -> str:
    return f"the table {other} refers to it by a foreign key"


def _mysql_column(row: Row) -> ExistingColumn:
    data_type, declared, extra = row["data_type"].lower(), row["column_type"].lower(), (row["extra"] or "").lower()
    kind, largest, digits = _KINDS.get(data_type, data_type), None, None
    if data_type in _LARGEST:
        kind, largest = "integer", _LARGEST[data_type] * (2 if "unsigned" in declared else 1) - 1
    if data_type == "decimal":
        digits = (int(row["digits"]) - int(row["scale"]), int(row["scale"]))
    generated = " generated" in f" {extra}" and "default_generated" not in extra
    return ExistingColumn(
        name=_own(row["column_name"]),
        kind=kind,
        declared=row["column_type"].upper(),
        nullable=row["is_nullable"] == "YES",
        has_default=row["default_value"] is not None or generated or "auto_increment" in extra,
        length=int(row["length"]) if kind == "text" and row["length"] is not None else None,
        largest=largest,
        digits=digits,
        collation=row["collation"],
        generated=generated,
    )


def _from_pragmas(ask: Ask, master: Row) -> ExistingTable:
    name = master["name"].lower()
    is_view = master["type"] == "view"
    keys = ask(_SQLITE_KEYS.format(table=name))
    rows = ask(_SQLITE_COLUMNS.format(table=name))
    triggers = ask(_SQLITE_TRIGGERS.format(table=name))
    written = _collations_written(master["sql"] or "")
    in_keys = {key["column_name"]: key["collation"] for key in keys if key["collation"].upper() != "BINARY"}
    unique: dict[str, tuple[str, ...]] = {}
    for key in keys:
        if key["origin"] != "pk":
            unique[key["key_name"]] = (*unique.get(key["key_name"], ()), _column_name(key))
    return ExistingTable(
        name=name,
        columns=tuple(_sqlite_column(row, {**written, **in_keys}) for row in rows),
        primary_key=tuple(_own(row["name"]) for row in sorted(rows, key=lambda row: row["pk"]) if row["pk"]),
        unique_keys=tuple(unique.values()),
        is_view=is_view,
        triggers=tuple(trigger["name"] for trigger in triggers if _touches(trigger["sql"], name)),
        bound_by=tuple(
            [_refers(row["other"]) for row in ask(_SQLITE_REFERENCES.format(table=name))]
            + [f"it has the trigger {trigger['name']}" for trigger in triggers]
        ),
    )


def _touches(trigger: str, table: str) -> bool:
    """Return whether the statements of a trigger name the table that it belongs to, or refuse rows."""
    _, _, body = trigger.lower().partition("begin")
    return re.search(rf"\b({table}|raise)\b", body) is not None


def _sqlite_column(row: Row, collations: Mapping[str, str]) -> ExistingColumn:
    declared = row["type"].upper()
    return ExistingColumn(
        name=_own(row["name"]),
        kind=_sqlite_kind(declared),
        declared=declared or "of no type",
        nullable=not row["filled"],
        has_default=row["dflt_value"] is not None or row["hidden"] in (2, 3),
        collation=collations.get(row["name"].lower(), collations.get(row["name"], "BINARY")),
        generated=row["hidden"] in (2, 3),
    )


def _sqlite_kind(declared: str) -> str:
    """Return the kind by SQLite's own rules of affinity, then by the word; lengths and digits bind nothing there."""
    if "INT" in declared or declared.startswith("BOOL"):
        return "integer"
    if any(word in declared for word in ("CHAR", "CLOB", "TEXT")):
        return "text"
    if any(word in declared for word in ("REAL", "FLOA", "DOUB")):
        return "double"
    word = declared.partition("(")[0].strip()
    return {"NUMERIC": "decimal", "DECIMAL": "decimal", "TIMESTAMP": "datetime"}.get(word, word.lower())


def _collations_written(sql: str) -> dict[str, str]:
    """Return the collation that CREATE TABLE gives to each column (in lower case); no pragma tells it."""
    quoted = r"""["`\[]?(\w+)["`\]]?"""
    plain = re.sub(r"'(?:[^']|'')*'", "''", sql)
    found = re.findall(rf"[(,]\s*{quoted}\s+(?:[^,()]|\([^()]*\))*?\bCOLLATE\s+{quoted}", plain, re.IGNORECASE)
    return {column.lower(): collation for column, collation in found if collation.upper() != "BINARY"}
