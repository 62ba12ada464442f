"""Reads the rows of `coral_coverage` from a dump of mysqldump, mariadb-dump or phpMyAdmin, without running it.

Only ``INSERT ... VALUES`` of that table is read. Statements that cannot change its rows (comments, SET, LOCK, CREATE,
keys, other tables) are skipped. Every other statement is refused by name, because it could change the dumped rows.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from reefsteps.errors import SpreadsheetError
from reefsteps.spreadsheets import Fault, refusal

TABLE = "coral_coverage"

_TOKEN = re.compile(
    r"""(?P<space>\s++|--(?=\s)[^\n]*+|--$|\#[^\n]*+|/\*.*?\*/)
    |(?P<text>'(?:[^'\\]|\\.|'')*+'|"(?:[^"\\]|\\.|"")*+")
    |(?P<name>`(?:[^`]|``)*+`)
    |(?P<number>[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?(?![\w$.]))
    |(?P<word>[\w@$]++)
    |(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_PASSED_OVER = frozenset({"SET", "USE", "LOCK", "UNLOCK", "START", "BEGIN", "COMMIT", "DELIMITER"})
_NOT_COLUMNS = frozenset(
    {"PRIMARY", "KEY", "UNIQUE", "INDEX", "CONSTRAINT", "FULLTEXT", "SPATIAL", "FOREIGN", "CHECK", "PERIOD"}
)
_ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"}
_SET_NAMES = re.compile(r"SET\s+NAMES\s+'?(\w+)", re.IGNORECASE)
_UNICODE = frozenset({"utf8", "utf8mb3", "utf8mb4"})

_NOT_READ = "{} is not read. Only INSERT ... VALUES of a dump is."

Values = dict[str, str | None]


@dataclass(frozen=True)
class _Token:
    kind: str  # text, name, number, word or sign
    raw: str
    line: int

    def is_(self, *words: str) -> bool:
        return self.kind in ("word", "sign") and self.raw.upper() in words

    @property
    def identifier(self) -> str:
        if self.kind == "name" or self.is_quoted_name:
            return self.raw[1:-1].replace(self.raw[0] * 2, self.raw[0])
        return self.raw

    @property
    def is_quoted_name(self) -> bool:
        """Whether this is a name as ANSI quotes it (``--compatible=ansi``), where a name is expected."""
        return self.kind == "text" and self.raw[0] == '"'


class _RefusedError(Exception):
    """A statement that is not read; becomes a SpreadsheetError with the file's name."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


def rows_of_dump(data: bytes, name: str) -> list[tuple[int, Values]]:
    """Return line and values by column of every row of `coral_coverage` in a dump; NULL is None.

    Raises SpreadsheetError naming the line.
    """
    text = _decoded(data, name)
    columns: list[str] = []
    rows: list[tuple[int, Values]] = []
    try:
        for statement in _statements(text):
            kind, table = _kind_and_table(statement)
            if kind == "CREATE TABLE" and table == TABLE:
                _refuse_after_rows(statement, rows)
                columns = _created_columns(statement)
            elif kind == "INSERT" and table == TABLE:
                rows += _inserted(statement, columns)
            elif kind == "DROP" and table == TABLE:
                _refuse_after_rows(statement, rows)
    except _RefusedError as refused:
        raise refusal(name, [Fault(refused.line, str(refused))]) from None
    if not rows:
        raise SpreadsheetError(f"{name} holds no INSERT of {TABLE}: dump this table, with its data.")
    return rows


def _decoded(data: bytes, name: str) -> str:
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # PowerShell's ">" writes it
    try:
        text = data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        why = "The letters are not UTF-8: dump again with --default-character-set=utf8mb4."
        raise refusal(name, [Fault(line, why)]) from None
    for found in _SET_NAMES.finditer(text):
        if found[1].lower() not in _UNICODE:
            line = text.count("\n", 0, found.start()) + 1
            why = f"The dump is in {found[1]}: dump again with --default-character-set=utf8mb4."
            raise refusal(name, [Fault(line, why)])
    return text


def _statements(text: str) -> Iterator[list[_Token]]:
    statement: list[_Token] = []
    line = 1
    for found in _TOKEN.finditer(text):
        kind, raw = str(found.lastgroup), found[0]
        if kind == "sign" and raw in "'\"`":
            raise _RefusedError(line, f"The {raw} is not closed: the dump is cut off or damaged.")
        if raw == ";":
            if statement:
                yield statement
            statement = []
        elif kind != "space":
            statement.append(_Token(kind, raw, line))
        line += raw.count("\n")
    if statement:
        raise _RefusedError(statement[0].line, "The last statement has no end (;): the dump is cut off.")


