"""Which model of a bucket is in use: the converted one, or one that was adapted from it.

The file ``<name>.in-use.json`` names an adapted model. Without it the converted model ``<name>`` is in use. Only a
person's choice writes it, so that neither a new conversion nor a new adapted model takes another's place by itself.
"""

from __future__ import annotations

import json
import re

from reefsteps.errors import PhotoNotFoundError, UnsupportedModelError
from reefsteps.model_keys import model_in_use_key
from reefsteps.results import ObjectRef
from reefsteps.storage import Storage

CHOICE_FORMAT = 1
_ADAPTED = "-adapted-"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")


def adapted_name(base: str, started_at: str) -> str:
    """Return the name of the model that a run adapts from ``base``; ``started_at`` is ISO 8601.

    A run that is tried again gives its model the same name.
    """
    return f"{base}{_ADAPTED}{re.sub(r'[^0-9T]', '', started_at.split('.')[0])}"


def is_adapted(name: str, base: str) -> bool:
    """Say whether a name is one of `adapted_name`."""
    return name.startswith(f"{base}{_ADAPTED}") and _NAME.fullmatch(name) is not None


def choice_body(name: str) -> bytes:
    """Return the content of the file that says that the model ``name`` is in use."""
    return (json.dumps({"format": CHOICE_FORMAT, "model": name}) + "\n").encode()


def chosen_name(content: bytes, base: str) -> str:
    """Return the model that such a file names; raises UnsupportedModelError for one that names no model of ``base``."""
    try:
        data = json.loads(content)
        name, version = data["model"], data["format"]
    except (ValueError, RecursionError, TypeError, KeyError):
        name, version = None, None
    if version != CHOICE_FORMAT or not isinstance(name, str) or not (name == base or is_adapted(name, base)):
        raise UnsupportedModelError(
            f"The file that says which model is in use names none of '{base}'. Choose a model again with `adapt`, or "
            "delete the file to use the converted one."
        )
    return name


def name_in_use(storage: Storage, bucket: str, base: str) -> str:
    """Return the name of the model of the bucket that is in use; raises UnsupportedModelError for a damaged choice."""
    try:
        return chosen_name(storage.get(ObjectRef(bucket, model_in_use_key(base))).body, base)
    except PhotoNotFoundError:
        return base
