"""The table of an upload as a person uses it: typing, pasting from a spreadsheet, leaving the page, coming back."""

from __future__ import annotations

import json
import re
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

from reefsteps.formats import STORED_EXTENSIONS
from tests.e2e.looking import PHONE, drawn_anew, serious_faults, settle
from tests.support import page_world

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.support.page_server import ServedPage

MANY = 300
_SCROLL = "[...document.querySelectorAll('*')].map(e => e.shadowRoot && e.shadowRoot.querySelector('.scroll'))"
_FOCUSED = """() => {
  let element = document.activeElement;
  while (element && element.shadowRoot && element.shadowRoot.activeElement) element = element.shadowRoot.activeElement;
  return element ? element.getAttribute('aria-label') : null;
}"""


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1366, "height": 768}) as context:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield context.new_page()


@pytest.fixture(scope="module")
def camera_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """As a camera names them, all of one size in bytes: nothing in the names says what they show."""
    folder = tmp_path_factory.mktemp("card")
    page_world.draw_quadrat(1, (60, 45)).save(folder / "drawn.jpg")
    start = (folder / "drawn.jpg").read_bytes()
    files = [folder / f"IMG_{2000 + number}.JPG" for number in range(MANY)]
    for number, file in enumerate(files):
        file.write_bytes(start + f"{number:04d}".encode())
    return files


def _choose(tab: Page, served: ServedPage, files: list[Path]) -> None:
    tab.goto(f"{served.url}/upload")
    settle(tab)
    tab.locator("input.file-input").set_input_files(files)
    tab.get_by_role("button", name="Fill down").wait_for(timeout=60_000)
    settle(tab)


def _paste(tab: Page, text: str) -> None:
    tab.evaluate("text => navigator.clipboard.writeText(text)", text)
    tab.keyboard.press("Control+v")


def test_three_hundred_files_without_names_are_done_by_pasting_one_block(
    tab: Page, seeded_page: ServedPage, camera_files: list[Path], artifacts: Path
) -> None:
    """A person: chooses, types island and year, clicks one cell, pastes, sends; five steps, none of them 300 times."""
    tab.goto(f"{seeded_page.url}/upload")
    settle(tab)
    tab.get_by_label("Island", exact=True).fill("Rangiroa")
    tab.get_by_label("Year", exact=True).fill("2012")
    with drawn_anew(tab):
        tab.get_by_label("Year", exact=True).press("Enter")
    tab.locator("input.file-input").set_input_files(camera_files)
    tab.get_by_text(f"{MANY} needs input").wait_for(timeout=60_000)
    tab.get_by_label("Position of IMG_2000.JPG").click()
    _paste(tab, "\r\n".join(str(number) for number in range(1, MANY + 1)) + "\r\n")
    tab.get_by_text(f"{MANY} lines pasted.").wait_for(timeout=30_000)
    tab.get_by_role("button", name=re.compile(f"Send {MANY} photographs")).wait_for(timeout=60_000)
    tab.screenshot(path=artifacts / "upload-table-300.png")
    assert tab.get_by_label("Position of IMG_2299.JPG").input_value() == "300"
    assert tab.get_by_text("→ 2012-Rangiroa-300.jpg").count() == 1


def test_typing_keeps_focus_and_place_and_is_there_after_another_page_and_a_reload(
    tab: Page, seeded_page: ServedPage, camera_files: list[Path]
) -> None:
    _choose(tab, seeded_page, camera_files[:60])
    tab.get_by_text("60 needs input").wait_for(timeout=60_000)
    first = tab.get_by_label("Island of IMG_2040.JPG")
    first.click()
    scroll = tab.evaluate(f"() => {_SCROLL}.find(Boolean).scrollTop")
    assert scroll > 0
    for text in ("Tikehau", "2015", "7"):
        tab.keyboard.type(text)
        tab.keyboard.press("Tab")
    assert tab.evaluate(_FOCUSED) == "Side (cm) of IMG_2040.JPG"
    tab.keyboard.type("70,7")
    tab.keyboard.press("Tab")
    tab.get_by_text("1 ready").wait_for(timeout=30_000)
    settle(tab)
    assert tab.evaluate(_FOCUSED) == "Island of IMG_2041.JPG"
    assert tab.evaluate(f"() => {_SCROLL}.find(Boolean).scrollTop") == scroll
    tab.keyboard.type("Tikehau")
    tab.keyboard.press("Enter")
    assert tab.evaluate(_FOCUSED) == "Island of IMG_2042.JPG"

    tab.get_by_role("link", name="Overview").first.click()
    first.wait_for(state="detached", timeout=30_000)
    tab.get_by_role("link", name="Upload").first.click()
    tab.get_by_text("1 ready").wait_for(timeout=30_000)
    assert first.input_value() == "Tikehau"
    assert tab.get_by_label("Side (cm) of IMG_2040.JPG").input_value() == "70,7"
    assert tab.get_by_label("Island of IMG_2041.JPG").input_value() == "Tikehau"

    _choose(tab, seeded_page, camera_files[:60])
    tab.get_by_text("1 ready").wait_for(timeout=30_000)
    tab.get_by_text("What you typed for 2 of these files before is filled in again.").wait_for()
    tab.get_by_role("button", name="Send 1 photograph").click()
    tab.get_by_text("1 of 1 photographs have arrived").wait_for(timeout=30_000)
    head = seeded_page.s3.head_object(Bucket=page_world.BUCKETS["RAW_BUCKET"], Key="2015-Tikehau-07.jpg")
    assert head["Metadata"]["side-cm"] == "70.7"


