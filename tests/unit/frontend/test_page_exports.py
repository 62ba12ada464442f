"""Exports are what other programs read without being told how, keep names as they are and carry no formula."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from frontend.components.text import camera_time, plain
from frontend.domain import charts, exports, workbook
from frontend.domain.event_dates import event_date
from frontend.domain.exports import FRENCH_EXCEL, PLAIN, About, CsvStyle, Row
from frontend.domain.statistics import Cover, mean_cover, positions_by_years, size_frequency, successive_changes
from reefsteps.coverage_queries import ColonyRow, CoverageRow
from reefsteps.survey_fields import SurveyFields
from reefsteps.surveys import SurveyKey
from tests.support.coverage_rows import coverage_row

ABOUT = About("islands: Huahiné", datetime(2026, 5, 1, 12, tzinfo=UTC), ["detectron2-classifier (sha256 abababababab)"])
HOSTILE = (
    "Huahiné",
    "Mo'orea",
    "'Ua Pou",
    'the "big" one',
    "a, b; c",
    "one\ntwo\r\nthree",
    "=1+1",
    "-x",
    "+x",
    "@x",
    "#7",
)


def row(**values: Any) -> CoverageRow:
    known = {
        "island": "Huahiné",
        "location": 7,
        "year": 2006,
        "cover_percent": 23.45,
        "last_update": date(2026, 5, 1),
        "written_at": "2026-05-01T00:00:00",
    }
    return coverage_row(**(known | values))


def hostile_rows() -> list[Row]:
    """Quadrats under every hostile name, then one with a negative number, the largest and the smallest."""
    named = exports.measurement_rows([row(island=name, location=i, corners_manual=i % 2 == 0, written_at=None)
                                      for i, name in enumerate(HOSTILE, start=1)])  # fmt: skip
    return [dict(r) | {"change": change} for r, change in zip(named, [-1.5, 1e-7, 12345.678, *[None] * 8], strict=True)]


def as_read(name: str) -> str:
    """Return a hostile name as a CSV file holds it: on one line, and no formula."""
    one_line = " ".join(name.splitlines())
    return f"'{one_line}" if one_line[0] in "=+-@" else one_line


# What everybody opens them with


def run_r(code: str, locale: str = "C.UTF-8") -> str:
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed: apt-get install r-base-core")
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": locale}
    done = subprocess.run(
        ["Rscript", "--vanilla", "-e", code], capture_output=True, text=True, check=False, env=environment
    )
    if "there is no package" in done.stderr:
        pytest.skip("readr is not installed: apt-get install r-cran-readr")
    assert done.returncode == 0, done.stderr
    return done.stdout


_SHOW = """cat(dim(d), names(d)[1], class(d$corners_set_by_hand), class(d$change), d$change[1:3], "\n");
con <- file("{out}", "wb"); writeLines(enc2utf8(as.character(d$locality)), con, useBytes = TRUE)"""


@pytest.mark.parametrize(
    ("read", "style", "locale"),
    [
        ('read.csv("{file}")', PLAIN, "C.UTF-8"),
        ('read.csv("{file}", encoding = "UTF-8")', PLAIN, "C"),
        ('read.csv2("{file}")', FRENCH_EXCEL, "C.UTF-8"),
        ('as.data.frame(readr::read_csv("{file}", show_col_types = FALSE))', PLAIN, "C.UTF-8"),
        ('as.data.frame(readr::read_csv2("{file}", show_col_types = FALSE))', FRENCH_EXCEL, "C.UTF-8"),
    ],
)
def test_r_reads_the_csv_with_its_defaults(tmp_path: Path, read: str, style: CsvStyle, locale: str) -> None:
    file, out = tmp_path / "coverage.csv", tmp_path / "names.txt"
    file.write_bytes(exports.to_csv(hostile_rows(), ABOUT, style))
    said = run_r(f"d <- {read.format(file=file)}; {_SHOW.format(out=out)}", locale).split()
    columns = len(hostile_rows()[0]) + 2
    assert said[:5] == [str(len(HOSTILE)), str(columns), "eventID", "logical", "numeric"]
    assert [float(number) for number in said[5:]] == [-1.5, 1e-7, 12345.68]
    assert out.read_text("utf-8").splitlines() == [as_read(name) for name in HOSTILE]


@pytest.mark.parametrize("engine", ["c", "python"])
@pytest.mark.parametrize("style", [PLAIN, FRENCH_EXCEL], ids=["plain", "french"])
def test_pandas_reads_the_csv(engine: Any, style: CsvStyle) -> None:
    given_style: dict[str, Any] = {} if style is PLAIN else {"sep": ";", "decimal": ","}
    read = pd.read_csv(io.BytesIO(exports.to_csv(hostile_rows(), ABOUT, style)), engine=engine, **given_style)
    assert read.columns[0] == "eventID"
    assert list(read["locality"]) == [as_read(name) for name in HOSTILE]
    assert read["corners_set_by_hand"].dtype == bool
    assert list(read["change"][:3]) == [-1.5, 1e-7, 12345.678]
    assert set(read["query"]) == {"islands: Huahiné"}


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LibreOffice's own settings, which its first start makes."""
    return tmp_path_factory.mktemp("profile")


