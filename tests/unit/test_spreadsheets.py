"""CSV files as spreadsheets write them: read rightly, or refused with every line and the remedy."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reefsteps.errors import InvalidParameterError, SpreadsheetError
from reefsteps.quadrat_size import QuadratSize
from reefsteps.spreadsheets import Fault, SheetRow, normalise_header, read_sheet, refusal

COLUMNS = {"file": ("fichier",), "island": ("ile",), "year": ("annee",), "side_cm": ("cote_cm",)}
NEEDS = [("file", "island", "year")]
TABLE = "file,island,year\r\na.jpg,Nouméa,2012\r\nb.jpg,Moʻorea,2013\r\n"
FRENCH = "Fichier;Île;Année;Côté (cm)\r\na.jpg;Nouméa;2012;70,7\r\nb.jpg;Mo’orea;2013;\r\n"


def read(data: bytes) -> list[tuple[int, str | None, str | None, int | None, float | None]]:
    def make(row: SheetRow) -> tuple[int, str | None, str | None, int | None, float | None]:
        return row.line, row.required("file"), row.required("island"), row.whole_number("year"), row.number("side_cm")

    return read_sheet(data, "m.csv", columns=COLUMNS, needs=NEEDS).convert(make)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
def test_every_encoding_separator_and_line_end(encoding: str, separator: str, line_end: str) -> None:
    data = TABLE.replace(",", separator).replace("\r\n", line_end).encode(encoding)
    assert read(data) == [(2, "a.jpg", "Nouméa", 2012, None), (3, "b.jpg", "Moʻorea", 2013, None)]


def test_big_endian_utf16_and_windows_and_french_excel() -> None:
    expected = [(2, "a.jpg", "Nouméa", 2012, 70.7), (3, "b.jpg", "Mo’orea", 2013, None)]
    assert read(b"\xfe\xff" + FRENCH.encode("utf-16-be")) == expected
    assert read(FRENCH.encode("cp1252")) == expected
    assert read(("sep=;\r\n" + FRENCH).encode("cp1252")) == [(line + 1, *rest) for line, *rest in expected]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (",,,", None),  # Excel's empty last line
        ("", None),
        ("  ", None),
        ("c.jpg,Hao,2012", (4, "c.jpg", "Hao", 2012, None)),  # shorter than the header
        (" c.jpg , Hao\u00a0,2012.0,50", (4, "c.jpg", "Hao", 2012, 50.0)),
        ("c.jpg,Hao,2012,50,,,", (4, "c.jpg", "Hao", 2012, 50.0)),
        ('"=""007.jpg""",Hao,2012,', (4, "007.jpg", "Hao", 2012, None)),
        ('c.jpg, "Hao, north",2012,"70,7"', (4, "c.jpg", "Hao, north", 2012, 70.7)),
        ('"c\n.jpg",Hao,2012,', (4, "c\n.jpg", "Hao", 2012, None)),
    ],
)
def test_lines_of_people(line: str, expected: tuple[object, ...] | None) -> None:
    rows = read(f"File,ISLAND, Year ,Side (cm)\na.jpg,X,2012,\nb.jpg,X,2012,\n{line}\n".encode())
    assert rows[2:] == ([expected] if expected else [])


def test_lines_after_a_quoted_line_break_keep_their_numbers() -> None:
    rows = read(b'file,island,year\n"a\nb.jpg",X,2012\nc.jpg,X,2012\n')
    assert [row[0] for row in rows] == [2, 4]


def refused(data: bytes) -> str:
    with pytest.raises(SpreadsheetError) as error:
        read(data)
    return str(error.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", ["empty"]),
        (b"\n,,\n", ["empty"]),
        (b"PK\x03\x04rest", ["workbook", "CSV UTF-8"]),
        (b"\xd0\xcf\x11\xe0rest", ["workbook", "CSV UTF-8"]),
        (TABLE.encode("utf-16")[:-1], ["damaged", "CSV UTF-8"]),
        (TABLE.replace("é", "e").replace("ʻ", "'").encode("utf-16-le"), ["UTF-16", "CSV UTF-8"]),
        ("file,island,year\na.jpg,Nouméa,2012\n".encode("mac-roman"), ["line 2", "Mac", "CSV UTF-8"]),
        ("file,island,year\nb.jpg,X,1\na.jpg,Nouméa,2012\n".encode("cp850"), ["line 3", "Mac or DOS"]),
        ("file,island,year\na.jpg,Mangarève à,2012\n".encode("cp850"), ["line 2"]),
        ("file,island,year\na.jpg,Nouméa,2012\n".encode().decode("cp1252").encode(), ["line 2", "'Nouméa'"]),
        (b"a.jpg,Hao,2012\n", ["line 1", "file, island, year", "Hao"]),
        (b"file,island\na.jpg,Hao\n", ["file, island, year"]),
        (b"file,File,island,year\n", ["file and File", "both mean file"]),
        (b"file,fichier,island,year\n", ["file and fichier"]),
        (b"file,island,year\na.jpg,,2012\n", ["line 2: island is empty"]),
        (b"file,island,year\na.jpg\n", ["line 2: island is empty"]),
        (b"file,island,year,side_cm\na.jpg,Hao,2012,70,7\n", ["line 2", "5 cells under 4 columns", "quotes"]),
        (b'file,island,year\na.jpg,"Hao,2012\nb.jpg,Hao,2012\n', ["line 2", "quotes"]),
        (b"file,island,year\na.jpg,Hao,six\n", ["line 2", "year is 'six'"]),
        (b"file,island,year\na.jpg,Hao,2012.5\n", ["line 2", "not a whole number"]),
        ("file,island,year\na.jpg,Hao,２０１２\n".encode(), ["line 2", "not a number"]),
        (b"file,island,year\na.jpg,Hao,2.0E+03\n", ["line 2", "not a number"]),
        (b'file,island,year,side_cm\na.jpg,Hao,2012,"1,234"\n', ["line 2", "two ways"]),
        (b"file,island,year\na.jpg,#REF!,2012\n", ["line 2", "#REF!", "formula"]),
        ("file,island,year\na.jpg,Noum\ufffda,2012\n".encode(), ["line 2", "lost"]),
    ],
)
def test_what_cannot_be_read_is_refused_with_line_and_remedy(data: bytes, words: list[str]) -> None:
    message = refused(data)
    assert message.startswith("m.csv")
    assert all(word in message for word in words), message