@pytest.mark.long
def test_counting_up_filling_down_and_undo(tab: Page, seeded_page: ServedPage, camera_files: list[Path]) -> None:
    _choose(tab, seeded_page, camera_files[:5])
    tab.get_by_label("Island of IMG_2000.JPG").click()
    _paste(tab, "Anaa\t2011\t4\t50x75")
    tab.get_by_text("1 lines pasted.").wait_for(timeout=30_000)
    for field in ("Island", "Year", "Side (cm)"):
        tab.get_by_label(f"{field} of IMG_2000.JPG").click()
        tab.get_by_role("button", name="Fill down").click()
    tab.get_by_label("Position of IMG_2000.JPG").click()
    tab.get_by_role("button", name="Count up").click()
    tab.get_by_text("→ 2011-Anaa-08.jpg").wait_for(timeout=30_000)
    assert tab.get_by_label("Side (cm) of IMG_2004.JPG").input_value() == "50x75"
    tab.get_by_role("button", name="Undo").click()
    tab.get_by_text("4 needs input").wait_for(timeout=30_000)
    tab.get_by_label("Year of IMG_2000.JPG").fill("soon")
    tab.get_by_label("Year of IMG_2000.JPG").press("Enter")
    tab.get_by_text("'soon' is no year").wait_for(timeout=30_000)
    tab.get_by_role("button", name="What needs input first").click()


def test_another_picture_of_equal_size_is_not_taken_for_the_one_that_is_there(
    tab: Page, seeded_page: ServedPage, tmp_path: Path, camera_files: list[Path]
) -> None:
    bucket, s3 = page_world.BUCKETS["RAW_BUCKET"], seeded_page.s3
    there = [file.read_bytes() for file in camera_files[:2]]
    for number in (1, 2):
        s3.put_object(Bucket=bucket, Key=f"2016-Hao-{number:02d}.jpg", Body=there[0])
    names = [tmp_path / "2016-Hao-01.jpg", tmp_path / "2016-Hao-02.jpg"]
    for name, content in zip(names, there, strict=True):
        name.write_bytes(content)
    _choose(tab, seeded_page, names)
    tab.get_by_text("1 already there").wait_for(timeout=30_000)
    tab.get_by_text("another picture of the same size in bytes").wait_for(timeout=30_000)
    tab.get_by_text("Also replace 1 photograph").click()
    tab.get_by_role("button", name="Send 1 photograph").click()
    tab.get_by_text("2 already there").wait_for(timeout=30_000)
    assert s3.get_object(Bucket=bucket, Key="2016-Hao-02.jpg")["Body"].read() == there[1]


def test_any_size_is_typed_remembered_over_a_reload_and_warned_of_where_it_differs(
    tab: Page, seeded_page: ServedPage, tmp_path: Path
) -> None:
    photo = tmp_path / "2006-Takapoto-77.jpg"
    page_world.draw_quadrat(3, (200, 150)).save(photo)
    tab.goto(f"{seeded_page.url}/upload")
    settle(tab)
    side = tab.get_by_role("combobox", name="Quadrat's inner side (cm)")
    side.click()
    side.fill("50 x 60")
    with drawn_anew(tab):
        side.press("Enter")
    tab.locator("input.file-input").set_input_files(photo)
    tab.get_by_text("would have more than one size of quadrat").wait_for(timeout=30_000)
    tab.reload()
    settle(tab)
    tab.locator("input.file-input").set_input_files(photo)
    tab.get_by_text("50 x 60 cm (1 of this upload)").wait_for(timeout=30_000)
    tab.get_by_role("button", name="Send 1 photograph").click()
    tab.get_by_text("1 of 1 photographs have arrived").wait_for(timeout=30_000)
    head = seeded_page.s3.head_object(Bucket=page_world.BUCKETS["RAW_BUCKET"], Key=photo.name)
    assert head["Metadata"]["side-cm"] == "50x60"

    tab.goto(f"{seeded_page.url}/runs")
    settle(tab)
    tab.get_by_text("1 photograph: 1 not begun").wait_for(timeout=30_000)
    tab.reload()
    tab.get_by_text("1 photograph: 1 not begun").wait_for(timeout=30_000)
    other = tab.context.new_page()
    other.goto(f"{seeded_page.url}/runs")
    other.get_by_text("1 photograph: 1 not begun").wait_for(timeout=30_000)


