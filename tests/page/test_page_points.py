"""Points on the page: three figures with their status, advice, exports that import reads again, and the import."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np
import pytest
import streamlit as st
from sqlalchemy import select, update
from streamlit.testing.v1 import AppTest

from frontend.domain import exports, point_tables, verified
from frontend.domain.estimates.campaign import Status
from frontend.domain.estimates.quadrat import Confusion
from frontend.domain.estimates.two_phase import Target
from frontend.services import measurements
from reefsteps.coverage_queries import coverage_rows
from reefsteps.database import Database
from reefsteps.evaluation import Evaluation
from reefsteps.learned import LearnedPhotograph
from reefsteps.model_keys import model_card_key
from reefsteps.model_roles import ModelRole
from reefsteps.point_queries import measured_photographs
from reefsteps.point_store import point_sets, record_points
from reefsteps.points.answers import PLAIN
from reefsteps.points.files import read_points
from reefsteps.points.matching import Measured, plan
from reefsteps.points.point_sets import PointSet, Selection
from reefsteps.surveys import SurveyKey
from reefsteps.tables import coverage_provenance
from tests.support import page_world
from tests.support.manifests import manifest

if TYPE_CHECKING:
    from tests.page.conftest import PageWorld

Texts = Callable[[AppTest], str]


def answered(photo: Measured, cover: float, *, seed: int, count: int = 100, **more: Any) -> PointSet:
    """Return points all over the quadrat, of which so many percent are coral."""
    chance = random.Random(seed)
    plane = [(chance.random(), chance.random()) for _ in range(count)]
    x, y = photo.frame.to_photograph(plane).T
    answers = "".join("c" if chance.random() < cover / 100 else "o" for _ in plane)
    values: dict[str, Any] = {
        **vars(photo.survey),
        "raw_key": photo.raw_key,
        "raw_version_id": photo.raw_version_id,
        "width_px": photo.frame.width_px,
        "height_px": photo.frame.height_px,
        "annotator": "Alice",
        "source": "CoralNet",
        "origin": "a.csv",
        "drawn": Selection.AT_RANDOM,
        "layout": "not said",
        "x": tuple(round(float(v), 3) for v in x),
        "y": tuple(round(float(v), 3) for v in y),
        "labels": tuple("Porit" if a == "c" else "CCA" for a in answers),
        "answers": answers,
    }
    return PointSet(**values | more)


def photographs(database: Database) -> list[Measured]:
    with database.read() as connection:
        return measured_photographs(connection)


def verify(database: Database, number: int, above_the_model: float = 25.0, **more: Any) -> tuple[str, int]:
    """Answer points on the first photographs of the largest island and year; returns which that is."""
    with database.read() as connection:
        rows = coverage_rows(connection)
    cover = {SurveyKey(row.year, row.island, row.location): row.cover_percent for row in rows if row.written_at}
    groups: dict[tuple[str, int], list[Measured]] = {}
    for photo in photographs(database):
        groups.setdefault((photo.survey.island, photo.survey.year), []).append(photo)
    name, found = max(groups.items(), key=lambda item: len(item[1]))
    sets = [
        answered(photo, cover[photo.survey] + above_the_model, seed=index, **more)
        for index, photo in enumerate(found[:number])
    ]
    record_points(database, sets)
    return name


def test_without_points_the_page_says_what_would_be_needed(world: PageWorld, texts: Texts) -> None:
    app = world.open("coverage", show="Checked by people")
    assert not app.exception
    assert "Nobody has answered points on these photographs yet" in texts(app)


def test_a_model_that_is_far_off_is_said_with_the_combined_figure_beside_it(world: PageWorld, texts: Texts) -> None:
    island, year = verify(world.database, 6)
    app = world.open("coverage", show="Checked by people")
    assert not app.exception
    said = texts(app).replace("\\", "")
    assert f"{island} {year}: the model is" in said
    assert "points too low on 6 verified quadrats" in said
    table = app.dataframe[0].value
    (row,) = [row for _, row in table.iterrows() if row["Island"] == island and row["Year"] == year]
    assert row["Status"] == f"{Status.ESTIMATED} ({row['Verified']} quadrats)"
    assert " to " in row["Combined (%)"]
    assert "What to verify next" in texts(app)
    assert "more photograph" in texts(app)
    overview = world.open("overview")
    assert not overview.exception
    assert "points too low on 6 verified quadrats" in texts(overview)


def test_a_choice_by_hand_makes_no_interval(world: PageWorld, texts: Texts) -> None:
    verify(world.database, 6, drawn=Selection.BY_HAND)
    app = world.open("coverage", show="Checked by people")
    assert not app.exception
    assert set(app.dataframe[0].value["Combined (%)"]) == {"–"}
    said = set(app.dataframe[0].value["Status"])
    assert "not verified: 5 more verified quadrats are needed for an interval" in said


def learned_from(world: PageWorld, photos: list[Measured], left_out_percent: float | None) -> None:
    """Put a manifest in place that says the model of all results has learned from these photographs."""
    entries = [
        LearnedPhotograph(key=p.raw_key, version_id=p.raw_version_id, left_out_cover_percent=left_out_percent)
        for p in photos
    ]
    measured = Evaluation(1, page_world.SHA, (), learned_from=tuple(entries)).to_json()
    source = {"file": "m.pth", "sha256": page_world.SHA, "size_bytes": 1, "version_id": None}
    body = json.dumps(manifest(ModelRole.CORAL.model_name, measured=measured, source=source)).encode()
    world.s3.put_object(Bucket="test-model-segmentation", Key=model_card_key(ModelRole.CORAL.model_name), Body=body)
    st.cache_data.clear()


@pytest.mark.parametrize("left_out_percent", [None, 11.0])
def test_photographs_that_the_model_learned_from_verify_only_without_it(
    world: PageWorld, texts: Texts, left_out_percent: float | None
) -> None:
    island, year = verify(world.database, 6)
    found = [p for p in photographs(world.database) if (p.survey.island, p.survey.year) == (island, year)]
    learned_from(world, found[:1], left_out_percent)
    app = world.open("coverage", show="Checked by people")
    assert not app.exception
    table = app.dataframe[0].value
    (row,) = [row for _, row in table.iterrows() if row["Island"] == island and row["Year"] == year]
    said = texts(app)
    if left_out_percent is None:
        assert row["Verified"] == f"5 of {len(found) - 1}"
        assert "Left out of intervals: 1 quadrat whose photographs the model learned from" in said
    else:
        assert row["Verified"] == f"6 of {len(found)}"
        assert "The model learned from 1 quadrat: there the interval uses predictions" in said
    one = found[0].survey
    page = world.open("quadrat", island=island, year=str(year), location=str(one.location))
    assert not page.exception
    assert "the model learned from it" in texts(page)
    assert ("11.0 %" in texts(page)) == (left_out_percent is not None)
    help_page = world.open("guide")
    assert not help_page.exception
    assert "It learned from 1 photograph" in texts(help_page)


def test_every_figure_has_its_status_beside_it(world: PageWorld, texts: Texts) -> None:
    island, year = verify(world.database, 6)
    (first,) = [p for p in photographs(world.database) if (p.survey.island, p.survey.year) == (island, year)][:1]
    for page, query in (("overview", {}), ("gallery", {"island": island, "year": str(year)})):
        app = world.open(page, **query)
        assert not app.exception
        captions = [str(c.value) for c in app.caption if str(c.value).startswith("Cover ") and "%" in str(c.value)]
        assert captions
        assert all("verified" in caption for caption in captions)
    assert any("by points" in caption for caption in captions)
    place = {"island": island, "year": str(year), "location": str(first.survey.location)}
    assert "The model's figure: verified" in texts(world.open("quadrat", **place))
    for app in (world.open("overview"), world.open("coverage", show="Trend")):
        assert not app.exception
        table = next(frame.value for frame in app.dataframe if "Status" in frame.value)
        assert all(table["Status"])
        assert table["95 % interval"].str.contains(" to ").sum() == 1
    assert "Verified" in world.open("surveys").dataframe[0].value


def test_corners_that_are_set_anew_decide_which_points_count(world: PageWorld) -> None:
    photo = photographs(world.database)[0]
    record_points(world.database, [answered(photo, 50, seed=1)])
    measurements.forget()
    assert measurements.checked()[photo.survey].outside == 0
    half = [*photo.frame.corners_px[:2], *(((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in _sides(photo))]
    _set_corners(world.database, photo.survey, half)
    measurements.forget()
    found = measurements.checked()[photo.survey]
    assert 30 < found.outside < 70
    assert found.count.answered == 100 - found.outside


def _sides(photo: Measured) -> list[tuple[Any, Any]]:
    corners = photo.frame.corners_px
    return [(corners[1], corners[2]), (corners[0], corners[3])]


def _set_corners(database: Database, survey: SurveyKey, corners: list[Any]) -> None:
    p = coverage_provenance.c
    same = p.island == survey.island, p.location == survey.location, p.year == survey.year

    def work(connection: Any) -> None:
        record = connection.execute(select(p.reframing).where(*same)).scalar_one()
        changed = record | {"corners_px": [list(corner) for corner in corners], "manual": True}
        connection.execute(update(coverage_provenance).where(*same).values(reframing=changed))

    database.write(work)


def test_points_on_a_replaced_photograph_do_not_count(world: PageWorld) -> None:
    photo = photographs(world.database)[0]
    one = answered(photo, 50, seed=1)
    assert verified.checks([one], [photo])
    assert not verified.checks([dataclasses.replace(one, raw_version_id="older")], [photo])


def test_a_second_person_is_compared_over_the_same_points(world: PageWorld) -> None:
    photo = photographs(world.database)[0]
    first = answered(photo, 50, seed=1)
    second = dataclasses.replace(first, annotator="Bob", answers=first.answers.replace("c", "o", 5))
    (found,) = verified.checks([first, second], [photo]).values()
    assert found.second is not None
    assert found.second.percent == 95.0
    assert found.annotator == "Alice"


def test_exported_points_are_imported_again_without_loss(world: PageWorld) -> None:
    verify(world.database, 3, annotated_at="2023-05-01 22:46:47+00:00")
    with world.database.read() as connection:
        before = point_sets(connection)
    exported = exports.to_csv(point_tables.point_rows(before), None)
    again = plan(read_points(exported, "points.csv"), photographs(world.database), PLAIN)
    assert not again.not_matched
    assert [dataclasses.replace(one.points, origin="a.csv") for one in again.planned] == before


def test_estimates_are_exported_with_interval_status_and_method(world: PageWorld) -> None:
    island, year = verify(world.database, 6)
    measurements.forget()
    with world.database.read() as connection:
        rows = coverage_rows(connection)
    campaigns = verified.campaigns(rows, measurements.checked(), Target.SURVEYED)
    exported = exports.to_csv(point_tables.estimate_rows(campaigns), None).decode()
    found = {(row["locality"], int(row["year"])): row for row in csv.DictReader(io.StringIO(exported))}
    one = found[island, year]
    assert float(one["ci95_low"]) < float(one["recommended_cover_percent"]) < float(one["ci95_high"])
    assert "difference estimator" in one["method"]
    assert "the quadrats surveyed" in one["method"]
    unchecked = [row for key, row in found.items() if key != (island, year)]
    assert {(row["status"], row["ci95_low"]) for row in unchecked} == {("not verified", "")}
    quadrats = exports.measurement_rows(rows, {}, measurements.checked())
    assert sum(row["points_cover_percent"] is not None for row in quadrats) == 6


class Lambda:
    """Answers as Lambda does."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def invoke(self, *, Payload: bytes, **_: Any) -> dict[str, Any]:  # noqa: N803 (boto3's name)
        sets = [PointSet.from_json(one) for one in json.loads(Payload)["sets"]]
        answer = {"written": len(sets), "replaced": record_points(self.database, sets)}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


