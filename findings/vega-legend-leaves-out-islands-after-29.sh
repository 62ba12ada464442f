#!/usr/bin/env bash
# One would guess: a chart's legend names every series of the chart.
# What happens: a Vega-Lite legend shows 29 of 40 islands and the entry "…11 entries". All 40 lines are drawn. The
# limit of 30 (symbolLimit) is a default; no warning is given, in a browser or in an exported file.
# Version: vl-convert-python 1.9.0.post1 (Vega-Lite 6).
# Why it matters: a figure of coral cover for a whole archipelago shows lines that nothing names. symbolLimit 0 shows
# all.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check vl-convert-python==1.9.0.post1
"$folder/venv/bin/python" - <<'PYTHON'
import json
import re

import vl_convert

print("vl-convert-python", vl_convert.__version__)
islands = [f"Atoll {number:02d}" for number in range(1, 41)]
rows = [{"island": n, "year": y, "cover": i + y % 3} for i, n in enumerate(islands) for y in (2006, 2008)]


def drawn(legend):
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": rows},
        "mark": "line",
        "encoding": {
            "x": {"field": "year", "type": "quantitative"},
            "y": {"field": "cover", "type": "quantitative"},
            "color": {"field": "island", "type": "nominal", "legend": legend},
        },
    }
    picture = vl_convert.vegalite_to_svg(json.dumps(spec))
    lines = len(re.findall('aria-roledescription="line mark"', picture))
    return lines, [text for text in re.findall(">([^<>]+)<", picture) if "Atoll" in text or "entries" in text]


lines, named = drawn({})
print(f"default: {lines} lines drawn, {sum('Atoll' in n for n in named)} named, last entry {named[-1]!r}")
all_lines, all_named = drawn({"symbolLimit": 0})
print(f"symbolLimit 0: {all_lines} lines drawn, {len(all_named)} named")
as_stated = (lines, len(named), named[-1], all_lines, len(all_named)) == (40, 30, "…11 entries", 40, 40)
raise SystemExit(0 if as_stated else 1)
PYTHON