def _kind_and_table(statement: list[_Token]) -> tuple[str, str | None]:
    """Return INSERT, CREATE TABLE, DROP or "" (nothing to read), and the table; raises _RefusedError for others."""
    first = statement[0]
    if first.is_(*_PASSED_OVER):
        return "", None
    if first.is_("INSERT"):
        into = next((n for n, token in enumerate(statement[:4]) if token.is_("INTO")), None)
        if into is None:
            raise _RefusedError(first.line, "INSERT without INTO is not read.")
        return "INSERT", _table_name(statement[into + 1 :])
    if first.is_("CREATE", "DROP"):
        at = next((n for n, token in enumerate(statement[:6]) if token.is_("TABLE")), None)
        if at is None:
            return "", None
        rest = [token for token in statement[at + 1 :] if not token.is_("IF", "NOT", "EXISTS")]
        return ("CREATE TABLE" if first.is_("CREATE") else "DROP"), _table_name(rest)
    if first.is_("ALTER") and _keeps_rows(statement):
        return "", None
    raise _RefusedError(first.line, _NOT_READ.format(first.raw.upper()))


def _keeps_rows(statement: list[_Token]) -> bool:
    """Tell whether an ALTER TABLE leaves our rows as they are: keys, which phpMyAdmin adds last, or another table."""
    if len(statement) < 4 or not statement[1].is_("TABLE"):
        return False
    if _table_name(statement[2:]) != TABLE:
        return True
    change = statement[5 if statement[3].raw == "." else 3 :]
    keys = len(change) > 1 and change[0].is_("ADD") and change[1].is_("PRIMARY", "KEY", "UNIQUE", "INDEX", "CONSTRAINT")
    return keys or change[0].is_("MODIFY", "ENABLE", "DISABLE")


def _table_name(tokens: list[_Token]) -> str | None:
    """Return the name of a table, without the database's."""
    if not tokens:
        return None
    dotted = len(tokens) > 2 and tokens[1].raw == "."
    return tokens[2].identifier if dotted else tokens[0].identifier


def _refuse_after_rows(statement: list[_Token], rows: list[tuple[int, Values]]) -> None:
    if rows:
        raise _RefusedError(
            statement[0].line, f"{TABLE} is dropped or made again after rows of it: this is no plain dump."
        )


def _created_columns(statement: list[_Token]) -> list[str]:
    columns, depth, begins = [], 0, False
    for token in statement:
        if token.raw == "(" and token.kind == "sign":
            depth += 1
            begins = depth == 1
            continue
        if token.raw == ")" and token.kind == "sign":
            depth -= 1
        elif token.raw == "," and token.kind == "sign":
            begins = depth == 1
            continue
        named = token.kind in ("name", "word") or token.is_quoted_name
        if begins and named and not (token.kind == "word" and token.is_(*_NOT_COLUMNS)):
            columns.append(token.identifier)
        begins = False
    return columns


def _inserted(statement: list[_Token], created: list[str]) -> Iterator[tuple[int, Values]]:
    at = next((n for n, token in enumerate(statement) if token.is_("VALUES", "VALUE")), None)
    if at is None:
        raise _RefusedError(statement[0].line, _NOT_READ.format("INSERT without VALUES"))
    named = [token.identifier for token in _between_brackets(statement[:at])]
    columns = [column.lower() for column in named or created]
    if not columns:
        why = f"The columns of {TABLE} are not named: dump with its CREATE TABLE, or with --complete-insert."
        raise _RefusedError(statement[0].line, why)
    position = at + 1
    while position < len(statement):
        line = statement[position].line
        values, position = _tuple(statement, position)
        if len(values) != len(columns):
            raise _RefusedError(line, f"There are {len(values)} values for {len(columns)} columns.")
        yield line, dict(zip(columns, values, strict=True))
        if position < len(statement):
            if not statement[position].is_(","):
                raise _RefusedError(statement[position].line, f"{statement[position].raw} after VALUES is not read.")
            position += 1


def _between_brackets(tokens: list[_Token]) -> list[_Token]:
    opening = next((n for n, token in enumerate(tokens) if token.raw == "(" and token.kind == "sign"), len(tokens))
    return [token for token in tokens[opening:] if token.kind in ("name", "word") or token.is_quoted_name]


def _tuple(statement: list[_Token], position: int) -> tuple[list[str | None], int]:
    if not statement[position].is_("("):
        raise _RefusedError(statement[position].line, f"{statement[position].raw} after VALUES is not read.")
    values: list[str | None] = []
    position += 1
    while position + 1 < len(statement):
        token, following = statement[position], statement[position + 1]
        values.append(_literal(token))
        position += 2
        if following.is_(")"):
            return values, position
        if not following.is_(","):
            raise _RefusedError(following.line, f"{token.raw} {following.raw} is no plain value.")
    raise _RefusedError(statement[-1].line, "A row is not closed: the dump is cut off.")


def _literal(token: _Token) -> str | None:
    if token.kind == "number":
        return token.raw
    if token.kind == "text":
        quote = token.raw[0]
        return re.sub(
            rf"\\(.)|{quote}{quote}",
            lambda found: quote if found[1] is None else _ESCAPES.get(found[1], found[1]),
            token.raw[1:-1],
            flags=re.DOTALL,
        )
    if token.is_("NULL"):
        return None
    raise _RefusedError(token.line, f"{token.raw} is no plain value: text, number or NULL.")
