"""The Lambda function of the first step: settings and clients for `restoration.step`."""

from __future__ import annotations

from typing import Any

from reefsteps.document import StateDocument
from reefsteps.observability import step_handler
from reefsteps.storage import Storage
from restoration.settings import Settings
from restoration.step import restore_photograph

SETTINGS = Settings.from_environment()
STORAGE = Storage()


@step_handler("restoration")
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Return the RestorationResult of the document's photograph as JSON."""
    document = StateDocument.parse(event, SETTINGS.raw_bucket)
    return restore_photograph(document, SETTINGS, STORAGE).to_json()
