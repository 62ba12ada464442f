"""The Lambda function of the second step: settings, clients and the model for `reframing.step`."""

from __future__ import annotations

from typing import Any

from reefsteps.document import StateDocument
from reefsteps.model_store import ModelStore
from reefsteps.observability import step_handler
from reefsteps.storage import Storage
from reframing.settings import Settings
from reframing.step import reframe_photograph

SETTINGS = Settings.from_environment()
STORAGE = Storage()
MODELS = ModelStore(STORAGE.client, SETTINGS.model_bucket, SETTINGS.model_name, engine=SETTINGS.engine)


@step_handler("reframing")
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Return the ReframingResult of the document's photograph as JSON."""
    document = StateDocument.parse(event, SETTINGS.raw_bucket)
    return reframe_photograph(document, SETTINGS, STORAGE, MODELS).to_json()