def converted(file: Path, profile: Path, *options: str) -> Sequence[Sequence[Any]]:
    """Return what LibreOffice sees in a file, cell by cell."""
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("LibreOffice is not installed: apt-get install libreoffice-calc-nogui")
    target = file.parent / "out"
    command = [office, f"-env:UserInstallation=file://{profile}", "--headless", *options,
               "--convert-to", "xlsx", "--outdir", str(target), str(file)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=180)
    book = load_workbook(target / f"{file.stem}.xlsx")
    return [[cell.value for cell in line] for line in book[book.sheetnames[-1]].iter_rows()]


@pytest.mark.parametrize(
    ("style", "language"), [(PLAIN, "1033"), (FRENCH_EXCEL, "1036")], ids=["plain-english", "french"]
)
def test_libreoffice_opens_the_csv(tmp_path: Path, profile: Path, style: CsvStyle, language: str) -> None:
    file = tmp_path / "coverage.csv"
    file.write_bytes(exports.to_csv(hostile_rows(), ABOUT, style))
    filter_options = f"--infilter=Text - txt - csv (StarCalc):{ord(style.separator)},34,76,1,,{language}"
    header, *lines = converted(file, profile, filter_options)
    assert header[0] == "eventID"
    at = {name: header.index(name) for name in ("locality", "change")}
    assert [line[at["locality"]] for line in lines] == [as_read(name) for name in HOSTILE]
    assert [line[at["change"]] for line in lines[:3]] == [-1.5, 1e-7, 12345.678]


def test_libreoffice_opens_the_workbook_and_runs_nothing(tmp_path: Path, profile: Path) -> None:
    file = tmp_path / "coverage.xlsx"
    file.write_bytes(workbook.to_xlsx({"Quadrats": hostile_rows()}, ABOUT))
    header, *lines = converted(file, profile)
    at = header.index("locality")
    assert [line[at] for line in lines] == [name.replace("\r\n", "\n\n") for name in HOSTILE]


# What is in them


def read_csv(data: bytes, separator: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=separator))


def test_the_first_line_is_the_header_and_only_the_file_for_excel_begins_with_a_mark() -> None:
    rows = exports.measurement_rows([row(captured_at="2006-04-15T09:00:00")])
    assert exports.to_csv(rows, ABOUT).startswith(b"eventID,locality,site,year,")
    assert exports.to_csv(rows, ABOUT, FRENCH_EXCEL).startswith(b"\xef\xbb\xbfeventID;locality;site;year;")
    (read,) = read_csv(exports.to_csv(rows, ABOUT))
    assert (read["eventID"], read["eventDate"], read["eventTime"]) == ("2006-Huahiné-07", "2006-04-15", "09:00:00")
    assert (read["measurementValue"], read["query"], read["exported"]) == (
        *("23.45", "islands: Huahiné", "2026-05-01T12:00Z"),
    )


def test_an_empty_choice_is_a_file_with_a_header_only() -> None:
    assert pd.read_csv(io.BytesIO(exports.to_csv([], ABOUT))).shape == (0, 2)


def test_flags_scale_and_what_people_know_are_columns() -> None:
    known = row(
        side_cm=50.0, px_per_cm=8.123456, corners_manual=True, partly_visible=False, restoration_method="planar",
        restoration_applied=False, original_name="DSC_0001.NEF", raw_key="2006-Huahiné-07.nef", model_name="m",
    )  # fmt: skip
    fields = {SurveyKey(2006, "Huahiné", 7): SurveyFields("Motu", 9.5, "2006-04-15", "T1", -16.7, -151.0, "Hīna")}
    (read,) = read_csv(exports.to_csv(exports.measurement_rows([known], fields), ABOUT))
    expected = {
        "site": "Motu", "verbatimDepth": "9.5", "parentEventID": "T1", "decimalLatitude": "-16.7",
        "decimalLongitude": "-151.0", "recordedBy": "Hīna", "eventDate": "2006-04-15", "quadrat_size_cm": "50.0",
        "px_per_cm": "8.1235", "corners_set_by_hand": "TRUE", "frame_partly_visible": "FALSE",
        "restoration_method": "planar", "restoration_applied": "FALSE", "original_file": "DSC_0001.NEF",
        "original": "2006-Huahiné-07.nef", "model_name": "m",
    }  # fmt: skip
    assert {name: read[name] for name in expected} == expected


