"""A researcher's tasks in a real browser, over a seeded world: sending, comparing, fixing, exporting."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from reefsteps.surveys import SurveyKey
from tests.e2e.looking import drawn_anew, loaded_width, settle
from tests.support import page_world

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Download, FilePayload, Page

    from tests.support.page_server import ServedPage


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True) as context:
        yield context.new_page()


@pytest.fixture(scope="module")
def folder_of_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty files: 28 photographs named by position, one named in full, and one that is no picture."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(1, 29):
        page_world.draw_quadrat(number, (400, 300)).save(folder / f"{number}.jpg")
    page_world.draw_quadrat(99, (400, 300)).save(folder / "2012-Bora-Bora-40.jpg")
    (folder / "29.jpg").write_bytes(b"this is a text, whatever its name says")
    return folder


def _send_folder(tab: Page, served: ServedPage, folder: Path) -> None:
    tab.goto(f"{served.url}/upload")
    settle(tab)
    tab.get_by_label("Island").fill("Bora-Bora")
    with drawn_anew(tab):
        tab.get_by_label("Island").press("Enter")
    tab.get_by_label("Year").fill("2012")
    with drawn_anew(tab):
        tab.get_by_label("Year").press("Enter")
    tab.locator("input.file-input").set_input_files(sorted(folder.iterdir()))
    tab.get_by_text("29 ready").wait_for(timeout=30_000)


def test_thirty_files_arrive_and_the_bad_one_is_named_before_sending(
    tab: Page, seeded_page: ServedPage, folder_of_photos: Path, artifacts: Path
) -> None:
    _send_folder(tab, seeded_page, folder_of_photos)
    assert tab.get_by_text("1 unusable").is_visible()
    settle(tab)
    tab.screenshot(path=artifacts / "upload-table.png", full_page=True)
    tab.get_by_role("button", name=re.compile("Send 29 photographs")).click()
    tab.get_by_text("29 of 29 photographs have arrived").wait_for(timeout=60_000)
    tab.get_by_text("29 already there").wait_for(timeout=30_000)
    tab.screenshot(path=artifacts / "upload-done.png", full_page=True)

    listed = seeded_page.s3.list_objects_v2(Bucket=page_world.BUCKETS["RAW_BUCKET"], Prefix="2012-Bora-Bora-")
    keys = [item["Key"] for item in listed["Contents"]]
    assert keys == [f"2012-Bora-Bora-{n:02d}.jpg" for n in [*range(1, 29), 40]]
    head = seeded_page.s3.head_object(Bucket=page_world.BUCKETS["RAW_BUCKET"], Key="2012-Bora-Bora-07.jpg")
    assert head["Metadata"]["side-cm"] == "100"
    assert head["Metadata"]["original-name"] == "7.jpg"
    assert head["ContentLength"] == (folder_of_photos / "7.jpg").stat().st_size


def test_a_photograph_that_storage_refuses_is_named_with_its_reason_and_can_be_tried_again(
    tab: Page, seeded_page: ServedPage, tmp_path: Path
) -> None:
    photo = tmp_path / "2013-Raiatea-03.jpg"
    page_world.draw_quadrat(3, (200, 150)).save(photo)
    refused = {"Access-Control-Allow-Origin": seeded_page.url}
    body = "<Error><Code>EntityTooLarge</Code></Error>"
    tab.route("**/test-raw", lambda route: route.fulfill(status=400, headers=refused, body=body))
    tab.goto(f"{seeded_page.url}/upload")
    settle(tab)
    tab.locator("input.file-input").set_input_files(photo)
    tab.get_by_role("button", name=re.compile("Send 1 photograph")).click()
    tab.get_by_text("2013-Raiatea-03.jpg: The file is larger than is accepted.").wait_for(timeout=30_000)
    tab.unroute("**/test-raw")
    tab.get_by_role("button", name="Try these again").click()
    tab.get_by_text("1 of 1 photographs have arrived").wait_for(timeout=30_000)


def test_a_page_closed_in_the_middle_says_what_is_missing_and_goes_on(
    browser: Browser, seeded_page: ServedPage, tmp_path: Path
) -> None:
    photos = [tmp_path / f"2014-Tahaa-{n:02d}.jpg" for n in range(1, 9)]
    for number, photo in enumerate(photos):
        page_world.draw_quadrat(number, (200, 150)).save(photo)
    sent: list[str] = []
    hanging: list[Any] = []
    dead = False

    def first_two_only(route: Any) -> None:
        if len(sent) < 2:
            sent.append(route.request.url)
            route.continue_()
        elif dead:
            route.abort()
        else:
            hanging.append(route)  # as on a line that is about to go dead

    with browser.new_context() as context:
        tab = context.new_page()
        tab.route("**/test-raw", first_two_only)
        tab.goto(f"{seeded_page.url}/upload")
        settle(tab)
        tab.locator("input.file-input").set_input_files(photos)
        tab.get_by_role("button", name=re.compile("Send 8 photographs")).click()
        tab.get_by_text("2 of 8 photographs have arrived").wait_for(timeout=30_000)
        dead = True
        for route in hanging:  # the browser lets requests that still hang go on when their page is closed
            route.abort()
        tab.close()

        tab = context.new_page()
        tab.goto(f"{seeded_page.url}/upload")
        settle(tab)
        tab.get_by_text("2 of 8 photographs had arrived").wait_for(timeout=30_000)
        tab.locator("input.file-input").set_input_files(photos)
        tab.get_by_text("2 already there").wait_for(timeout=90_000)
        tab.get_by_role("button", name=re.compile("Send 6 photographs")).click()
        tab.get_by_text("6 of 6 photographs have arrived").wait_for(timeout=30_000)


def test_slider_moves_by_keyboard_and_by_mouse(tab: Page, seeded_page: ServedPage, artifacts: Path) -> None:
    tab.goto(f"{seeded_page.url}/quadrat?island=Takapoto&year=2008&location=2&compare=Years")
    settle(tab)
    slider = tab.get_by_label("Slide between the pictures")
    slider.focus()
    for _ in range(20):
        slider.press("ArrowLeft")
    over = tab.locator("img.over")
    assert over.evaluate("image => image.style.clipPath") == "inset(0px 70% 0px 0px)"
    box = tab.locator(".stage").bounding_box()
    assert box is not None
    tab.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + 0.5 * box["height"])
    assert abs(int(slider.input_value()) - 80) <= 1
    assert loaded_width(over) == 800
    tab.screenshot(path=artifacts / "quadrat-years.png")


def test_corners_are_dragged_nudged_and_start_a_run_from_reframing(
    tab: Page, seeded_page: ServedPage, artifacts: Path
) -> None:
    tab.goto(f"{seeded_page.url}/corners?island=Takapoto&year=2010&location=50")
    settle(tab)
    handle = tab.get_by_role("button", name=re.compile("Top left corner"))
    handle.wait_for(timeout=30_000)
    image = tab.locator(".stage img").bounding_box()
    box = handle.bounding_box()
    assert image is not None and box is not None
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(image["x"] + 0.2 * image["width"], image["y"] + 0.1 * image["height"], steps=8)
    tab.screenshot(path=artifacts / "corners-loupe.png")
    tab.mouse.up()
    handle.press("Shift+ArrowRight")
    handle.press("ArrowDown")
    pen = tab.get_by_role("button", name="Hide a fin or slate")
    pen.click()
    for key in ("Enter", *("Shift+ArrowRight",) * 4, "Enter", *("Shift+ArrowDown",) * 4, "Enter"):
        tab.keyboard.press(key)
    tab.get_by_role("button", name="Close the outline").click()
    tab.screenshot(path=artifacts / "corners-hidden-area.png")
    tab.get_by_role("button", name="Use these corners").click()
    crop = tab.locator(".crop").bounding_box()
    assert crop is not None
    assert abs(crop["width"] - crop["height"]) < 1
    tab.screenshot(path=artifacts / "corners-straightened.png")
    tab.get_by_role("button", name="Measure this crop").click()
    tab.get_by_text("The run has started from these corners").wait_for(timeout=30_000)

    newest = seeded_page.step_functions.list_executions(stateMachineArn=seeded_page.pipeline_arn)["executions"]
    names = [item for item in newest if "-corners-" in item["name"]]
    described = seeded_page.step_functions.describe_execution(executionArn=names[0]["executionArn"])
    given = json.loads(described["input"])
    assert given["start_at"] == "reframing"
    assert given["key"] == "2010-Takapoto-50.jpg"
    (x, y), *others = given["corners_px"]
    assert abs(x - (0.2 * 1200 + 10)) < 3
    assert abs(y - (0.1 * 900 + 1)) < 3
    assert others == [[915, 135], [915, 765], [285, 765]]
    assert given["excluded_px"] == [[[600, 450], [720, 450], [720, 570]]]


def test_the_straightened_crop_is_what_the_pipeline_will_cut(tab: Page, seeded_page: ServedPage) -> None:
    """The browser's matrix takes the corners of the photograph to the corners of the crop."""
    tab.goto(f"{seeded_page.url}/corners?island=Takapoto&year=2008&location=2")
    settle(tab)
    handle = tab.get_by_role("button", name=re.compile("Bottom left corner"))
    handle.press("Shift+ArrowUp", timeout=30_000)
    handle.press("Shift+ArrowRight")
    tab.get_by_role("button", name="Use these corners").click()
    corners = [[240, 90], [960, 100], [950, 810], [260, 790]]
    landed = tab.locator(".plane").evaluate(_LANDED, [corners, [1200, 900]])
    assert [[round(value, 3) + 0.0 for value in point] for point in landed] == [[0, 0], [1, 0], [1, 1], [0, 1]]
    tab.get_by_role("button", name="Change it").click()
    tab.get_by_role("button", name="Start over").click()
    assert tab.get_by_role("button", name="Use these corners").is_disabled()


