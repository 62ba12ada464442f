"""The COCO file is one that pycocotools and our own training read, and it says where outlines are approximate."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as pack
from pycocotools.coco import COCO

from frontend.domain.coco import MaskedQuadrat, to_coco
from frontend.domain.exports import About
from reefsteps.coverage_queries import ColonyBox, CoverageRow
from tests.support.coverage_rows import coverage_row

ABOUT = About("all islands", datetime(2026, 5, 1, 12, tzinfo=UTC), ["m (sha256 ab)"])
HEIGHT, WIDTH = 40, 60
Box = tuple[int, int, int, int]


def row(location: int = 1) -> CoverageRow:
    return coverage_row(island="Huahiné", location=location, year=2006, cover_percent=5.0, px_per_cm=2.0)


def colony(number: int, box: Box, area_px: float) -> ColonyBox:
    return ColonyBox("Huahiné", 1, 2006, number, area_px / 4, 0.9, False, box)


def quadrat(boxes: list[Box], location: int = 1) -> MaskedQuadrat:
    """Return a quadrat whose colonies fill their boxes."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    colonies = []
    for number, (x0, y0, x1, y1) in enumerate(boxes, start=1):
        mask[y0:y1, x0:x1] = 255
        colonies.append(colony(number, (x0, y0, x1, y1), (x1 - x0) * (y1 - y0)))
    return MaskedQuadrat(row(location), mask, colonies)


def read(tmp_path: Path, *quadrats: MaskedQuadrat) -> Any:
    file = tmp_path / "masks.json"
    file.write_bytes(to_coco(quadrats, ABOUT))
    return COCO(str(file))


def test_pycocotools_reads_the_colonies_and_their_pixels(tmp_path: Path) -> None:
    found = read(tmp_path, quadrat([(3, 2, 10, 9), (20, 5, 50, 30)]), quadrat([], location=2))
    assert [image["file_name"] for image in found.dataset["images"]] == ["2006-Huahiné-01.jpg", "2006-Huahiné-02.jpg"]
    first, second = found.loadAnns(found.getAnnIds(imgIds=[1]))
    assert found.getAnnIds(imgIds=[2]) == []
    assert (first["bbox"], first["area"], first["iscrowd"]) == ([3, 2, 7, 7], 49, 0)
    assert (second["bbox"], second["area"], second["approximate"]) == ([20, 5, 30, 25], 750, False)
    pixels = found.annToMask(second)
    assert pixels.shape == (HEIGHT, WIDTH)
    assert pixels[5:30, 20:50].all()
    assert pixels.sum() == 750
    assert found.cats[1]["name"] == "coral"


def test_of_two_candidates_the_one_nearer_to_the_measured_area_is_taken(tmp_path: Path) -> None:
    outer, inner = (0, 0, 30, 30), (10, 10, 25, 25)
    both = quadrat([outer, inner])
    found = read(tmp_path, both)
    large, small = found.loadAnns(found.getAnnIds())
    assert (large["area"], small["area"]) == (900, 225)  # the outer one covers the inner one's box, as was measured
    ring = [colony(1, outer, 900 - 225), both.colonies[1]]
    found = read(tmp_path, MaskedQuadrat(both.row, both.mask, ring))
    large, small = found.loadAnns(found.getAnnIds())
    assert (large["area"], large["approximate"], small["area"]) == (900 - 225, False, 225)
    lost = [colony(1, outer, 400), both.colonies[1]]
    found = read(tmp_path, MaskedQuadrat(both.row, both.mask, lost))
    assert found.loadAnns([1])[0]["approximate"]
    assert "nearer to the measured area" in found.dataset["info"]["description"]


def test_a_quadrat_without_its_mask_is_named_and_a_colony_without_a_pixel_left_out(tmp_path: Path) -> None:
    empty = MaskedQuadrat(row(2), np.zeros((HEIGHT, WIDTH), np.uint8), [colony(1, (1, 1, 4, 4), 9)])
    found = read(tmp_path, MaskedQuadrat(row(1), None, []), empty)
    assert found.dataset["info"]["quadrats_without_mask"] == ["2006-Huahiné-01"]
    assert len(found.dataset["images"]) == 1
    assert found.getAnnIds() == []


@st.composite
def _boxes(draw: st.DrawFn) -> Box:
    x0, y0 = draw(st.integers(0, WIDTH - 1)), draw(st.integers(0, HEIGHT - 1))
    return x0, y0, draw(st.integers(x0 + 1, WIDTH)), draw(st.integers(y0 + 1, HEIGHT))


@given(st.lists(_boxes(), max_size=6), st.integers(0, 2**32 - 1))
def test_instances_lie_in_mask_and_box_and_run_lengths_hold_what_their_figures_say(boxes: list[Box], seed: int) -> None:
    masked = quadrat(boxes)
    noise = np.random.default_rng(seed).random((HEIGHT, WIDTH)) < 0.8
    mask = np.where(noise, masked.mask, 0).astype(np.uint8)  # type: ignore[arg-type]
    data = json.loads(to_coco([MaskedQuadrat(masked.row, mask, masked.colonies)], ABOUT))
    total = np.zeros((HEIGHT, WIDTH), np.int64)
    for annotation in data["annotations"]:
        pixels = pack.decode(pack.frPyObjects(annotation["segmentation"], HEIGHT, WIDTH))
        x, y, w, h = annotation["bbox"]
        x0, y0, x1, y1 = boxes[annotation["colony"] - 1]
        assert x0 <= x and y0 <= y and x + w <= x1 and y + h <= y1
        assert pixels[y : y + h, x : x + w].sum() == pixels.sum() == annotation["area"]
        total += pixels
    assert not total[mask == 0].any()


def test_training_reads_the_file(tmp_path: Path) -> None:
    from training.library.coco import read as read_for_training

    masked = quadrat([(3, 2, 10, 9), (20, 5, 50, 30)])
    (tmp_path / "masks.json").write_bytes(to_coco([masked], ABOUT))
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "2006-Huahiné-01.jpg")
    (annotated,) = read_for_training(tmp_path / "masks.json", tmp_path)
    assert [int(mask.sum()) for mask in annotated.masks()] == [49, 750]