def test_fields_of_a_foreign_row_are_nobodys_even_under_a_name_that_is_refused() -> None:
    foreign = row(island="a/b_c", written_at=None)
    assert exports.measurement_rows([foreign], {SurveyKey(2006, "Huahiné", 7): SurveyFields("Motu")})[0]["site"] is None


@pytest.mark.parametrize(
    ("captured_at", "typed", "expected"),
    [
        ("2006-04-15T09:00:00", None, ("2006-04-15", "09:00:00", None)),
        ("2006-12-31T23:30:00-10:00", None, ("2006-12-31", "23:30:00", None)),  # in UTC it is 2007 already
        ("2006-04-15T09:00:00", "2006-04-16", ("2006-04-16", None, None)),
        (None, "2006-04-16", ("2006-04-16", None, None)),
        ("2007-01-01T00:01:00", None,
         (None, None, "left empty: the camera's clock says 2007-01-01, the survey is of 2006")),
        ("2006-04-15T09:00:00", "2005-04-16",
         (None, None, "left empty: the date that was typed says 2005-04-16, the survey is of 2006")),
        (None, None, (None, None, "neither the file nor a person says the date")),
    ],
)  # fmt: skip
def test_the_date_never_contradicts_the_year_and_is_local(
    captured_at: str | None, typed: str | None, expected: tuple[str | None, ...]
) -> None:
    found = event_date(row(captured_at=captured_at), SurveyFields(event_date=typed))
    assert (found.date, found.time, found.note) == expected


@pytest.mark.parametrize("zone", ["", "-10:00", "+00:00", "+14:00"])
def test_the_page_shows_a_photographs_time_by_its_cameras_clock(zone: str) -> None:
    assert camera_time(f"2006-12-31T23:30:00{zone}") == "2006-12-31 23:30"


def test_colonies_carry_the_scale_and_model_of_their_quadrat() -> None:
    colonies = [ColonyRow("Huahiné", 7, 2006, 1, 12.3456, 0.98765, False), ColonyRow("A", 1, 2006, 1, 1.0, 0.5, True)]
    first, second = exports.colony_rows(colonies, [row(px_per_cm=8.0, side_cm=100.0, model_name="m")])
    assert (first["area_cm2"], first["px_per_cm"], first["quadrat_size_cm"], first["model_name"]) == (
        *(12.346, 8.0, 100.0, "m"),
    )
    assert second["px_per_cm"] is None


@given(st.text(min_size=1, max_size=20), st.sampled_from([PLAIN, FRENCH_EXCEL]))
def test_no_text_begins_like_a_formula_and_each_row_is_one_line(text: str, style: CsvStyle) -> None:
    data = exports.to_csv([{"name": text, "value": -1.5}], ABOUT, style)
    assert len(data.decode("utf-8-sig").splitlines()) == 2
    (read,) = read_csv(data, style.separator)
    assert read["name"][:1] not in ("=", "+", "-", "@", "\t", "\r")
    assert read["value"] == ("-1.5" if style is PLAIN else "-1,5")


@pytest.mark.parametrize("text", ["=1+1", "#N/A", "#REF!", "-5", "2006-01-01", "TRUE"])
def test_text_stays_text_in_a_workbook_whatever_it_looks_like(text: str) -> None:
    book = load_workbook(io.BytesIO(workbook.to_xlsx({"Names": [{text: text}]}, ABOUT)))
    header, value = (cell for cell in book.worksheets[1]["A"])
    assert (header.value, header.data_type, value.value, value.data_type) == (text, "s", text, "s")


@settings(max_examples=30, deadline=None)
@given(st.text(alphabet=st.characters(), min_size=1, max_size=12))
def test_a_workbook_holds_any_text_and_can_be_read(text: str) -> None:
    book = load_workbook(io.BytesIO(workbook.to_xlsx({"Quadrats": [{"name": text}]}, ABOUT)))
    cell = book["Quadrats"]["A2"]
    assert cell.data_type == "s"
    assert cell.value == exports.readable(text).replace("\r", "\n")


@pytest.mark.parametrize("code", [0, 8, 11, 0x1F, 0xFFFE, 0xFFFF, 0xD800])
def test_characters_that_no_workbook_holds_become_a_replacement_mark(code: int) -> None:
    sheets = {"Quadrats": exports.measurement_rows([row(island=f"a{chr(code)}b", written_at=None)])}
    book = load_workbook(io.BytesIO(workbook.to_xlsx(sheets, ABOUT)))
    assert book["Quadrats"]["B2"].value == "a\ufffdb"
    assert read_csv(exports.to_csv(sheets["Quadrats"], ABOUT))[0]["locality"] == "a\ufffdb"