_LANDED = """(plane, [corners, [width, height]]) => {
  const matrix = new DOMMatrix(getComputedStyle(plane).transform), side = plane.parentElement.clientWidth;
  return corners.map(([x, y]) => {
    const at = matrix.transformPoint(new DOMPoint(x * plane.clientWidth / width, y * plane.clientHeight / height));
    return [at.x / at.w / side, at.y / at.w / side];
  });
}"""


def test_photograph_and_buttons_of_fix_corners_fit_a_laptop_screen(browser: Browser, seeded_page: ServedPage) -> None:
    with browser.new_context(viewport={"width": 1366, "height": 768}) as context:
        tab = context.new_page()
        tab.goto(f"{seeded_page.url}/corners?island=Takapoto&year=2010&location=50")
        settle(tab)
        tab.get_by_role("button", name=re.compile("Bottom left corner")).wait_for(timeout=30_000)
        box = tab.get_by_role("button", name="Use these corners").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 768


def test_hostile_names_are_text_in_the_browser_and_do_not_widen_the_page(
    browser: Browser, seeded_page: ServedPage
) -> None:
    from playwright.sync_api import expect

    hostile = "<img src=x onerror=window.hacked=1>.jpg"
    for name, key in (("hostile-markup", hostile), ("hostile-length", "a" * 900 + ".jpg")):
        failure = {"error": "InvalidSurveyKeyError", "cause": f"restoration: '{key}' is no name."}
        page_world.start(seeded_page.step_functions, seeded_page.pipeline_arn, name, key=key, end="fail", **failure)
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        tab = context.new_page()
        tab.goto(f"{seeded_page.url}/runs")  # Failed leaves out what has no photograph
        settle(tab)
        tab.get_by_text(hostile).first.wait_for(timeout=30_000)
        assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        widest = "Math.max(...[...document.querySelectorAll('[class*=st-key-run-] p')].map(p => p.scrollWidth))"
        assert tab.evaluate(widest) < 390
        tab.locator("[class*=st-key-run-]").filter(has_text=hostile).get_by_role("link", name="Delete").click()
        tab.get_by_text("There is no photograph with this name").wait_for(timeout=30_000)
        # The page draws the field empty and fills it a moment later: read once, it was empty on a slow machine.
        expect(tab.get_by_label("Name of the photograph")).to_have_value(hostile)
        tab.goto(f"{seeded_page.url}/upload")
        settle(tab)
        content = b"\xff\xd8\xff\xe0" + b"0" * 99
        photo: FilePayload = {"name": f"x{hostile}_05_2013.jpg", "mimeType": "image/jpeg", "buffer": content}
        tab.locator("input.file-input").set_input_files([photo])
        tab.get_by_text("1 needs input").wait_for(timeout=30_000)
        assert tab.evaluate("window.hacked") is None
        assert tab.locator("img[src=x]").count() == 0


