"""What makes a picture one to be looked at, and the limits that photographs like the training's set."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reefsteps.evaluation import PictureFigures, PictureLimits
from segmentation.novelty import colonies_at_the_limit, picture_figures, reasons_to_look
from training.library.coco import AnnotationError
from training.reference import LEAST_PHOTOS, MARKED_SHARE, limits_of

LIMITS = PictureLimits("drawn photographs", 300, PictureFigures(0.9, 0.6, 2.0))
FIGURES = st.builds(PictureFigures, st.floats(0, 1), st.floats(0, 1), st.floats(0, 10))


def patches(amplitude: int, height: int = 300, width: int = 300) -> np.ndarray:
    """Return grey with yellow and blue patches of a tenth of a side."""
    rows, columns = np.mgrid[0:height, 0:width]
    sign = np.where((rows * 10 // height + columns * 10 // width) % 2, 1, -1)
    picture = np.full((height, width, 3), 128, np.int16)
    picture[..., 0] += amplitude * sign
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def scores(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_figures_are_the_best_score_the_mean_and_the_contrast() -> None:
    figures = picture_figures(patches(60), scores(0.95, 0.55, 0.3, 0.1))
    assert (figures.best_score, figures.mean_score) == (0.95, 0.6)
    assert picture_figures(patches(60), scores()).best_score == 0
    flat, weak = picture_figures(patches(0), scores()), picture_figures(patches(20), scores())
    assert flat.colour_contrast < 0.01 < weak.colour_contrast < figures.colour_contrast


def test_the_contrast_hardly_depends_on_the_resolution() -> None:
    small, large = (picture_figures(patches(60, side, side), scores()).colour_contrast for side in (300, 1500))
    assert large == pytest.approx(small, rel=0.1)
    assert picture_figures(patches(60, 300, 450), scores()).colour_contrast > 1


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        (PictureFigures(0.95, 0.7, 3.0), []),
        (PictureFigures(0.62, 0.7, 3.0), ["best score here is 0.62 (at least 0.90 in photographs"]),
        (PictureFigures(0.0, 0.0, 3.0), ["found no colony"]),
        (PictureFigures(0.95, 0.4, 3.0), ["scores from 0.3 on are 0.40 on average (at least 0.60 in"]),
        (PictureFigures(0.95, 0.7, 1.0), ["colours differ less"]),
        (PictureFigures(0.5, 0.4, 1.0), ["best score", "on average", "colours differ less"]),
    ],
)
def test_every_reason_is_a_sentence(figures: PictureFigures, words: list[str]) -> None:
    reasons = reasons_to_look(figures, LIMITS)
    assert len(reasons) == len(words)
    for reason, word in zip(reasons, words, strict=True):
        assert word in reason
        assert reason.endswith(".")


def test_without_limits_only_the_best_score_counts() -> None:
    assert reasons_to_look(PictureFigures(0.8, 0.31, 0.0), None) == ()
    assert len(reasons_to_look(PictureFigures(0.7, 0.7, 9.0), None)) == 1
    assert reasons_to_look(PictureFigures(0.0, 0.0, 9.0), None) == ("The model found no colony here.",)


@settings(max_examples=40, deadline=None)
@given(st.lists(FIGURES, min_size=LEAST_PHOTOS, max_size=LEAST_PHOTOS + 60))
def test_limits_mark_no_more_of_the_reference_than_was_asked_for(figures: list[PictureFigures]) -> None:
    limits = limits_of(figures, "drawn photographs")
    rounded = [PictureFigures(*(round(value, 4) for value in vars(f).values())) for f in figures]
    marked = sum(
        f.best_score < limits.least.best_score - 1e-4
        or f.mean_score < limits.least.mean_score - 1e-4
        or f.colour_contrast < limits.least.colour_contrast - 1e-4
        for f in rounded
    )
    assert marked <= MARKED_SHARE * len(figures)


def test_too_few_photographs_set_no_limits() -> None:
    with pytest.raises(AnnotationError, match=f"at least {LEAST_PHOTOS}"):
        limits_of([PictureFigures(1, 1, 1)] * (LEAST_PHOTOS - 1), "drawn photographs")


@pytest.mark.parametrize(("found", "said"), [(0, 0), (99, 0), (100, 1)])
def test_a_model_that_finds_all_it_can_may_have_missed_colonies(found: int, said: int) -> None:
    reasons = colonies_at_the_limit(found, found, 100)
    assert len(reasons) == said
    assert all("the cover may be too low" in reason for reason in reasons)


def test_other_classes_take_places_of_the_limit() -> None:
    assert colonies_at_the_limit(60, 99, 100) == ()
    assert colonies_at_the_limit(400, 400, None) == ()
    (reason,) = colonies_at_the_limit(60, 100, 100)
    assert reason.startswith("The model found 60 colonies and 40 of other classes")