def test_a_long_table_goes_on_in_a_second_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 4)
    long = "Colonies of an island with a very long name"
    sheets: dict[str, Sequence[Row]] = {long: [{"n": n, "text": "x" * 40_000} for n in range(7)], "Empty": []}
    book = load_workbook(io.BytesIO(workbook.to_xlsx(sheets, ABOUT)))
    assert book.sheetnames == ["About", long[:31], f"{long[:29]} 2", f"{long[:29]} 3", "Empty"]
    assert [[c.value for c in sheet["A"]] for sheet in book.worksheets[1:4]] == [
        ["n", 0, 1, 2],
        ["n", 3, 4, 5],
        ["n", 6],
    ]
    assert len(book.worksheets[1]["B2"].value) == workbook.LONGEST_TEXT


def test_workbook_holds_a_sheet_for_each_table() -> None:
    covers = [Cover("A", year, at, year / 100 + at, "restored (planar)") for year in (2006, 2008) for at in (1, 2, 3)]
    colony = ColonyRow("A", 1, 2006, 1, 12.3456, 0.98765, False)
    sheets = {
        "Quadrats": exports.measurement_rows([row()]),
        "Means": exports.mean_rows(mean_cover(covers)),
        "Paired change": exports.change_rows(successive_changes(covers, "A")),
        "Colonies": exports.colony_rows([colony]),
    }
    book = load_workbook(io.BytesIO(workbook.to_xlsx(sheets, ABOUT)))
    assert book.sheetnames == ["About", *sheets]
    assert book["About"]["B1"].value == "islands: Huahiné"
    means = ["A", 2006, 3, 22.06, "22.1 %", None, 1.0, 0.5774, "not verified", *[None] * 4, "restored (planar)", None]
    assert [cell.value for cell in book["Means"][2]] == means
    assert [book["Paired change"][at].value for at in ("I2", "K2")] == ["not verified", "restored (planar)"]
    assert book["Colonies"]["E2"].value == pytest.approx(12.346)
    assert book["Colonies"]["A1"].font.bold


def test_a_table_without_a_row_keeps_its_header() -> None:
    tables = {
        "Means": exports.mean_rows([]),
        "Paired change": exports.change_rows([]),
        "Colonies": exports.colony_rows([]),
    }
    headers = [exports.to_csv(rows, ABOUT).decode().splitlines() for rows in tables.values()]
    assert [len(lines) for lines in headers] == [1, 1, 1]
    assert headers[1][0].startswith("locality,from_year,to_year,")
    assert headers[2][0].startswith("locality,year,quadrat,colony,") and "model_sha256" in headers[2][0]
    book = load_workbook(io.BytesIO(workbook.to_xlsx(tables, ABOUT)))
    assert [cell.value for cell in book["Paired change"][1]][:2] == ["locality", "from_year"]


def test_an_archive_holds_its_files_and_says_what_it_is_about() -> None:
    files = {"means.csv": exports.to_csv([{"a": 1}], ABOUT), "about.csv": exports.about_csv(ABOUT)}
    with zipfile.ZipFile(io.BytesIO(exports.to_zip(files))) as archive:
        assert archive.namelist() == ["means.csv", "about.csv"]
        said = {line["name"]: line["text"] for line in read_csv(archive.read("about.csv"))}
    assert said["model"] == "detectron2-classifier (sha256 abababababab)"
    assert "camera's own clock" in said["times"]


def test_charts_become_png_and_svg_files_that_carry_their_notes() -> None:
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
    assert b"A mixes models" in charts.to_svg(drawn[0], "A title", ["A mixes models: x in 2006; y in 2008."])
    assert charts.to_png(drawn[0], "A title").startswith(b"\x89PNG")
    assert json.dumps(drawn[0])


@given(st.text(max_size=40))
def test_hostile_names_are_shown_as_they_are(text: str) -> None:
    shown = plain(text)
    assert "<" not in shown.replace("\\<", "")
    assert "[" not in shown.replace("\\[", "")
    assert "\n" not in shown


@pytest.mark.parametrize(
    ("grey", "low_resolution", "said"),
    [
        (None, None, None),
        (False, False, None),
        (True, False, "The photograph is grey, and the model learned from colours."),
        (False, True, "The quadrat has fewer pixels than the model looks at."),
    ],
)
def test_what_makes_a_figure_doubtful_is_in_the_table(
    grey: bool | None, low_resolution: bool | None, said: str | None
) -> None:
    assert exports.measurement_rows([row(grey=grey, low_resolution=low_resolution)])[0]["to_be_looked_at"] == said
