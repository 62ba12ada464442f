"""The manifests of the converted models, which conversion writes beside them."""

from __future__ import annotations

import streamlit as st
from botocore.exceptions import BotoCoreError, ClientError

from frontend.services.aws import storage
from frontend.settings import settings
from reefsteps.detection import Manifest
from reefsteps.errors import PhotoNotFoundError, UnsupportedModelError
from reefsteps.model_keys import model_card_key
from reefsteps.model_roles import ModelRole
from reefsteps.results import ObjectRef


@st.cache_data(ttl=300, show_spinner=False)
def manifests() -> dict[ModelRole, Manifest | str]:
    """Return the manifest of each model by its role, or why there is none."""
    buckets = settings().model_buckets
    return {role: _manifest(ObjectRef(buckets[role], model_card_key(role.model_name))) for role in ModelRole}


def coral_model() -> Manifest | None:
    """Return the manifest of the model that measures cover; None where there is none that can be read.

    Without it no page fails: figures then have the trust that was recorded with them, or a mark.
    """
    try:
        manifest = manifests()[ModelRole.CORAL]
    except (ClientError, BotoCoreError):
        return None
    return manifest if isinstance(manifest, Manifest) else None


def _manifest(place: ObjectRef) -> Manifest | str:
    try:
        return Manifest.parse(storage().get(place).body.decode(errors="replace"))
    except PhotoNotFoundError:
        return "No converted model is in place, so runs wait at this step."
    except UnsupportedModelError as error:
        return str(error)
