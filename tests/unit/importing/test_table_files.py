"""An ancestor's table as CSV or SQL dump: read whole, or refused with the line."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importing.table_files import TableRow, read_table
from reefsteps.errors import SpreadsheetError
from reefsteps.surveys import SurveyKey

CREATE = """\
CREATE TABLE `coral_coverage` (
  `island` varchar(30) NOT NULL,
  `location` int(11) NOT NULL,
  `year` int(11) NOT NULL,
  `coverage` decimal(5,2) DEFAULT NULL COMMENT 'percent, 0 to 100',
  `last_update` date DEFAULT NULL,
  PRIMARY KEY (`island`,`location`,`year`),
  KEY `by_year` (`year`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
"""
MYSQLDUMP = f"""\
-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- Host: localhost    Database: reefs
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!50503 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS `coral_coverage`;
{CREATE}
LOCK TABLES `coral_coverage` WRITE;
/*!40000 ALTER TABLE `coral_coverage` DISABLE KEYS */;
INSERT INTO `coral_coverage` VALUES ('Huahiné',1,2006,12.50,'2007-01-01'),('Mo\\'orea',2,2006,NULL,NULL);
INSERT INTO `coral_coverage` VALUES ('Bora-Bora',3,2007,0.00,'2008-02-29');
/*!40000 ALTER TABLE `coral_coverage` ENABLE KEYS */;
UNLOCK TABLES;
-- Dump completed on 2024-01-01
"""
ROWS = [
    (SurveyKey(2006, "Huahiné", 1), 12.5, datetime.date(2007, 1, 1)),
    (SurveyKey(2006, "Mo'orea", 2), None, None),
    (SurveyKey(2007, "Bora-Bora", 3), 0.0, datetime.date(2008, 2, 29)),
]
PHPMYADMIN = """\
SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";
START TRANSACTION;
CREATE TABLE `coral_coverage` (`year` int(11), `island` varchar(30), `location` int, `coverage` float);
CREATE TABLE `users` (`id` int, `note` text);
INSERT INTO `users` (`id`, `note`) VALUES (1, 'INSERT INTO `coral_coverage` VALUES (1);');
INSERT INTO `coral_coverage` (`island`, `location`, `year`, `coverage`) VALUES
('Hao', 1, 2006, 12.3),
('Hao', 2, 2006, 4e1);
ALTER TABLE `coral_coverage`
  ADD PRIMARY KEY (`island`,`location`,`year`);
ALTER TABLE `users` MODIFY `id` int(11) NOT NULL AUTO_INCREMENT;
COMMIT;
"""


def plain(rows: list[TableRow]) -> list[tuple[SurveyKey, float | None, datetime.date | None]]:
    return [(row.survey, row.coverage, row.last_update) for row in rows]


@pytest.mark.parametrize(
    "data",
    [
        MYSQLDUMP.encode(),
        MYSQLDUMP.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + MYSQLDUMP.encode(),
        MYSQLDUMP.encode("utf-16"),  # with its mark, as PowerShell redirects
        MYSQLDUMP.replace("'Mo\\'orea'", "'Mo''orea'").encode(),
        MYSQLDUMP.replace("`", '"').encode(),  # --compatible=ansi
        MYSQLDUMP.replace("INSERT INTO `coral", "INSERT IGNORE INTO `reefs`.`coral").encode(),
    ],
)
def test_a_dump_of_mysqldump_is_read(data: bytes) -> None:
    rows = read_table(data, "dump.sql")
    assert plain(rows) == ROWS
    assert [row.line for row in rows] == [19, 19, 20]


def test_columns_come_from_the_insert_or_the_table() -> None:
    rows = read_table(PHPMYADMIN.replace("4e1", "40").encode(), "export.SQL")
    assert [(row.survey.stem, row.coverage) for row in rows] == [("2006-Hao-01", 12.3), ("2006-Hao-02", 40.0)]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("UNLOCK TABLES;", "UPDATE coral_coverage SET coverage = 1;", "line 22: UPDATE is not read"),
        ("UNLOCK TABLES;", "DELETE FROM coral_coverage;", "line 22: DELETE is not read"),
        ("UNLOCK TABLES;", "CALL tidy();", "line 22: CALL is not read"),
        ("UNLOCK TABLES;", "DROP TABLE coral_coverage;", "line 22: coral_coverage is dropped"),
        ("UNLOCK TABLES;", "ALTER TABLE `coral_coverage` DROP COLUMN year;", "line 22: ALTER is not read"),
        (
            "INSERT INTO `coral_coverage` VALUES ('Bora",
            "REPLACE INTO `coral_coverage` VALUES ('Bora",
            "REPLACE is not read",
        ),
        ("VALUES ('Bora-Bora',3,2007,0.00,'2008-02-29')", "SELECT * FROM other", "INSERT without VALUES"),
        ("'2008-02-29')", "'2008-02-29') ON DUPLICATE KEY UPDATE year = 1", "ON after VALUES is not read"),
        ("'2008-02-29')", "NOW())", r"NOW \( is no plain value|NOW is no plain value"),
        ("'2008-02-29')", "0x32303038)", "0x32303038 is no plain value"),
        ("0.00,", "0.00 + 1,", "is no plain value"),
        ("'2008-02-29')", "'2008-02-29',1)", "line 20: There are 6 values for 5 columns"),
        ("'2008-02-29');", "'2008-02-29", "not closed"),
        ("'2008-02-29');", "'2008-02-29'", "cut off"),
        ("SET NAMES utf8mb4", "SET NAMES latin1", "line 5: The dump is in latin1"),
        (CREATE, "", "columns of coral_coverage are not named"),
        ("'Bora-Bora',3", "'Bora-Bora',0", "line 20: Position 0"),
        ("'Bora-Bora',3", "'Bora_Bora',3", "line 20: Island"),
        ("0.00", "100.01", "more than 100 percent"),
        ("'2008-02-29'", "'2008-02-30'", "line 20"),
    ],
)
def test_what_is_no_plain_dump_is_refused_by_name_and_line(old: str, new: str, reason: str) -> None:
    assert old in MYSQLDUMP
    with pytest.raises(SpreadsheetError, match=reason):
        read_table(MYSQLDUMP.replace(old, new).encode(), "dump.sql")


def test_a_dump_that_is_not_utf8_or_has_no_rows_is_refused() -> None:
    with pytest.raises(SpreadsheetError, match=r"line 19.*default-character-set"):
        read_table(MYSQLDUMP.encode("latin-1"), "dump.sql")
    with pytest.raises(SpreadsheetError, match="no INSERT of coral_coverage"):
        read_table(CREATE.encode(), "dump.sql")


@given(name=st.text(st.sampled_from("aé'\"\\;`,() -\n\t--/*#"), min_size=1, max_size=12), number=st.integers(1, 99))
def test_text_in_quotes_never_becomes_sql(name: str, number: int) -> None:
    """Whatever an island is called, the row is read with that name, or refused for the name alone."""
    escaped = name.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    dump = f"{CREATE}INSERT INTO `coral_coverage` VALUES ('Hao',{number},2006,1,NULL),('{escaped}',1,2007,2,NULL);"
    try:
        rows = read_table(dump.encode(), "dump.sql")
    except SpreadsheetError as error:
        assert "Island" in str(error)
    else:
        assert [row.survey.year for row in rows] == [2006, 2007]
        assert rows[1].survey == SurveyKey(2007, name, 1)


CSV = "island;location;year;coverage;last_update\nHuahiné;1;2006;12,5;2007-01-01\nMo'orea;2;2006;\\N;\n"


@pytest.mark.parametrize("data", [CSV.encode(), CSV.encode("cp1252"), CSV.encode("utf-16"), CSV.upper().encode()])
def test_csv_is_read_as_spreadsheets_write_it(data: bytes) -> None:
    rows = read_table(data, "table.csv")
    assert [(row.survey.location, row.coverage, row.line) for row in rows] == [(1, 12.5, 2), (2, None, 3)]


@pytest.mark.parametrize("day", ["0000-00-00", "0000-00-00 00:00:00", "NULL", ""])
def test_a_date_that_is_none_is_unknown(day: str) -> None:
    (row,) = read_table(f"island;location;year;coverage;last_update\nHao;1;2006;1;{day}\n".encode(), "t.csv")
    assert row.last_update is None


@pytest.mark.parametrize("day", ["2007-02-30", "2007-00-01", "0000-01-01", "31/01/2007", "2007"])
def test_a_wrong_date_is_told_with_its_column(day: str) -> None:
    with pytest.raises(SpreadsheetError, match=f"line 2: last_update is '{day}', not a date such as"):
        read_table(f"island;location;year;coverage;last_update\nHao;1;2006;1;{day}\n".encode(), "t.csv")


@pytest.mark.parametrize("cover", ["12,5 %", "12.5%", "12,5\u00a0%", "12,50"])
def test_percents_are_read_as_people_write_them(cover: str) -> None:
    (row,) = read_table(f"ile;localisation;annee;recouvrement\nHuahiné;1;2006;{cover}\n".encode(), "t.csv")
    assert row.coverage == 12.5


def test_all_faults_of_a_csv_are_told_at_once() -> None:
    with pytest.raises(SpreadsheetError) as refused:
        read_table(b"island,location,year,coverage\nHao,x,2006,1\nHao,1,2006,101\nHao,2,2006,3\n", "t.csv")
    assert "line 2: location is 'x'" in str(refused.value)
    assert "line 3: coverage is 101" in str(refused.value)
