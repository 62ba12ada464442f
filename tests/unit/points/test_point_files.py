"""Files of points as CoralNet, Moorea LTER, CPCe and people write them."""

from __future__ import annotations

import pytest

from reefsteps.errors import SpreadsheetError
from reefsteps.points.answers import MOOREA, PLAIN, Answer, read_table, table_for
from reefsteps.points.files import FilePoint, PhotoPoints, read_points
from reefsteps.points.sizes import read_sizes
from tests.support.real_data import NOT_HERE, REAL_DATA

MOOREA_DATA = REAL_DATA / "quadrats/mcr_moorea"

CPC = (
    '"C:\\CPCe\\codes.txt","E:\\Transects, June 09\\IMG_0001.jpg",60000,45000,14400,10800\r\n'
    "0,44985\r\n59985,44985\r\n59985,0\r\n0,0\r\n3\r\n"
    '150,300\r\n30000,22500\r\n59985,0\r\n"1","POR","Notes",""\r\n"2","SAND","Notes","x"\r\n"3","","Notes",""\r\n'
)


def one(text: str, name: str = "points.csv") -> PhotoPoints:
    (photo,) = read_points(text.encode(), name)
    return photo


def test_coralnet_counts_pixels_from_zero_and_a_point_is_the_middle_of_one() -> None:
    photo = one("Name,Row,Column,Label\nIMG_1.jpg,0,10,CCA\nIMG_1.jpg,20,3,Porit\n")
    assert photo.file == "IMG_1.jpg"
    assert photo.source == "CoralNet"
    assert photo.points == (FilePoint(10.5, 0.5, "CCA"), FilePoint(3.5, 20.5, "Porit"))


def test_columns_of_newer_exports_and_of_people_are_known() -> None:
    assert one("Name,Row,Column,Label code\na.jpg,1,2,CCA\n").points == (FilePoint(2.5, 1.5, "CCA"),)
    photo = one("fichier;x;y;reponse;annotateur\na.jpg;1,25;2,5;corail;Léa\n")
    assert photo.points == (FilePoint(1.25, 2.5, "", Answer.CORAL),)
    assert photo.annotator == "Léa"


def test_a_table_without_names_is_about_the_picture_it_is_called_after() -> None:
    photo = one("# Row; Col; Label\n1; 2; 82\n", "folder/quadrat 7.jpg.txt")
    assert photo.file == "quadrat 7.jpg"
    assert photo.points == (FilePoint(2.5, 1.5, "82"),)


def test_pictures_keep_their_points_apart() -> None:
    photos = read_points(b"Name,Row,Column,Label\na.jpg,1,1,x\nb.jpg,1,1,x\na.jpg,2,2,x\n", "two.csv")
    assert [(photo.file, len(photo.points)) for photo in photos] == [("a.jpg", 2), ("b.jpg", 1)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Name,Row,Column,Label\na.jpg,1,1,\n", "line 2: label is empty"),
        ("Name,Row,Column,Label\na.jpg,,1,CCA\n", "line 2: This line has no position"),
        ("Name,Row,Column,Label\na.jpg,1.5,1,CCA\n", "line 2: row is '1.5'"),
        ("Name,Row,Label\na.jpg,1,CCA\n", "needs the columns"),
        ("file,x,y,answer\na.jpg,1,1,maybe\n", "'maybe' is not one of: coral, not coral, cannot tell"),
        ("", "empty"),
    ],
)
def test_a_file_with_a_fault_is_refused_whole(text: str, why: str) -> None:
    with pytest.raises(SpreadsheetError, match=why):
        read_points(text.encode(), "points.csv")


def test_cpce_is_read_in_its_own_units_and_points_without_a_code_are_left_out() -> None:
    photo = one(CPC, "IMG_0001.cpc")
    assert photo.file == "IMG_0001.jpg"
    assert photo.in_units
    assert photo.size == (60000.0, 45000.0)
    assert photo.points == (FilePoint(150.0, 300.0, "POR"), FilePoint(30000.0, 22500.0, "SAND"))


def test_cpce_4_adds_headers_and_they_do_not_matter() -> None:
    assert one(CPC + '""\r\n' * 28, "a.cpc").points == one(CPC, "a.cpc").points
    assert one(CPC + '"La Jolla, CA"\r\n' * 28, "a.cpc").points == one(CPC, "a.cpc").points


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("60000,45000,14400,10800", "60000,45000", "line 1: A .cpc file begins with 6 entries, this one with 4"),
        ("60000,45000", "0,45000", "not positive"),
        ("\r\n3\r\n", "\r\nx\r\n", "line 6: 'x' is not a number"),
        ("\r\n3\r\n", "\r\n0\r\n", "line 6: The number of points is 0"),
        ("\r\n3\r\n", "\r\n4\r\n", "line 10: There are 4 entries, not 2"),
        ("\r\n3\r\n", "\r\n2\r\n", "line 9: There are 2 entries, not 4"),
        ('"3","","Notes",""\r\n', "", "cut off"),
        ("150,300", "150,nan", "'nan' is not a number"),
        ('"POR"', '""', None),
    ],
)
def test_a_damaged_cpc_file_names_its_line(old: str, new: str, why: str | None) -> None:
    damaged = CPC.replace(old, new)
    assert damaged != CPC
    if why is None:
        assert len(one(damaged, "a.cpc").points) == 1
        return
    with pytest.raises(SpreadsheetError, match=why):
        read_points(damaged.encode(), "a.cpc")


def test_a_cpc_file_that_nobody_has_annotated_is_refused() -> None:
    with pytest.raises(SpreadsheetError, match="not been annotated"):
        read_points(CPC.replace('"POR"', '""').replace('"SAND"', '""').encode(), "a.cpc")


def test_ready_tables_know_their_labels_and_nothing_else() -> None:
    assert table_for(["Porit", "CCA", "off"]) is MOOREA
    assert table_for(["Coral", "not coral", "?"]) is PLAIN
    assert table_for(["Porit", "POR"]) is None
    assert MOOREA.answer("millepora") is Answer.OTHER
    assert MOOREA.unknown(["Porit", "X", "X"]) == ["X"]


def test_a_persons_table_of_labels() -> None:
    table = read_table(b"label;answer\nPOR;coral\nSAND;not coral\nTape;cannot tell\n", "labels.csv")
    assert [table.answer(label) for label in ("por", "SAND", "tape", "x")] == [*Answer, None]
    with pytest.raises(SpreadsheetError, match="line 3: The label 'por' has two answers"):
        read_table(b"label,answer\nPOR,coral\npor,not coral\n", "labels.csv")


def test_a_list_of_sizes() -> None:
    assert read_sizes(b"image,width,height,points\na.jpg,1880,1956,200\n", "s.csv") == {"a.jpg": (1880.0, 1956.0)}
    with pytest.raises(SpreadsheetError, match="positive"):
        read_sizes(b"image,width,height\na.jpg,0,1\n", "s.csv")


@pytest.mark.data
@pytest.mark.skipif(not MOOREA_DATA.is_dir(), reason=NOT_HERE)
def test_all_files_of_moorea_are_read_and_their_labels_known() -> None:
    files = sorted((MOOREA_DATA / "points").glob("*.csv"))
    photos = [photo for path in files for photo in read_points(path.read_bytes(), path.name)]
    assert len(photos) == len(files) == 11
    assert {len(photo.points) for photo in photos} == {200}
    assert {photo.annotator for photo in photos} == {"Imported"}
    assert table_for({point.label for photo in photos for point in photo.points}) is MOOREA
