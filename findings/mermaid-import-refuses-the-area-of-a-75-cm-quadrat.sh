#!/usr/bin/env bash
# One would guess: MERMAID's import takes the true area of a common quadrat, 0.75 m x 0.75 m = 0.5625 m2, and rounds it
# if it must.
# What happens: its template declares "Quadrat size *" as a decimal of 4 digits, 2 of them behind the point, and Django
# REST framework refuses what has more of them. So does "Depth *" (3 digits, 1 behind the point): 9.25 m and 100 m are
# refused.
# Version: djangorestframework 3.16.1, Django 5.2.8; the fields as in data-mermaid/mermaid-api,
# src/api/ingest/benthicpqt_serializer.py (November 2026). 50 cm x 75 cm (0.375 m2) is refused in the same way.
# Why it matters: a table filled with exact values is refused row by row; filled with 0.56, the area is 0.4 % too
# small.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check Django==5.2.8 djangorestframework==3.16.1
"$folder/venv/bin/python" - <<'PYTHON'
import django
import rest_framework
from django.conf import settings

settings.configure()
django.setup()

from rest_framework import serializers

print("Django", django.__version__, "djangorestframework", rest_framework.__version__)
quadrat_size = serializers.DecimalField(max_digits=4, decimal_places=2)
depth = serializers.DecimalField(max_digits=3, decimal_places=1)


def outcome(field, text):
    try:
        return f"taken as {field.run_validation(text)}"
    except serializers.ValidationError as error:
        return f"refused: {error.detail[0]}"


seen = {
    "1 m2": outcome(quadrat_size, "1.0"),
    "0.5625 m2": outcome(quadrat_size, "0.5625"),
    "0.375 m2": outcome(quadrat_size, "0.375"),
    "9.2 m deep": outcome(depth, "9.2"),
    "9.25 m deep": outcome(depth, "9.25"),
    "100 m deep": outcome(depth, "100"),
}
for what, result in seen.items():
    print(f"{what:12} {result}")
refused = [what for what, result in seen.items() if result.startswith("refused")]
raise SystemExit(0 if refused == ["0.5625 m2", "0.375 m2", "9.25 m deep", "100 m deep"] else 1)
PYTHON