def test_files_are_shown_confirmed_and_kept(world: PageWorld, monkeypatch: pytest.MonkeyPatch, texts: Texts) -> None:
    monkeypatch.setenv("POINTS_FUNCTION", "reefsteps-points")
    client: Any = boto3.client
    keeps = Lambda(world.database)
    only_lambda = lambda name, **more: keeps if name == "lambda" else client(name, **more)  # noqa: E731
    monkeypatch.setattr("frontend.services.points.boto3.client", only_lambda)
    photo = photographs(world.database)[0]
    (x, y), *_ = photo.frame.to_photograph([(0.5, 0.5)])
    text = f"Name,Row,Column,Label\n{photo.raw_key},{int(y)},{int(x)},Porit\nlost.jpg,1,1,CCA\n"
    app = world.open("importing")
    app.file_uploader(key="point-files").set_value([("points.csv", text.encode(), "text/csv")])
    app.run()
    assert not app.exception
    assert "Not imported: 1" in texts(app)
    next(button for button in app.button if button.label == "Import the points of 1 photograph").click()
    app.run()
    assert not app.exception
    assert "Points of 1 photograph imported, 0 in place of earlier ones" in texts(app)
    with world.database.read() as connection:
        (one,) = point_sets(connection)
    assert (one.raw_key, one.answers, one.labels) == (photo.raw_key, "c", ("Porit",))


