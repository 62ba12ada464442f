"""Each page with figures says how far to trust them, beside every figure and in one sentence at its top."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import streamlit as st
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from frontend.components.text import plain
from frontend.domain import charts, exports, gcrmn, mermaid
from frontend.domain.exports import NOTHING_SAID
from frontend.domain.measurements import cover_of
from frontend.domain.statistics import mean_cover, positions_by_years, successive_changes
from frontend.domain.trusted import sentences, with_trust
from reefsteps.coverage_queries import CoverageRow, coverage_rows
from reefsteps.detection import Manifest
from reefsteps.model_keys import model_card_key
from reefsteps.model_roles import ModelRole
from reefsteps.results import Trust
from reefsteps.tables import coverage_provenance
from reefsteps.trust import DEMONSTRATION, MARK, TRUSTED, UNKNOWN_MODEL
from tests.support import page_world
from tests.support.coverage_rows import coverage_row
from tests.support.manifests import manifest

if TYPE_CHECKING:
    from tests.page.conftest import PageWorld

Texts = Callable[[AppTest], str]

PAGES: tuple[tuple[str, dict[str, str]], ...] = (
    ("overview", {}),
    ("gallery", {}),
    ("quadrat", {"island": "Takapoto", "year": "2006", "location": "3"}),
    ("quadrat", {"island": "Takapoto", "year": "2006", "location": "3", "compare": "Years"}),
    ("coverage", {"show": "Trend"}),
    ("coverage", {"show": "Same quadrats"}),
)
DEMO = "The model 'detectron2-classifier' is a demonstration"
REASON = "The model found no colony here."


def put_model(world: PageWorld, *, sha256: str = page_world.SHA, demonstration: bool, mae: float = 0.6) -> Manifest:
    """Put the manifest of a model with small errors on real photographs, which may still be a demonstration."""
    figures = [("mae_points", mae), ("bias_points", 0.2)]
    entry = {
        "kind": "real", "description": "quadrats", "photos": 60, "date": "2026-11-27",
        "figures": [{"name": name, "value": value, "unit": "points"} for name, value in figures],
    }  # fmt: skip
    measured = {"format": 1, "checkpoint_sha256": sha256, "sets": [entry], "demonstration": demonstration}
    source = {"file": "m.pth", "sha256": sha256, "size_bytes": 1, "version_id": None}
    described = manifest(ModelRole.CORAL.model_name, measured=measured, source=source)
    key = model_card_key(ModelRole.CORAL.model_name)
    world.s3.put_object(Bucket="test-model-segmentation", Key=key, Body=json.dumps(described).encode())
    st.cache_data.clear()
    return Manifest.from_json(described)


def figures(app: AppTest) -> list[str]:
    """Return every text of the page that is a figure of cover."""
    captions = [str(c.value) for c in app.caption if str(c.value).startswith("Cover ")]
    metrics = [f"{m.label} {m.value}" for m in app.metric if "cover" in m.label]
    return captions + metrics


@pytest.mark.parametrize(("page", "query"), PAGES)
def test_figures_of_a_demonstration_are_marked_and_explained(
    world: PageWorld, texts: Texts, page: str, query: dict[str, str]
) -> None:
    put_model(world, demonstration=True)
    app = world.open(page, **query)
    assert not app.exception
    assert sum(DEMO in str(caption.value).replace("\\", "") for caption in app.caption[:3]) == 1  # at the top, and once
    assert texts(app).replace("\\", "").count(DEMO) == 1
    assert all(MARK in figure and "." not in figure for figure in figures(app))
    assert figures(app) or page == "coverage"
    for frame in app.dataframe:
        if any("Mean" in column for column in frame.value.columns):
            assert set(frame.value["Mark"]) == {"△ demonstration"}


@pytest.mark.parametrize(("page", "query"), PAGES)
def test_figures_of_a_trusted_model_have_no_mark(
    world: PageWorld, texts: Texts, page: str, query: dict[str, str]
) -> None:
    put_model(world, demonstration=False)
    app = world.open(page, **query)
    assert not app.exception
    assert MARK not in texts(app)
    assert all("Mark" not in frame.value.columns for frame in app.dataframe)


def test_every_page_says_that_the_model_in_use_is_a_demonstration(empty_world: PageWorld, texts: Texts) -> None:
    put_model(empty_world, demonstration=True)
    for page in ("overview", "upload", "runs", "gallery", "quadrat", "coverage", "corners", "delete", "guide"):
        assert DEMO in texts(empty_world.open(page)).replace("\\", ""), page


@pytest.mark.parametrize(("page", "query"), PAGES)
def test_figures_of_a_model_that_is_gone_are_marked_though_the_model_in_use_is_trusted(
    world: PageWorld, texts: Texts, page: str, query: dict[str, str]
) -> None:
    put_model(world, sha256="cd" * 32, demonstration=False)
    app = world.open(page, **query)
    assert "No measured error is known of the model" in texts(app)
    assert all(MARK in figure for figure in figures(app))


def test_no_page_fails_where_the_model_bucket_does_not_answer(world: PageWorld, texts: Texts) -> None:
    world.s3.delete_bucket(Bucket="test-model-segmentation")
    st.cache_data.clear()
    app = world.open("coverage")
    assert not app.exception and not app.error
    assert "No measured error is known of the model" in texts(app)


def test_the_frames_confidence_is_not_the_covers(world: PageWorld, texts: Texts) -> None:
    said = texts(world.open("quadrat", island="Takapoto", year="2006", location="3"))
    assert "The frame's corners were found with confidence" in said
    assert "This is not about the cover." in said


def mark_to_be_looked_at(world: PageWorld, location: int) -> None:
    """Write a reason into the records of a position, as segmentation would."""
    p = coverage_provenance.c
    with world.database.read() as connection:
        found = connection.execute(coverage_provenance.select().where(p.location == location)).all()

    def work(connection: Any) -> None:
        for row in found:
            at = (p.island == row.island, p.year == row.year, p.location == row.location)
            segmentation = row.segmentation | {"to_be_looked_at": [REASON]}
            connection.execute(update(coverage_provenance).where(*at).values(segmentation=segmentation))

    world.database.write(work)
    st.cache_data.clear()


def test_the_latest_results_carry_the_marks_of_the_gallery(world: PageWorld, texts: Texts) -> None:
    with world.database.read() as connection:
        locations = {row.location for row in coverage_rows(connection)}
    for location in locations:
        mark_to_be_looked_at(world, location)
    latest = texts(world.open("overview"))
    assert latest.count("visibility: to be looked at") == latest.count("Cover ") == 4


def test_what_is_to_be_looked_at_is_counted_listed_and_explained(world: PageWorld, texts: Texts) -> None:
    assert "to be looked at" not in texts(world.open("overview"))
    mark_to_be_looked_at(world, 3)
    with world.database.read() as connection:
        number = sum(row.location == 3 for row in coverage_rows(connection))
    assert f"{number} results to be looked at" in texts(world.open("overview"))
    gallery = texts(world.open("gallery", only="To be looked at"))
    assert f"{number} quadrats, page 1 of 1" in gallery
    assert gallery.count("visibility: to be looked at") == number
    assert "to be looked at" in texts(world.open("gallery"))
    assert plain(REASON) in texts(world.open("quadrat", island="Takapoto", year="2006", location="3"))
    assert plain(REASON) not in texts(world.open("quadrat", island="Takapoto", year="2006", location="1"))


def row(trust: Trust | None, **more: Any) -> CoverageRow:
    known = {
        "island": "Hao", "location": 1, "year": 2006, "cover_percent": 23.45, "written_at": "2026-05-01T00:00:00",
        "model_name": "m", "model_sha256": page_world.SHA, "trust": trust, "side_cm": 100.0,
    }  # fmt: skip
    return coverage_row(**(known | more))


DEMO_TRUST = Trust(DEMONSTRATION, "It is a demonstration.", 36.4)


def test_exports_keep_the_exact_cover_and_say_how_far_to_trust_it() -> None:
    exact = exports.measurement_rows([row(DEMO_TRUST, to_be_looked_at=(REASON,)), row(None)])
    assert [r["measurementValue"] for r in exact] == [23.45, 23.45]
    assert [r["cover_shown"] for r in exact] == ["23 % △", "23.4 %"]
    assert [r["trust"] for r in exact] == [DEMONSTRATION, None]
    assert exact[0]["measurementAccuracy"] == "mean absolute error on real photographs 36.4 points"
    assert exact[0]["measurementRemarks"] == "It is a demonstration."
    assert [r["to_be_looked_at"] for r in exact] == [REASON, None]
    means = mean_cover([cover_of(row(DEMO_TRUST)), cover_of(row(None, location=2))])
    assert exports.mean_rows(means)[0]["mean_cover_shown"] == "23 % △"
    assert exports.mean_rows(means)[0]["trust"] == DEMONSTRATION
    covers = [cover_of(row(DEMO_TRUST)), cover_of(row(None, year=2007))]
    assert [r["trust"] for r in exports.change_rows(successive_changes(covers, "Hao"))] == [DEMONSTRATION]


def test_templates_of_other_programs_say_it_where_they_describe_the_method() -> None:
    assert "It is a demonstration." in gcrmn.gcrmn([row(DEMO_TRUST)], NOTHING_SAID).rows[0]["samplingProtocol"]
    assert "It is a demonstration." in mermaid.mermaid([row(DEMO_TRUST)], NOTHING_SAID).rows[0]["Sample unit notes"]
    trusted = row(Trust(TRUSTED, "Fine.", 0.5))
    assert "Fine." not in str(gcrmn.gcrmn([trusted], NOTHING_SAID).rows)


def test_charts_mark_each_figure() -> None:
    covers = [cover_of(row(DEMO_TRUST)), cover_of(row(None, year=2007))]
    values = charts.trend(mean_cover(covers))["data"]["values"]
    assert [(v["mark"], v["Cover"]) for v in values] == [(MARK, "23 % △ demonstration"), ("", "23.4 %")]
    years, matrix = positions_by_years(covers, "Hao")
    trusts = {(c.location, c.year): c.trust for c in covers}
    cells = charts.heat_map(matrix, years, trusts)["data"]["values"]
    assert [cell["in cell"] for cell in cells] == ["23 △", "23.4"]
    axis = charts.same_quadrats(matrix, trusts)["encoding"]["y"]["title"]
    assert axis == "Coral cover (%), △ demonstration"


def test_the_newest_knowledge_of_a_model_counts(world: PageWorld) -> None:
    recorded = Trust("not measured", "Nobody has.")
    rows = [row(recorded), row(recorded, model_sha256="cd" * 32), row(None, model_sha256="ef" * 32)]
    rows.append(row(None, model_name=None, model_sha256=None, written_at=None))
    found = with_trust(rows, put_model(world, demonstration=False))
    assert [r.trust.state if r.trust else None for r in found] == [TRUSTED, "not measured", UNKNOWN_MODEL, None]
    assert [dataclasses.replace(r, trust=None) for r in found] == [dataclasses.replace(r, trust=None) for r in rows]
    assert sentences(r.trust for r in found)[0] == ("Nobody has.", 1)
