#!/usr/bin/env bash
# One would guess: LibreOffice reads a CSV file that begins with UTF-8's byte order mark as UTF-8, as its window does.
# What happens: "soffice --convert-to" reads it as Windows-1252. The first column is called "ï»¿locality" and Huahiné
# becomes HuahinÃ©, with status 0 and no warning. Only --infilter with character set 76 helps; the mark changes
# nothing.
# Version: LibreOffice 7.4.7 (Debian 12, package libreoffice-calc-nogui); openpyxl 3.1.5 reads the result.
# Why it matters: labs convert tables of cover by script; islands and joins by name then break without an error.
set -euo pipefail
export LC_ALL=C.UTF-8
command -v soffice >/dev/null || { echo "LibreOffice is missing: apt-get install libreoffice-calc-nogui" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openpyxl==3.1.5
printf '\xef\xbb\xbflocality,cover\r\nHuahin\xc3\xa9,12.5\r\n' > "$folder/cover.csv"
convert() {
  soffice "-env:UserInstallation=file://$folder/profile" --headless "${@:2}" --convert-to xlsx --outdir "$folder/$1" \
    "$folder/cover.csv" >/dev/null 2>&1
}
soffice --version
convert plain
convert told "--infilter=CSV:44,34,76"
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys
from openpyxl import load_workbook

seen = {}
for name in ("plain", "told"):
    sheet = load_workbook(f"{sys.argv[1]}/{name}/cover.xlsx").active
    seen[name] = (sheet["A1"].value, sheet["A2"].value)
    print(f"{name:6} {seen[name]}")
print("expected for both: ('locality', 'Huahiné')")
as_stated = seen == {"plain": ("ï»¿locality", "HuahinÃ©"), "told": ("locality", "Huahiné")}
raise SystemExit(0 if as_stated else 1)
PYTHON
