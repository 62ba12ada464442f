#!/usr/bin/env bash
# One would guess: openpyxl refuses text that a workbook cannot hold, as it does for a vertical tab
# (IllegalCharacterError).
# What happens: it checks the control characters below U+0020 only. U+FFFE, U+FFFF and lone surrogates, which XML 1.0
# forbids as well, are written without a word; the file cannot be opened again, by openpyxl itself either.
# Version: openpyxl 3.1.5.
# Why it matters: one damaged island or file name in a table of thousands of quadrats makes the whole workbook
# unreadable, and the person who exported it learns of it later, at another desk.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openpyxl==3.1.5
"$folder/venv/bin/python" - <<'PYTHON'
import io
import openpyxl
from openpyxl.utils.exceptions import IllegalCharacterError

print("openpyxl", openpyxl.__version__)


def outcome(name):
    book = openpyxl.Workbook()
    try:
        book.active.append([name, 12.5])
        file = io.BytesIO()
        book.save(file)
    except IllegalCharacterError:
        return "refused"
    try:
        openpyxl.load_workbook(io.BytesIO(file.getvalue()))
    except Exception as error:
        return f"written, then unreadable: {type(error).__name__}"
    return "written and read"


expected = {"Huahin\u00e9": "written and read", "Hua\x0bhine": "refused"}
damaged = ("Hua\ufffehine", "Hua\uffffhine", "Hua\ud800hine")
seen = {name: outcome(name) for name in (*expected, *damaged)}
for name, result in seen.items():
    print(f"{name!a:20} {result}")
as_stated = all(seen[name] == result for name, result in expected.items()) and all(
    seen[name] == "written, then unreadable: ParseError" for name in damaged
)
raise SystemExit(0 if as_stated else 1)
PYTHON
