"""Help says of each model in use what it is and how far it has been measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from streamlit.testing.v1 import AppTest

from reefsteps.model_keys import model_card_key
from reefsteps.model_roles import ModelRole
from tests.support.manifests import manifest

if TYPE_CHECKING:
    from tests.page.conftest import PageWorld

Texts = Callable[[AppTest], str]


EVALUATION = {
    "format": 1,
    "checkpoint_sha256": "5e" * 32,
    "sets": [
        {
            "kind": "real",
            "description": "unseen quadrats <b>",
            "survey": "Moorea",
            "photos": 1200,
            "date": "2026-11-27",
            "figures": [
                {"name": "mae_points", "value": 7.2134, "unit": "points"},
                {"name": "bias_points", "value": -6.9, "unit": "points"},
                {"name": "mask IoU, mean", "value": 0.88, "unit": ""},
            ],
        }
    ],
}


def put(world: PageWorld, bucket: str, name: str, text: str) -> None:
    world.s3.put_object(Bucket=bucket, Key=model_card_key(name), Body=text.encode())


def test_measured_errors_are_shown_with_what_they_were_measured_on(world: PageWorld, texts: Texts) -> None:
    described = manifest(ModelRole.CORAL.model_name, measured=EVALUATION)
    put(world, "test-model-segmentation", ModelRole.CORAL.model_name, json.dumps(described))
    app = world.open("guide")
    assert not app.exception
    said = texts(app).replace("\\", "")
    assert "detectron2-classifier, int8, sha256 `5e5e5e5e5e5e5e5e`" in said
    assert "Real photographs: unseen quadrats <b> (Moorea), n = 1,200, measured on 2026-11-27:" in said
    assert "the cover that the model 'detectron2-classifier' finds was 7 points too low on average" in said
    assert "- cover, mean absolute error: **7.213 points**" in said
    assert "- mask IoU, mean: **0.88**" in said
    assert "No converted model is in place" in said  # the other one
    assert "Nobody has measured" not in said


def test_a_model_that_nobody_measured_is_said_to_be_so(world: PageWorld, texts: Texts) -> None:
    described = manifest(ModelRole.FRAME.model_name, refused_evaluation="It was measured on other weights.")
    put(world, "test-model-reframing", ModelRole.FRAME.model_name, json.dumps(described))
    said = texts(world.open("guide")).replace("\\", "")
    assert "It was measured on other weights." in said
    assert "Nobody has measured the error of this model" in said
    assert "docs/how-to/train-a-model.md" in said


def test_help_says_which_classes_count_and_what_conversion_noticed(world: PageWorld, texts: Texts) -> None:
    more = {"classes": ["Acropora", "rubble"], "counted": ["Acropora"], "notes": ["x.yaml belongs to other weights."]}
    described = manifest(ModelRole.CORAL.model_name, **more)
    put(world, "test-model-segmentation", ModelRole.CORAL.model_name, json.dumps(described))
    said = texts(world.open("guide")).replace("\\", "")
    assert "Counted classes: Acropora, of Acropora, rubble." in said
    assert "x.yaml belongs to other weights." in said


def test_a_damaged_manifest_is_named(world: PageWorld, texts: Texts) -> None:
    put(world, "test-model-segmentation", ModelRole.CORAL.model_name, "{not JSON")
    app = world.open("guide")
    assert not app.exception
    assert "Upload the .pth again to convert it" in texts(app)