def download(tab: Page, label: str) -> Download:
    """Click, and once more where nothing comes: Streamlit drops a click on a button that it is just drawing anew."""
    from playwright.sync_api import TimeoutError as NothingCame

    for _ in range(3):
        with suppress(NothingCame):
            with tab.expect_download(timeout=20_000) as waiting:
                tab.get_by_role("button", name=label).click()
            return waiting.value
    raise AssertionError(f"{label}: no download after three clicks")


def test_tables_and_charts_are_downloaded(tab: Page, seeded_page: ServedPage, tmp_path: Path) -> None:
    tab.goto(f"{seeded_page.url}/coverage?island=Takapoto&show=Export")
    settle(tab)
    expected = {
        "Quadrats as CSV": (b"eventID,locality,", "coverage.csv"),
        "All tables as CSV": (b"PK", "coverage-csv.zip"),
        "All tables as XLSX": (b"PK", "coverage.xlsx"),
        "GCRMN template": (b"PK", "gcrmn-benthic.zip"),
        "MERMAID template": (b"PK", "mermaid-benthic.zip"),
        "Masks as COCO": (b'{"info"', "coverage-coco.json"),
    }
    for label, (head, name) in expected.items():
        with tab.expect_download(timeout=120_000) as waiting:
            tab.get_by_role("button", name=label).click()
        waiting.value.save_as(tmp_path / name)
        assert waiting.value.suggested_filename == name
        assert (tmp_path / name).read_bytes().startswith(head)
    assert_tables_are_whole(tmp_path)
    with drawn_anew(tab):
        tab.get_by_text("Semicolon, decimal comma").click()
    download(tab, "Quadrats as CSV").save_as(tmp_path / "french.csv")
    assert (tmp_path / "french.csv").read_bytes().startswith(b"\xef\xbb\xbfeventID;locality;")
    tab.get_by_text("What is missing in them").click()
    tab.get_by_text("MERMAID", exact=True).wait_for(timeout=30_000)
    tab.get_by_role("tab", name="Trend").click()
    with tab.expect_download(timeout=120_000) as waiting:
        tab.get_by_role("button", name="Chart as SVG").click()
    waiting.value.save_as(tmp_path / "trend.svg")
    assert "<svg" in (tmp_path / "trend.svg").read_text()[:200]