def test_a_picture_is_refused_in_one_sentence() -> None:
    picture = b"\xff\xd8\xff\xe0\x00\x10JFIF\n" + bytes(range(256)) * 40
    with pytest.raises(SpreadsheetError, match=r"^m\.csv holds zero bytes: it is .* or no text\. [^\n]*$"):
        read(picture)


def test_all_faults_are_told_at_once_in_the_order_of_the_lines() -> None:
    message = refused(b"file,island,year\na.jpg,Hao,six\n,,2012\nb.jpg\nc.jpg\nd.jpg,X,1,1\n")
    assert message.splitlines() == [
        "m.csv has 4 faults.",
        "  line 2: year is 'six', not a number.",
        "  line 3: file is empty: fill it in.",
        "  lines 3 to 5: island is empty: fill it in.",
        "  line 6: There are 4 cells under 3 columns: a text with a comma in it needs quotes around it.",
    ]


def test_a_decimal_comma_is_certain_where_semicolons_separate() -> None:
    assert read(b"file;island;year;side_cm\na.jpg;X;2012;1,234\n")[0][-1] == 1.234


def test_values_are_parsed_by_their_own_type_and_lines_checked_together() -> None:
    sheet = read_sheet(
        b"file,side_cm,note\na.jpg,50 x 75,x\nb.jpg,wide,\nb.jpg,100,\na.jpg,,\n",
        "s.csv",
        columns=COLUMNS,
        needs=[("file",)],
    )
    assert sheet.columns == ("file", "side_cm", "note")
    assert sheet.unknown_columns == ("note",)

    def make(row: SheetRow) -> tuple[str | None, QuadratSize | None]:
        return row.required("file"), row.value("side_cm", QuadratSize.parse)

    with pytest.raises(SpreadsheetError) as error:
        sheet.convert(make, lambda made: [Fault(row.line, f"{value[0]} is named.") for row, value in made])
    assert str(error.value).splitlines()[1:] == [
        "  lines 2, 5: a.jpg is named.",
        "  line 3: 'wide' is no quadrat's size: type a length from 1 to 10000 cm, or two as in 50 x 75.",
        "  line 4: b.jpg is named.",
    ]


@pytest.mark.parametrize("header", ["Anee", "islnd", "locaton", "Positon", "yeear"])
def test_a_misspelt_column_is_not_passed_over(header: str) -> None:
    columns = {"file": ("photo",), "year": ("annee",), "island": ("ile",), "location": ("position",), "side": ()}
    with pytest.raises(SpreadsheetError, match=f"line 1: The column '{header}' is not known: call it"):
        read_sheet(f"file,{header}\na.jpg,1\n".encode(), "m.csv", columns=columns, needs=[("file",)])


@pytest.mark.parametrize("header", ["site", "depth", "date", "notes", "location_name", "photo_id", "files"])
def test_columns_of_people_are_let_be(header: str) -> None:
    columns = {"file": ("photo",), "year": ("annee",), "location": (), "side": ()}
    sheet = read_sheet(f"file,{header}\na.jpg,1\n".encode(), "m.csv", columns=columns, needs=[("file",)])
    assert sheet.unknown_columns == (header,)


def test_a_fault_of_no_line_names_the_file_alone() -> None:
    assert str(refusal("a.csv", [Fault(None, "It is empty.")])) == "a.csv: It is empty."
    assert str(refusal("a.csv", [Fault(3, "Wrong.")])) == "a.csv, line 3: Wrong."


@pytest.mark.parametrize(
    ("header", "name"),
    [("Side (cm)", "side_cm"), ("CÔTÉ-cm ", "cote_cm"), ("  n° ", "n"), ("New\nYear", "new_year"), ("---", "")],
)
def test_headers_are_compared_without_case_accents_and_signs(header: str, name: str) -> None:
    assert normalise_header(header) == name


SIGNS = "abéÉñ'’ ,;\t\"=-.0123"
PLAIN = st.text(SIGNS, min_size=1, max_size=12).map(lambda text: f"x{text}x")


@given(st.lists(st.tuples(PLAIN, PLAIN), min_size=1), st.sampled_from([",", ";", "\t"]), st.booleans())
def test_what_a_csv_writer_writes_is_read_back(rows: list[tuple[str, str]], separator: str, quoted: bool) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    writer.writerows([("file", "island"), *rows])
    sheet = read_sheet(file.getvalue().encode(), "x", columns=COLUMNS, needs=[("file", "island")])
    assert sheet.convert(lambda row: (row.text("file"), row.text("island"))) == rows


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"file,island,year\n{text}".encode()))
def test_no_content_makes_it_fail_otherwise(data: bytes) -> None:
    try:
        read(data)
    except SpreadsheetError as error:
        assert str(error).startswith("m.csv")


def test_a_value_of_another_module_is_told_by_its_own_message() -> None:
    row = SheetRow(2, {"side_cm": "0"})
    assert row.value("side_cm", QuadratSize.parse) is None
    with pytest.raises(InvalidParameterError) as error:
        QuadratSize.parse("0")
    assert row.faults == [str(error.value)]