def test_a_quadrat_shows_its_points_with_their_interval_and_what_the_model_says_there(
    world: PageWorld, texts: Texts
) -> None:
    with world.database.read() as connection:
        row = next(row for row in coverage_rows(connection) if row.written_at)
    survey = SurveyKey(row.year, row.island, row.location)
    photo = next(photo for photo in photographs(world.database) if photo.survey == survey)
    first = answered(photo, 50, seed=3)
    second = dataclasses.replace(first, annotator="Bob", answers=first.answers.replace("c", "o", 2))
    record_points(world.database, [first, second])
    app = world.open("quadrat", island=row.island, year=str(row.year), location=str(row.location))
    assert not app.exception
    coral = first.answers.count("c")
    assert f"{coral} of 100 points on coral; 95 % interval" in texts(app)
    assert "A second person agrees at 98 % of the same points, Cohen's kappa" in texts(app)


def test_the_mask_is_read_where_the_points_lie(world: PageWorld) -> None:
    photo = photographs(world.database)[0]
    mask = np.zeros((300, 400), np.uint8)
    mask[:, 200:] = 255  # coral in the right half
    x, y = photo.frame.to_photograph([(0.25, 0.5), (0.75, 0.5), (0.75, 0.9), (0.1, 0.1)]).T
    one = dataclasses.replace(answered(photo, 50, seed=3, count=4), x=tuple(x), y=tuple(y), answers="ccuo")
    found = verified.at_the_points([one], photo, mask)
    assert found == Confusion(both=1, model_only=0, person_only=1, neither=1)
    assert verified.at_the_points([dataclasses.replace(one, raw_version_id="older")], photo, mask) is None
