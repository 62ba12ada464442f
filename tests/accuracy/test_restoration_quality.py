"""The bars that restoration is held to, on few pictures; `make bench-imaging` prints the full tables."""

import cv2
import numpy as np
import pytest

from reefsteps.images import decode
from restoration.methods import restore
from tests.support import quality
from tests.support.real_data import NOT_HERE, REAL_DATA
from tests.support.separability import WATERS, Bgr, Scene, cross_water_accuracy, drawn_reef, immerse

U45 = REAL_DATA / "restoration/u45"


def restored(bgr: Bgr) -> Bgr:
    return restore(bgr).pixels_bgr


def flat(blue: int, green: int, red: int) -> Bgr:
    return np.full((64, 64, 3), (blue, green, red), np.uint8)


def test_corals_are_told_apart_in_another_water_than_was_trained_in() -> None:
    scenes, waters = [drawn_reef(seed) for seed in range(16)], WATERS[::2]
    raw = list(cross_water_accuracy(scenes, lambda bgr: bgr, waters).values())
    ours = list(cross_water_accuracy(scenes, restored, waters).values())
    assert np.mean(raw) < 0.7
    assert np.mean(ours) >= 0.92
    assert min(ours) >= 0.89


def test_restored_colours_are_nearer_to_the_dry_picture() -> None:
    scene = drawn_reef(50)
    for water in WATERS[1:]:
        wet = immerse(scene.bgr, water, 1)
        assert quality.colour_error(restored(wet), scene.bgr) < 0.75 * quality.colour_error(wet, scene.bgr)


@pytest.mark.data
@pytest.mark.skipif(not U45.exists(), reason=NOT_HERE)
def test_scores_on_u45_are_above_the_raw_and_little_is_clipped() -> None:
    pictures = [np.asarray(decode(path.read_bytes()).pixels_bgr, np.uint8) for path in sorted(U45.glob("*/*.png"))]
    ours = [restored(picture) for picture in pictures]
    for score in (lambda bgr: quality.uiqm(bgr).total, quality.uciqe):
        assert np.mean([score(quality.at_512(bgr)) for bgr in ours]) > np.mean(
            [score(quality.at_512(bgr)) for bgr in pictures]
        )
    assert np.mean([quality.clipped_percent(bgr) for bgr in ours]) <= 2


def test_neutral_flat_picture_scores_nothing() -> None:
    grey = flat(120, 120, 120)
    score = quality.uiqm(grey)
    assert (score.colourfulness, score.sharpness, score.contrast) == (0, 0, 0)
    assert quality.uciqe(grey) == pytest.approx(0, abs=1e-3)
    assert quality.residual_cast(grey) == pytest.approx(0, abs=0.01)


def test_colourfulness_of_a_cast_is_the_papers_formula() -> None:
    """One colour: no variance, so UICM is -0.0268 times the distance in the opponent plane."""
    expected = -0.0268 * np.hypot(30 - 90, (30 + 90) / 2 - 200)
    assert quality.uiqm(flat(200, 90, 30)).colourfulness == pytest.approx(expected)


def test_contrast_and_edges_raise_their_parts() -> None:
    y, x = np.mgrid[0:64, 0:64]
    weak = np.dstack([(120 + 10 * np.sin(x + y * 0.7))] * 3).astype(np.uint8)
    strong = np.dstack([(120 + 80 * np.sin(x + y * 0.7))] * 3).astype(np.uint8)
    assert quality.uiqm(strong).sharpness > quality.uiqm(weak).sharpness
    assert quality.uiqm(strong).contrast > quality.uiqm(weak).contrast
    assert quality.uciqe(strong) > quality.uciqe(weak)


def test_clipping_counts_channel_values() -> None:
    assert quality.clipped_percent(flat(0, 100, 255)) == pytest.approx(200 / 3)


def test_scores_look_at_one_resolution() -> None:
    scene = drawn_reef(1)
    larger = cv2.resize(scene.bgr, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    assert quality.at_512(np.asarray(larger, np.uint8)).shape == quality.at_512(scene.bgr).shape


def test_drawn_reefs_repeat_and_hold_both_kinds() -> None:
    one, other = drawn_reef(7), drawn_reef(7)
    np.testing.assert_array_equal(one.bgr, other.bgr)
    assert isinstance(one, Scene)
    assert 0.05 < one.coral.mean() < 0.8