@pytest.mark.long
def test_a_photograph_that_is_there_with_another_size_leads_to_where_it_is_corrected(
    tab: Page, seeded_page: ServedPage, tmp_path: Path
) -> None:
    photo = tmp_path / "2006-Takapoto-01.jpg"
    stored = seeded_page.s3.get_object(Bucket=page_world.BUCKETS["RAW_BUCKET"], Key=photo.name)
    photo.write_bytes(stored["Body"].read())
    _choose(tab, seeded_page, [photo])
    tab.get_by_text("1 already there").wait_for(timeout=30_000)
    tab.get_by_label(f"Side (cm) of {photo.name}").fill("50x75")
    tab.get_by_label(f"Side (cm) of {photo.name}").press("Enter")
    tab.get_by_text("is there with a quadrat of 100 cm").wait_for(timeout=30_000)
    tab.get_by_role("link", name="Correct its size").click()
    tab.get_by_role("heading", name="Surveys", level=1).wait_for(timeout=30_000)
    assert parse_qs(urlsplit(tab.url).query) == {
        "what": ["Quadrat size"], "island": ["Takapoto"], "year": ["2006"], "location": ["1"]
    }  # fmt: skip


@pytest.mark.long
def test_names_of_another_form_are_shown_by_one_example_and_remembered(
    tab: Page, seeded_page: ServedPage, tmp_path: Path
) -> None:
    photos = [tmp_path / f"TakP{n:02d}A12.jpg" for n in (7, 8, 9)]
    for number, photo in enumerate(photos):
        page_world.draw_quadrat(number, (60, 45)).save(photo)
    _choose(tab, seeded_page, photos)
    tab.get_by_text("Are the names of another form?").click()
    for piece, part in (("07", "position"), ("12", "year")):
        tab.get_by_role("group", name="Pieces of the name").get_by_role("button", name=piece, exact=True).click()
        tab.get_by_role("button", name=part, exact=True).click()
        tab.get_by_text(re.compile(f"Marked: .*{part}: {piece}")).wait_for(timeout=30_000)
    name = tab.get_by_label("Example of a file name")
    name.evaluate("input => { input.focus(); input.setSelectionRange(0, 3); }")
    tab.get_by_role("button", name="island", exact=True).click()
    tab.get_by_text("fits 3 of 3 names").wait_for(timeout=30_000)
    tab.get_by_text("→ 2012-Tak-08.jpg").wait_for(timeout=30_000)
    _choose(tab, seeded_page, photos)
    tab.get_by_text("3 ready").wait_for(timeout=30_000)


def test_a_permission_that_ends_is_renewed_and_a_busy_storage_is_asked_again(
    tab: Page, seeded_page: ServedPage, tmp_path: Path
) -> None:
    photo = tmp_path / "2017-Raroia-01.jpg"
    page_world.draw_quadrat(4, (60, 45)).save(photo)
    answers = ["ExpiredToken", "SlowDown", "RequestTimeout"]
    policies: list[str] = []

    def answer(route: Any) -> None:
        body = route.request.post_data_buffer.decode("latin-1")
        policies.append(re.findall(r'name="policy"\r\n\r\n(\S+)', body)[0])
        if not answers:
            route.continue_()
            return
        time.sleep(1.1)  # a grant's times are whole seconds: one of the same second would be equal
        text = f"<Error><Code>{answers.pop(0)}</Code></Error>"
        headers = {"Access-Control-Allow-Origin": seeded_page.url}
        route.fulfill(status=400, headers=headers, body=text)

    _choose(tab, seeded_page, [photo])
    tab.route("**/test-raw", answer)
    tab.evaluate("() => { const real = setTimeout; window.setTimeout = (work, wait) => real(work, wait / 20); }")
    tab.get_by_role("button", name="Send 1 photograph").click()
    tab.get_by_text("1 of 1 photographs have arrived").wait_for(timeout=30_000)
    assert len(policies) == 4
    assert policies[0] not in policies[1:]
    assert json.loads(tab.evaluate("localStorage.getItem('reefsteps-upload-batches')"))[0]["keys"] == [photo.name]


