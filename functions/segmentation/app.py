"""The Lambda function of the third step: settings, clients, the model and metrics for `segmentation.step`."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from reefsteps.document import StateDocument
from reefsteps.model_store import ModelStore
from reefsteps.observability import measure as record_metric
from reefsteps.observability import step_handler
from reefsteps.storage import Storage
from segmentation.settings import Settings
from segmentation.step import segment_photograph

SETTINGS = Settings.from_environment()
STORAGE = Storage()
MODELS = ModelStore(STORAGE.client, SETTINGS.model_bucket, SETTINGS.model_name, engine=SETTINGS.engine, adaptable=True)


@step_handler("segmentation")
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Return the SegmentationResult of the document's photograph as JSON."""
    document = StateDocument.parse(event, SETTINGS.raw_bucket)
    result = segment_photograph(document, SETTINGS, STORAGE, MODELS)
    record_metric("CoverPercent", result.cover_percent, MetricUnit.Percent)
    record_metric("Colonies", result.colony_count)
    return result.to_json()
