"""Makes a coral model of a survey's own points, or puts a model into use; started by a person, by the page or locally.

Input of a run: nothing, or ``island`` and ``year`` to learn from fewer photographs, learns. ``use`` names the model
that is to measure from now on: an adapted one, or the converted one to go back to it. Learning changes nothing that is
in use: a person looks at the figures and starts a run with ``use``.
"""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapt.gate import photographs_needed
from adapt.models import ModelBucket
from adapt.photographs import lessons, taught_photographs
from adapt.run import adapted_model
from adapt.settings import Settings
from reefsteps.adaptation import AdaptResult
from reefsteps.database import Database
from reefsteps.errors import InvalidParameterError
from reefsteps.model_choice import adapted_name
from reefsteps.model_roles import ModelRole
from reefsteps.observability import logger, step_handler
from reefsteps.storage import Storage

SETTINGS = Settings.from_environment()
DATABASE = Database.from_environment()
STORAGE = Storage()
MODELS = ModelBucket(STORAGE, SETTINGS.model_bucket, ModelRole.CORAL.model_name)


@step_handler("adapt")
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Return an AdaptResult as JSON.

    Raises InvalidParameterError for a malformed input, ModelNotReadyError while there is no model to learn on,
    UnsupportedModelError for one that nothing can be learned on, or that cannot be put into use.
    """
    started = time.perf_counter()
    asked = event.get("input") or {}
    use, island, year = asked.get("use"), asked.get("island"), asked.get("year")
    if use is not None:
        if not isinstance(use, str):
            raise InvalidParameterError("'use' is no name of a model.")
        MODELS.use(use)
        sentence = f"The model '{use}' measures from now on. Results that are there keep the model that measured them."
        return AdaptResult(False, sentence, _since(started), use, use).to_json()
    if not isinstance(island, str | None) or isinstance(year, bool) or not isinstance(year, int | None):
        raise InvalidParameterError("'island' is a name and 'year' a whole number; leave both out to learn from all.")
    with DATABASE.read() as connection:
        taught = taught_photographs(connection, island, year)
    if why := photographs_needed(len(taught)):
        return AdaptResult(False, f"{why} Nothing was changed.", _since(started), in_use=MODELS.in_use()).to_json()
    found = lessons(taught, STORAGE)
    if why := photographs_needed(len(found)):
        return AdaptResult(False, f"{why} Nothing was changed.", _since(started), in_use=MODELS.in_use()).to_json()
    started_at = event.get("execution", {}).get("started_at") or datetime.now(UTC).isoformat()
    name = adapted_name(ModelRole.CORAL.model_name, started_at)
    with tempfile.TemporaryDirectory() as folder:
        model, manifest, adaptation = adapted_model(found, MODELS, name, started_at, Path(folder))
        verdict = adaptation.verdict
        logger.info("learned", photographs=len(found), head=adaptation.head, passed=verdict.passed)
        if verdict.passed:
            MODELS.publish(model, manifest)
    return AdaptResult(
        adapted=verdict.passed,
        sentence=verdict.sentence,
        elapsed_s=_since(started),
        model=name if verdict.passed else None,
        in_use=MODELS.in_use(),
        adaptation=adaptation,
    ).to_json()


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 3)