def _tiff_with_directories_behind(pixels: int, date: str) -> bytes:
    """As libtiff writes it: the pixels first, then the directories; the browser reads only the latter."""
    first = 8 + pixels
    exif, text = first + 18, first + 36
    directories = struct.pack("<HHHIII", 1, 0x8769, 4, 1, exif, 0) + struct.pack("<HHHIII", 1, 0x9003, 2, 20, text, 0)
    return struct.pack("<2sHI", b"II", 42, first) + bytes(pixels) + directories + date.encode() + bytes(1)


@pytest.mark.long
def test_the_camera_year_is_read_from_every_cheap_format_and_a_phone_picture_is_refused_in_words(
    tab: Page, seeded_page: ServedPage, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a maker"  # Pillow writes no EXIF into a PNG where only the EXIF directory has entries
    exif.get_ifd(0x8769)[0x9003] = "2018:03:04 05:06:07"
    picture = page_world.draw_quadrat(5, (600, 450))
    for name in ("1.jpg", "2.png"):
        picture.save(tmp_path / name, exif=exif)
    (tmp_path / "3.tif").write_bytes(_tiff_with_directories_behind(200_000, "2018:03:04 05:06:07"))
    preview = (tmp_path / "1.jpg").read_bytes()
    (tmp_path / "4.raf").write_bytes(b"FUJIFILMCCD-RAW ".ljust(84) + (92).to_bytes(4, "big") + bytes(4) + preview)
    (tmp_path / "5.rwl.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    (tmp_path / "6.crw").write_bytes(b"some RAW of a camera that nobody lists here")
    _choose(tab, seeded_page, sorted(tmp_path.iterdir()))
    tab.get_by_text("HEIC pictures of phones cannot be measured").wait_for(timeout=30_000)
    for name in ("1.jpg", "2.png", "3.tif", "4.raf"):
        assert tab.get_by_label(f"Year of {name}").input_value() == "2018"
    assert tab.get_by_label("Year of 6.crw").input_value() == ""
    tab.get_by_text("1 unusable").wait_for()
    accepted = tab.locator("input.file-input").get_attribute("accept")
    assert accepted is not None
    assert {f".{extension}" for extension in STORED_EXTENSIONS} <= set(accepted.split(","))


@pytest.mark.long
def test_the_later_sender_learns_that_somebody_else_sent_the_same_quadrat(
    tab: Page, seeded_page: ServedPage, tmp_path: Path
) -> None:
    photo = tmp_path / "2019-Makemo-01.jpg"
    page_world.draw_quadrat(6, (60, 45)).save(photo)

    def meanwhile(route: Any) -> None:
        bucket = page_world.BUCKETS["RAW_BUCKET"]
        seeded_page.s3.put_object(Bucket=bucket, Key="2019-Makemo-01.png", Body=b"somebody else's")
        route.continue_()

    _choose(tab, seeded_page, [photo])
    tab.route("**/test-raw", meanwhile)
    tab.get_by_role("button", name="Send 1 photograph").click()
    tab.get_by_text("somebody else sent 2019-Makemo-01.png").wait_for(timeout=30_000)


def test_the_table_is_accessible_and_fits_a_phone(
    browser: Browser, seeded_page: ServedPage, camera_files: list[Path], artifacts: Path, axe: str
) -> None:
    with browser.new_context(color_scheme="dark", **PHONE) as context:
        tab = context.new_page()
        _choose(tab, seeded_page, camera_files[:4])
        tab.get_by_label("Island of IMG_2001.JPG").fill("Hao")
        tab.get_by_label("Island of IMG_2001.JPG").press("Enter")
        settle(tab)
        tab.get_by_text("Are the names of another form?").click()
        tab.get_by_role("button", name="2000", exact=True).click()
        tab.screenshot(path=artifacts / "upload-pattern-phone.png")
        tab.get_by_label("Island of IMG_2000.JPG").scroll_into_view_if_needed()
        tab.screenshot(path=artifacts / "upload-table-phone.png")
        assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        tab.evaluate(axe)
        serious = serious_faults(tab)
        assert not serious, "\n".join(str(finding) for finding in serious)
