"""The page's world in this process: moto's mocks, an SQLite file, and AppTest over app.py."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from moto import mock_aws
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from frontend.navigation import PAGES
from frontend.services import aws, measurements
from frontend.settings import settings
from reefsteps.database import Database
from tests.support import page_world

APP = Path(__file__).parents[2] / "frontend" / "app.py"
# Each AppTest looks for components in all installed packages, which takes 0.2 s and finds the same.
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)

RENAMED = {page.view for page in PAGES if page.view != page.path}


@dataclass
class PageWorld:
    """What a test may change before the page runs."""

    s3: Any
    step_functions: Any
    pipeline_arn: str
    database: Database

    def open(self, page: str = "overview", /, **query: str) -> AppTest:
        """Return the page after it has run, opened by its address."""
        app = AppTest.from_file(str(APP), default_timeout=60)
        if page in RENAMED:  # before its first run, AppTest knows a page by its file's name only
            app.run()
        app.query_params.update(query)
        return app.switch_page(f"views/{page}.py").run()


def _forget() -> None:
    for cached in (settings, aws.s3, aws.step_functions, aws.storage, measurements.database):
        cached.cache_clear()
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def empty_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PageWorld]:
    """A deployment in which nothing has happened yet."""
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        s3, step_functions = page_world.clients()
        page_world.create_buckets(s3)
        arn = page_world.create_state_machine(step_functions)
        for name, value in page_world.environment(arn, tmp_path / "coverage.sqlite").items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
        database = Database(f"sqlite:///{tmp_path / 'coverage.sqlite'}")
        database.create_tables()
        _forget()
        yield PageWorld(s3, step_functions, arn, database)
        _forget()


@pytest.fixture
def world(empty_world: PageWorld) -> PageWorld:
    """A deployment with results of three islands, runs in every state and pictures of one survey."""
    quadrats = list(page_world.several_surveys())
    page_world.write_results(empty_world.database, quadrats)
    page_world.write_pictures(empty_world.s3, [q.survey for q in quadrats[:3]])
    page_world.write_originals_of_runs(empty_world.s3)
    page_world.write_runs(empty_world.step_functions, empty_world.pipeline_arn)
    return empty_world


@pytest.fixture
def texts() -> Callable[[AppTest], str]:
    """Return everything that a page says, as one text."""

    def read(app: AppTest) -> str:
        kinds = ("title", "header", "subheader", "markdown", "caption", "info", "warning", "error", "success", "text")
        found = [str(element.value) for kind in kinds for element in getattr(app, kind)]
        return "\n".join([*found, *(f"{metric.label}: {metric.value}" for metric in app.metric)])

    return read
