"""Exports say what they are, keep accents and cannot carry a formula into a spreadsheet."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from frontend.components.text import plain
from frontend.domain import charts, exports
from frontend.domain.exports import About
from frontend.domain.statistics import Cover, mean_cover, positions_by_years, size_frequency, successive_changes
from reefsteps.coverage_queries import ColonyRow, CoverageRow

ABOUT = About("islands: Huahiné", datetime(2026, 5, 1, 12, tzinfo=UTC), ["detectron2-classifier (sha256 abababababab)"])


def row(**values: Any) -> CoverageRow:
    known = dict.fromkeys(CoverageRow.__dataclass_fields__) | {
        "island": "Huahiné",
        "location": 7,
        "year": 2006,
        "cover_percent": 23.45,
        "last_update": date(2026, 5, 1),
    }
    return CoverageRow(**(known | values))


def read_csv(data: bytes) -> tuple[list[str], list[dict[str, str]]]:
    lines = data.decode("utf-8-sig").splitlines()
    head = [line for line in lines if line.startswith("# ")]
    return head, list(csv.DictReader(io.StringIO("\n".join(lines[len(head) :]))))


def test_csv_has_query_date_and_model_and_darwin_core_names() -> None:
    head, rows = read_csv(exports.to_csv(exports.measurement_rows([row(captured_at="2006-04-15T09:00:00")]), ABOUT))
    assert head[0] == "# query: islands: Huahiné"
    assert "2026-05-01 12:00 UTC" in head[1]
    assert "sha256 abababababab" in head[2]
    assert rows[0]["eventID"] == "2006-Huahiné-07"
    assert rows[0]["eventDate"] == "2006-04-15"
    assert float(rows[0]["measurementValue"]) == 23.45


@pytest.mark.parametrize(
    ("grey", "low_resolution", "said"),
    [
        (None, None, ""),
        (False, False, ""),
        (True, False, "the photograph is grey, and the model learned from colours"),
        (False, True, "the quadrat has fewer pixels than the model looks at"),
    ],
)
def test_what_makes_a_figure_doubtful_is_in_the_table(
    grey: bool | None, low_resolution: bool | None, said: str
) -> None:
    rows = exports.measurement_rows([row(grey=grey, low_resolution=low_resolution)])
    assert read_csv(exports.to_csv(rows, ABOUT))[1][0]["remarks"] == said


def test_an_empty_choice_is_a_file_with_a_head_only() -> None:
    assert read_csv(exports.to_csv([], ABOUT))[1] == []


def test_a_query_with_line_breaks_stays_one_comment() -> None:
    head, _ = read_csv(exports.to_csv([], About("a\r\n=cmd()", ABOUT.exported_at, [])))
    assert head[0] == "# query: a =cmd()"


@given(st.text(min_size=1, max_size=20))
def test_no_cell_begins_like_a_formula(text: str) -> None:
    data = exports.to_csv([{"name": text}], ABOUT)
    cells = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))[5:]
    assert all(cell[0][:1] not in ("=", "+", "-", "@") for cell in cells if cell)


def test_workbook_holds_a_sheet_for_each_table() -> None:
    covers = [Cover("A", year, at, year / 100 + at) for year in (2006, 2008) for at in (1, 2, 3)]
    colony = ColonyRow("A", 1, 2006, 1, 12.3456, 0.98765, False)
    sheets = {
        "Quadrats": exports.measurement_rows([row()]),
        "Means": exports.mean_rows(mean_cover(covers)),
        "Paired change": exports.change_rows(successive_changes(covers, "A")),
        "Colonies": exports.colony_rows([colony]),
    }
    book = load_workbook(io.BytesIO(exports.to_xlsx(sheets, ABOUT)))
    assert book.sheetnames == ["About", *sheets]
    assert book["About"]["B1"].value == "islands: Huahiné"
    assert [cell.value for cell in book["Means"][2]] == ["A", 2006, 3, 22.06, 1.0, 0.5774]
    assert book["Colonies"]["E2"].value == pytest.approx(12.346)


def test_charts_become_png_and_svg_files() -> None:
    covers = [Cover("A", year, at, year / 100 + at) for year in (2006, 2008) for at in (1, 2, 3)] + [
        Cover("A", 2010, 1, 5)
    ]
    years, matrix = positions_by_years(covers, "A")
    drawn = [
        charts.trend(mean_cover(covers)),
        charts.same_quadrats(matrix),
        charts.heat_map(matrix, years),
        charts.sizes(size_frequency([1, 7, 900])),
    ]
    for chart in drawn:
        assert charts.to_svg(chart, "A title").startswith(b"<svg")
    assert charts.to_png(drawn[0], "A title").startswith(b"\x89PNG")


@given(st.text(max_size=40))
def test_hostile_names_are_shown_as_they_are(text: str) -> None:
    shown = plain(text)
    assert "<" not in shown.replace("\\<", "")
    assert "[" not in shown.replace("\\[", "")
    assert "\n" not in shown