def assert_tables_are_whole(folder: Path) -> None:
    """Open what was downloaded as its reader would."""
    book = openpyxl.load_workbook(folder / "coverage.xlsx")
    tables = ["Quadrats", "Means", "Estimates", "Paired change", "Checked change", "Colonies", "Points"]
    assert book.sheetnames == ["About", *tables]
    with zipfile.ZipFile(folder / "coverage-csv.zip") as archive:
        assert archive.namelist() == [f"{name.lower().replace(' ', '-')}.csv" for name in [*tables, "About"]]
        for name, sheet in zip(archive.namelist(), [*book.worksheets[1:], book["About"]], strict=True):
            with archive.open(name) as file:
                lines = sum(1 for _ in csv.reader(io.TextIOWrapper(file, "utf-8", newline="")))
            assert lines == (sheet.max_row + 1 if name == "about.csv" else sheet.max_row)
            assert lines > 1 or sheet.title in ("Checked change", "Points")  # nobody has answered points here
    for name in ("gcrmn", "mermaid"):
        with zipfile.ZipFile(folder / f"{name}-benthic.zip") as archive:
            assert archive.namelist() == [f"{name}-benthic.csv", f"{name}-benthic-missing.csv", "about.csv"]
    masks = json.loads((folder / "coverage-coco.json").read_bytes())
    assert len(masks["images"]) == book["Quadrats"].max_row - 1
    assert masks["annotations"]


def test_a_survey_key_from_a_link_opens_its_quadrat_and_survives_nonsense(tab: Page, seeded_page: ServedPage) -> None:
    tab.goto(f"{seeded_page.url}/quadrat?island=Takapoto&year=2010&location=7")
    settle(tab)
    assert "location=7" in tab.url
    tab.goto(f"{seeded_page.url}/quadrat?island=<script>&year=x&location=-1")
    settle(tab)
    assert tab.locator("[data-testid=stException]").count() == 0


def test_work_pages_are_reached_and_used_by_keyboard(tab: Page, seeded_page: ServedPage) -> None:
    tab.goto(f"{seeded_page.url}/corners?island=Takapoto&year=2010&location=50")
    settle(tab)
    corner = tab.get_by_role("button", name=re.compile("Top left corner"))
    corner.press("ArrowRight", timeout=30_000)  # until a corner has moved there is nothing to be used
    corner.blur()
    reached = []
    for _ in range(40):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate(_FOCUSED))
    text = "\n".join(reached)
    for expected in ("Overview", "Upload", "Top left corner", "Bottom left corner", "Use these corners"):
        assert expected in text, f"Tab never reached {expected}"


_FOCUSED = """() => {
  let element = document.activeElement;
  while (element && element.shadowRoot && element.shadowRoot.activeElement) element = element.shadowRoot.activeElement;
  return element ? (element.getAttribute('aria-label') || element.textContent || '').trim().slice(0, 80) : '';
}"""


def test_seeded_waiting_photograph_is_offered_for_fixing(tab: Page, seeded_page: ServedPage) -> None:
    assert SurveyKey(2010, "Takapoto", 50).stem == "2010-Takapoto-50"
    tab.goto(f"{seeded_page.url}/corners")
    settle(tab)
    tab.get_by_role("link", name="2010-Takapoto-50").click()
    tab.get_by_role("button", name=re.compile("Top left corner")).wait_for(timeout=30_000)
