"""The states in between: signed out, waking, broken, and what the buttons start."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from botocore.exceptions import ClientError
from sqlalchemy.exc import SQLAlchemyError
from streamlit.testing.v1 import AppTest

from frontend.components import states, widgets
from frontend.components.text import plain
from frontend.serve import oidc_secrets
from frontend.services import executions, measurements, photos
from frontend.settings import Settings, settings
from reefsteps.errors import ConfigurationError, DatabaseUnavailableError
from reefsteps.settings import Environment
from reefsteps.surveys import SurveyKey
from tests.page.conftest import APP
from tests.support import page_world

if TYPE_CHECKING:
    from tests.page.conftest import PageWorld

NEED_THE_DATABASE = ("overview", "gallery", "quadrat", "coverage")
Texts = Callable[[AppTest], str]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "PAUSE_S", 0.01)
    monkeypatch.setattr(states, "WAKING_S", 0.1)


@pytest.mark.parametrize("page", NEED_THE_DATABASE)
@pytest.mark.usefixtures("hasty")
def test_a_database_that_stays_away_is_explained(
    world: PageWorld, page: str, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asleep() -> Any:
        raise DatabaseUnavailableError("paused")

    monkeypatch.setattr(measurements, "coverage", asleep)
    app = world.open(page)
    assert not app.exception
    assert "The database does not answer" in texts(app)
    assert [button.label for button in app.button if button.label == "Try again"]


def test_a_result_that_is_newer_than_what_was_read_is_shown(world: PageWorld, texts: Texts) -> None:
    app = world.open("gallery")
    count = len(measurements.coverage())
    assert f"{count} quadrats" in texts(app)
    new = page_world.Quadrat(SurveyKey(2024, "Takapoto", 77), 12.5, (10.0,), manual=True)
    page_world.write_results(world.database, [new])
    with mock.patch.object(executions, "last_done_at", lambda: datetime.now(UTC) - timedelta(days=1)):
        assert f"{count} quadrats" in texts(app.run())
    with mock.patch.object(executions, "last_done_at", lambda: datetime.now(UTC)):
        assert f"{count + 1} quadrats" in texts(app.run())


@pytest.mark.usefixtures("hasty")
def test_a_waking_database_is_waited_for(world: PageWorld, texts: Texts, monkeypatch: pytest.MonkeyPatch) -> None:
    awake, calls = measurements.coverage, []

    def waking() -> Any:
        calls.append(1)
        if len(calls) < 4:
            raise DatabaseUnavailableError("paused")
        return awake()

    monkeypatch.setattr(measurements, "coverage", waking)
    app = world.open("gallery")
    assert not app.error
    assert "quadrats, page 1" in texts(app)


def test_a_database_that_answers_with_an_error_is_explained_without_its_text(
    world: PageWorld, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Any:
        raise SQLAlchemyError("secret host name")

    monkeypatch.setattr(measurements, "coverage", broken)
    app = world.open("coverage")
    assert "The database answered with an error" in texts(app)
    assert "secret" not in texts(app)


def test_storage_that_does_not_answer_is_explained_without_keys(
    world: PageWorld, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "arn:aws:secret"}}, "ListExecutions")

    monkeypatch.setattr(executions, "executions", refused)
    app = world.open("runs")
    assert not app.exception
    assert "AccessDenied" in texts(app)
    assert "secret" not in texts(app)


def test_a_visitor_who_is_not_signed_in_sees_nothing_else(
    world: PageWorld, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH_MODE", "oidc")
    monkeypatch.setenv("OIDC_LOGOUT_URL", "https://users.example.org/logout")
    monkeypatch.setenv("OIDC_CLIENT_ID", "client")
    monkeypatch.setenv("PUBLIC_URL", "https://reefs.example.org")
    settings.cache_clear()
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.user = {"is_logged_in": False}
    app.run()
    assert not app.exception
    assert "You are not signed in" in texts(app)
    assert not app.metric
    assert "Takapoto" not in texts(app)


def test_a_member_is_named_and_can_sign_out(world: PageWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_MODE", "oidc")
    settings.cache_clear()
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.user = {"is_logged_in": True, "email": "<i>ana</i>@example.org", "iat": time.time() - 60}
    app.run()
    assert not app.exception
    assert "Sign out" in [button.label for button in app.sidebar.button]
    assert "\\<i\\>ana" in app.sidebar.caption[0].value


@pytest.mark.parametrize(
    ("hours", "signed_in_ago_s", "asked_again"),
    [
        (None, 12 * 3600 - 60, False),
        (None, 12 * 3600 + 1, True),
        ("1", 3600 - 60, False),
        ("1", 3601, True),
        (None, None, True),  # a cookie that does not say when
    ],
)
def test_signing_in_does_not_last_longer_than_the_parameter_says(
    hours: str | None,
    signed_in_ago_s: int | None,
    asked_again: bool,
    world: PageWorld,
    texts: Texts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUTH_MODE", "oidc")
    if hours:
        monkeypatch.setenv("SIGN_IN_HOURS", hours)
    settings.cache_clear()
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.user = {"is_logged_in": True, "email": "ana@example.org"}
    if signed_in_ago_s is not None:
        app.user["iat"] = int(time.time()) - signed_in_ago_s
    app.run()
    assert not app.exception
    assert (f"Signing in lasts {hours or 12} hours" in texts(app)) == asked_again
    assert bool(app.metric) != asked_again


def test_nobody_can_make_signing_in_last_longer() -> None:
    variables = page_world.environment("arn:aws:states:r:1:stateMachine:p", APP.parent / "x.sqlite")
    with pytest.raises(ConfigurationError, match="SIGN_IN_HOURS"):
        Settings.from_environment(variables | {"SIGN_IN_HOURS": "13"})


def test_a_missing_variable_is_named(world: PageWorld, texts: Texts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIPELINE_ARN")
    settings.cache_clear()
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not app.exception
    assert "PIPELINE_ARN" in texts(app)


def test_sign_in_is_on_unless_it_is_switched_off_by_name() -> None:
    variables = page_world.environment("arn:aws:states:r:1:stateMachine:p", APP.parent / "x.sqlite")
    variables.pop("AUTH_MODE")
    assert Settings.from_environment(variables).auth_mode == "oidc"
    with pytest.raises(ConfigurationError, match="AUTH_MODE"):
        Settings.from_environment(variables | {"AUTH_MODE": "off"})


def test_secrets_file_is_toml_that_a_hostile_secret_cannot_leave() -> None:
    import tomllib

    variables = {
        "PUBLIC_URL": "https://reefs.example.org/",
        "COOKIE_SECRET": 'c"\\\n[evil]',
        "OIDC_CLIENT_ID": "id",
        "OIDC_CLIENT_SECRET": "s",
        "OIDC_METADATA_URL": "https://users.example.org/.well-known/openid-configuration",
    }
    parsed = tomllib.loads(oidc_secrets(Environment(variables)))
    assert list(parsed) == ["auth"]
    assert parsed["auth"]["redirect_uri"] == "https://reefs.example.org/oauth2callback"
    assert parsed["auth"]["cookie_secret"] == variables["COOKIE_SECRET"]
    assert parsed["auth"]["server_metadata_url"] == "http://127.0.0.1:8501/sign-in/openid-configuration"


def test_runs_explain_failures_and_escape_what_is_not_ours(world: PageWorld, texts: Texts) -> None:
    app = world.open("runs", status="Failed")
    said = texts(app)
    assert "No quadrat frame was found" in said
    assert "Set the four corners by hand" in said
    assert "IMG\\_1234\\.jpg" in said
    assert not [m for m in app.markdown if m.allow_html]


def test_retry_starts_the_same_photograph_again(world: PageWorld) -> None:
    page_world.write_pictures(world.s3, [SurveyKey(2010, "Takapoto", 51)], derived=False)
    app = world.open("runs", status="Failed")
    next(button for button in app.button if button.label == "Retry").click().run()
    assert not app.exception
    found = world.step_functions.list_executions(stateMachineArn=world.pipeline_arn)["executions"]
    (again,) = [item for item in found if "-retry-" in item["name"]]
    given = json.loads(world.step_functions.describe_execution(executionArn=again["executionArn"])["input"])
    assert given == {"bucket": "test-raw", "key": "2010-Takapoto-51.jpg", "requested_by": "page"}


def test_retry_of_a_deleted_photograph_starts_nothing(world: PageWorld) -> None:
    before = world.step_functions.list_executions(stateMachineArn=world.pipeline_arn)["executions"]
    app = world.open("runs", status="Failed")
    world.s3.delete_object(Bucket=page_world.BUCKETS["RAW_BUCKET"], Key="2010-Takapoto-51.jpg")
    photos.forget()
    next(button for button in app.button if button.label == "Retry").click().run()
    after = world.step_functions.list_executions(stateMachineArn=world.pipeline_arn)["executions"]
    assert len(after) == len(before)
    assert "has been deleted since" in app.toast[0].value


def test_deletion_needs_the_exact_name_typed(world: PageWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "2006-Takapoto-01.jpg"
    app = world.open("delete", key=key)
    button = next(button for button in app.button if button.label == "Delete now")
    assert button.disabled
    app.text_input(key=f"confirm-{key}").input("2006-Takapoto-1.jpg").run()
    assert next(button for button in app.button if button.label == "Delete now").disabled


def test_deletion_removes_the_original_keeps_its_versions_and_says_what_is_left(
    world: PageWorld, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "2006-Takapoto-01.jpg"
    app = world.open("delete", key=key)
    app.text_input(key=f"confirm-{key}").input(key).run()
    clock = iter(range(0, 10_000, 20))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))  # nobody waits a minute here
    next(button for button in app.button if button.label == "Delete now").click().run()
    assert not app.exception
    versions = world.s3.list_object_versions(Bucket="test-raw", Prefix=key)
    assert len(versions["Versions"]) == 1
    assert versions["DeleteMarkers"][0]["IsLatest"]
    assert app.text_input(key="key").value == ""
    assert "There is no photograph with this name" not in texts(app)
    assert "Still being removed: 10 files, and the rows in the database" in texts(app)


def _elements(app: AppTest, kind: str) -> list[Any]:
    found: list[Any] = []
    blocks: list[Any] = [app.main]
    while blocks:
        for child in blocks.pop(0).children.values():
            found.append(child)
            blocks += [child] if hasattr(child, "children") else []
    return [element for element in found if type(element).__name__ == kind]


def test_gallery_filters_come_from_the_address_and_order_is_natural(world: PageWorld) -> None:
    app = world.open("gallery", island="Takapoto", year="2008")
    assert app.multiselect(key="island").value == ["Takapoto"]
    assert app.multiselect(key="year").value == [2008]
    labels = [link.proto.label for link in _elements(app, "PageLink") if ", no. " in link.proto.label]
    numbers = [int(label.rsplit(" ", 1)[1]) for label in labels]
    assert numbers == sorted(numbers)
    assert len(numbers) >= 10


def test_gallery_is_turned_below_the_pictures_and_keeps_to_pages_that_exist(world: PageWorld, texts: Texts) -> None:
    app = world.open("gallery")
    assert "102 quadrats, page 1 of 5" in texts(app)
    next(button for button in app.button if button.label == "Next").click().run()
    assert "102 quadrats, page 2 of 5" in texts(app)
    app = world.open("gallery", page="99")
    assert not app.exception
    assert "There is no page 99: there are 5 pages." in texts(app)
    assert "Go to the first page" in [link.proto.label for link in _elements(app, "PageLink")]


def test_gallery_links_are_signed_and_no_picture_passes_through_the_page(world: PageWorld) -> None:
    app = world.open("gallery", island="Takapoto", year="2008")
    addresses = [picture.url for element in _elements(app, "Image") for picture in element.proto.imgs]
    assert addresses
    assert all("X-Amz-Signature=" in address and "/thumbnails/" in address for address in addresses)


def test_a_link_to_the_very_first_result_does_not_say_that_there_is_none(empty_world: PageWorld, texts: Texts) -> None:
    named = {"island": "Takapoto", "year": "2006", "location": "1"}
    assert "No results yet" in texts(empty_world.open("quadrat"))
    assert "There is no result for Takapoto 2006, no" in texts(empty_world.open("quadrat", **named)).replace("\\", "")
    page_world.write_results(empty_world.database, [page_world.Quadrat(SurveyKey(2006, "Takapoto", 1), 12.5, (30.0,))])
    assert "Coral cover" in str([metric.label for metric in empty_world.open("quadrat", **named).metric])


def test_quadrat_says_when_a_part_of_its_frame_is_hidden(empty_world: PageWorld, texts: Texts) -> None:
    quadrats = [
        page_world.Quadrat(SurveyKey(2006, "Takapoto", number), 12.5, (30.0,), partly_visible=hidden)
        for number, hidden in ((1, True), (2, False))
    ]
    page_world.write_results(empty_world.database, quadrats)
    said = [texts(empty_world.open("quadrat", island="Takapoto", year="2006", location=place)) for place in "12"]
    assert "frame partly visible" in said[0]
    assert "partly visible" not in said[1]


def test_quadrat_shows_a_rectangles_two_lengths_and_boxes_in_its_own_picture(
    empty_world: PageWorld, texts: Texts
) -> None:
    survey = SurveyKey(2006, "Takapoto", 1)
    rectangle = page_world.Quadrat(survey, 12.5, (30.0,), height_cm=75.0)
    page_world.write_results(empty_world.database, [rectangle])
    with mock.patch.object(widgets, "overlay") as overlay:
        app = empty_world.open("quadrat", island="Takapoto", year="2006", location="1")
    assert "75 x 100 cm" in texts(app)
    assert overlay.call_args.kwargs["size_px"] == (800, 600)


def test_quadrat_shows_provenance_and_camera_names_are_harmless(world: PageWorld, texts: Texts) -> None:
    app = world.open("quadrat", island="Takapoto", year="2006", location="3")
    said = texts(app)
    assert "Coral cover: 32 % △" in said
    assert "\\<b\\>Nikon" in said
    assert page_world.SHA in said


def test_coverage_warns_when_results_come_from_two_models(world: PageWorld) -> None:
    other = list(page_world.several_surveys(islands=("Rangiroa",), years=(2006,), positions=2))
    page_world.SHA, known = "cd" * 32, page_world.SHA
    try:
        page_world.write_results(world.database, other)
    finally:
        page_world.SHA = known
    app = world.open("coverage")
    assert "2 models" in app.warning[0].value


def test_a_series_that_mixes_colour_treatments_says_so_where_it_is_drawn(
    world: PageWorld, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = page_world._provenance

    def untreated(quadrat: page_world.Quadrat) -> dict[str, Any]:
        known = drawn(quadrat)
        return known | {"restoration": known["restoration"] | {"applied": False}}

    monkeypatch.setattr(page_world, "_provenance", untreated)
    later = list(page_world.several_surveys(islands=("Takapoto",), years=(2012,), positions=3))
    page_world.write_results(world.database, later)
    for part in ("Trend", "Same quadrats"):
        said = texts(world.open("coverage", show=part, of="Takapoto"))
        assert plain("Takapoto mixes colour treatments: left as they are in 2012") in said
    assert "mixes" not in texts(world.open("coverage", show="Same quadrats", of="Huahiné"))
