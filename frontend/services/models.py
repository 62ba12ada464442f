"""The descriptions of the converted models, which conversion writes beside them."""

from __future__ import annotations

from typing import Any

import streamlit as st

from frontend.services.aws import storage
from frontend.settings import settings
from reefsteps.errors import PhotoNotFoundError
from reefsteps.keys import model_card_key
from reefsteps.results import ObjectRef

REFRAMING_MODEL = "detectron2-reframe"
SEGMENTATION_MODEL = "detectron2-classifier"


@st.cache_data(ttl=300, show_spinner=False)
def cards() -> dict[str, dict[str, Any] | None]:
    """Return the description of each model by its role; None where there is no converted model."""
    here = settings()
    places = {
        "Finding the frame": ObjectRef(here.model_reframing_bucket, model_card_key(REFRAMING_MODEL)),
        "Finding corals": ObjectRef(here.model_segmentation_bucket, model_card_key(SEGMENTATION_MODEL)),
    }
    return {role: _card(place) for role, place in places.items()}


def _card(place: ObjectRef) -> dict[str, Any] | None:
    try:
        card = storage().get_json(place)
    except PhotoNotFoundError:
        return None
    return card if isinstance(card, dict) else None
