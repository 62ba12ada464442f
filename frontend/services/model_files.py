"""The manifests of the converted models, which conversion writes beside them."""

from __future__ import annotations

import streamlit as st
from botocore.exceptions import BotoCoreError, ClientError

from frontend.services.aws import storage
from frontend.settings import settings
from reefsteps.detection import Manifest
from reefsteps.errors import PhotoNotFoundError, UnsupportedModelError
from reefsteps.keys import model_card_key, model_in_use_key
from reefsteps.model_choice import chosen_name
from reefsteps.results import ObjectRef

REFRAMING_MODEL = "detectron2-reframe"
SEGMENTATION_MODEL = "detectron2-classifier"
CORALS = "Finding corals"


@st.cache_data(ttl=300, show_spinner=False)
def manifests() -> dict[str, Manifest | str]:
    """Return the manifest of each model by its role, or why there is none."""
    here = settings()
    frames = _manifest(ObjectRef(here.model_reframing_bucket, model_card_key(REFRAMING_MODEL)))
    return {"Finding the frame": frames, CORALS: _in_use(here.model_segmentation_bucket)}


def coral_model() -> Manifest | None:
    """Return the manifest of the model that measures cover; None where there is none that can be read.

    No page fails for want of it: figures then have the trust that was recorded with them, or a mark.
    """
    try:
        manifest = manifests()[CORALS]
    except (ClientError, BotoCoreError):
        return None
    return manifest if isinstance(manifest, Manifest) else None


def _in_use(bucket: str) -> Manifest | str:
    """Return the manifest of the coral model in use: an adapted one where a person has chosen it."""
    try:
        content = storage().get(ObjectRef(bucket, model_in_use_key(SEGMENTATION_MODEL))).body
        chosen = chosen_name(content, SEGMENTATION_MODEL)
    except PhotoNotFoundError:
        chosen = SEGMENTATION_MODEL
    except UnsupportedModelError as error:
        return str(error)
    return _manifest(ObjectRef(bucket, model_card_key(chosen)))


def _manifest(place: ObjectRef) -> Manifest | str:
    try:
        return Manifest.parse(storage().get(place).body.decode(errors="replace"))
    except PhotoNotFoundError:
        return "No converted model is in place, so runs wait at this step."
    except UnsupportedModelError as error:
        return str(error)
