"""The payloads in events/ are what the handlers take: each is run, or read as its handler reads it."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reefsteps.database import Database
from reefsteps.document import StateDocument
from reefsteps.errors import PhotoDeletedError
from reefsteps.results import Record, ReframingResult, RestorationResult, SegmentationResult
from reefsteps.steps import STEPS
from tests.support.handlers import emulated_s3, loaded
from tests.support.pipeline_records import result
from tests.support.segmentation_step import ColourDetector, reframed

ROOT = Path(__file__).parents[2]
RECORDS: dict[str, type[Record]] = {
    "restoration": RestorationResult,
    "reframing": ReframingResult,
    "segmentation": SegmentationResult,
}


def sample(name: str) -> dict[str, Any]:
    event = json.loads((ROOT / "events" / f"{name}.json").read_text())
    assert isinstance(event, dict)
    return event


@pytest.mark.parametrize("step", STEPS)
def test_a_steps_sample_is_a_whole_state_document(step: str) -> None:
    document = StateDocument.parse(event := sample(step), event["input"]["bucket"])
    assert document.survey.stem == "2006-Bora-Bora-01"
    assert list(document.records) == list(STEPS[: STEPS.index(step)])
    for name, record in document.records.items():
        assert RECORDS[name].from_json(dict(record)).to_json() == record


def test_coverage_and_removal_run_on_their_samples(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'coverage.db'}")
    database.create_tables()
    with emulated_s3(), loaded("coverage", {"DATABASE_URL": str(database.url)}) as coverage:
        assert coverage.handler(sample("coverage"), None)["written"]
        with loaded("removal", {"DATABASE_URL": str(database.url)}) as removal:
            assert removal.handler(sample("removal"), None)["row_removed"]
            assert removal.handler(sample("removal-by-page"), None)["survey"] == "2006-Bora-Bora-01"
        with pytest.raises(PhotoDeletedError, match="was deleted at"):
            coverage.handler(sample("coverage"), None)


def test_relabel_runs_on_its_sample(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'coverage.db'}")
    database.create_tables()
    with emulated_s3() as s3, loaded("relabel", {"DATABASE_URL": str(database.url)}) as relabel:
        for number in (1, 2):
            s3.put_object(Bucket="reef-raw", Key=f"2006-Bora-Bora-0{number}.jpg", Body=b"photo")
        assert relabel.handler(sample("relabel"), None) == {
            "relabelling_id": "list-20260101T100000",
            "groups": [0, 1],
        }


def test_segmentation_runs_on_its_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    event = sample("segmentation")
    photographed = dataclasses.replace(result(), restoration=RestorationResult.from_json(event["restoration"]))
    with emulated_s3(), loaded("segmentation", {}) as segmentation:
        reframed(photographed)
        monkeypatch.setattr(segmentation, "MODELS", SimpleNamespace(detector=ColourDetector))
        assert segmentation.handler(event, None)["colony_count"] == 2  # the third disc scores below 0.5


def test_the_upload_event_is_what_the_template_rule_admits() -> None:
    event = sample("photo-uploaded")
    assert (event["source"], event["detail-type"]) == ("aws.s3", "Object Created")
    admit = (ROOT / "statemachine/admit.asl.json").read_text()
    for part in re.findall(r"\$states\.input\.detail\.object\.(?:`([^`]+)`|(\w+))", admit):
        assert (part[0] or part[1]) in event["detail"]["object"]
