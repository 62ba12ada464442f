"""Every restoration method on every picture: shape and depth kept, deterministic, sane at the extremes."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reefsteps.errors import InvalidParameterError
from restoration.colour import eight_bit, from_linear, reduced, to_linear
from restoration.methods import DEFAULT_METHOD, METHODS, restore

Array = npt.NDArray[Any]


def reef(height: int = 120, width: int = 180, seed: int = 0, *, deep: bool = False) -> Array:
    """A textured scene under blue-green water: red is nearly gone and a veil lies over everything."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0.1, 0.9, (9, 12, 1)) * rng.uniform(0.75, 1.1, (9, 12, 3))
    scene = np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)
    wet = scene * [0.75, 0.65, 0.2] + [0.12, 0.14, 0.02]
    return (wet * 65535).astype(np.uint16) if deep else (wet * 255).astype(np.uint8)


def cast(bgr: Array) -> float:
    lab = cv2.cvtColor(bgr.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    return float(np.hypot(lab[..., 1].mean(), lab[..., 2].mean()))


pictures = st.builds(
    lambda height, width, seed, low, high, deep: (
        np.random.default_rng(seed)
        .integers(min(low, high), max(low, high) + 1, (height, width, 3))
        .astype(np.uint16 if deep else np.uint8)
        * (257 if deep else 1)
    ),
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(0, 2**31),
    st.integers(0, 255),
    st.integers(0, 255),
    st.booleans(),
)


@given(pictures, st.sampled_from(METHODS))
@settings(max_examples=120, deadline=None)
def test_any_picture_keeps_its_size_and_gives_the_same_result_twice(picture: Array, method: str) -> None:
    before = picture.copy()
    first, second = restore(picture, method), restore(picture, method)
    assert first.pixels_bgr.shape == picture.shape
    assert first.pixels_bgr.dtype == np.uint8
    np.testing.assert_array_equal(first.pixels_bgr, second.pixels_bgr)
    np.testing.assert_array_equal(picture, before)
    assert (first.applied, first.skipped_because) == (second.applied, second.skipped_because)
    assert not (first.applied and first.skipped_because)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (33, 47)])
def test_one_tone_stays_one_tone(method: str, dtype: Any, share: float, size: tuple[int, int]) -> None:
    picture = np.full((*size, 3), share * np.iinfo(dtype).max, dtype)
    restored = restore(picture, method)
    assert restored.pixels_bgr.shape == picture.shape
    assert np.ptp(restored.pixels_bgr.reshape(-1, 3), axis=0).max() == 0
    if method == DEFAULT_METHOD:
        assert not restored.applied
        assert "of one tone" in (restored.skipped_because or "")
        np.testing.assert_array_equal(restored.pixels_bgr, eight_bit(picture))


def test_none_changes_nothing_but_depth() -> None:
    np.testing.assert_array_equal(restore(reef(), "none").pixels_bgr, reef())
    deep = restore(reef(deep=True), "none")
    assert np.abs(deep.pixels_bgr.astype(float) - reef(deep=True) / 257).max() <= 0.5
    assert (deep.applied, deep.skipped_because) == (False, None)


def test_unknown_method_is_named_with_the_known_ones() -> None:
    with pytest.raises(InvalidParameterError, match=r"'magic', not one of planar, none, histogram, dark_channel"):
        restore(reef(), "magic")


def test_default_takes_the_cast_away() -> None:
    restored = restore(reef())
    assert restored.applied
    assert cast(reef()) > 20
    assert cast(restored.pixels_bgr) < 10


def test_default_clips_little() -> None:
    pixels = restore(reef()).pixels_bgr
    assert np.mean((pixels == 0) | (pixels == 255)) < 0.02


@pytest.mark.parametrize("method", METHODS)
def test_no_pixel_moves(method: str) -> None:
    """A bright square stays where it is, to the pixel."""
    picture = reef()
    picture[40:60, 70:100] = (200, 210, 120)
    edge = np.abs(np.diff(cv2.cvtColor(restore(picture, method).pixels_bgr, cv2.COLOR_BGR2GRAY).astype(int), axis=1))
    assert edge[45:55, 69].min() > edge[45:55, 72:98].max()
    assert edge[45:55, 99].min() > edge[45:55, 72:98].max()


def test_histogram_method_is_equalisation_of_each_channel() -> None:
    restored = restore(reef(), "histogram").pixels_bgr
    for channel in range(3):
        np.testing.assert_array_equal(restored[..., channel], cv2.equalizeHist(reef()[..., channel].copy()))


def test_dark_channel_removes_a_uniform_veil() -> None:
    rng = np.random.default_rng(3)
    scene = cv2.resize(rng.uniform(0, 1, (30, 40, 3)), (160, 120), interpolation=cv2.INTER_NEAREST)
    scene[cv2.resize(rng.uniform(size=(30, 40)), (160, 120), interpolation=cv2.INTER_NEAREST) < 0.4] = 0.02
    scene[:12] = 1.0  # open water, as bright as the veil
    hazy = scene * 0.5 + np.array([0.8, 0.75, 0.6]) * 0.5
    restored = restore((hazy * 255).astype(np.uint8), "dark_channel").pixels_bgr / 255
    assert restored[20:].std() > 1.3 * hazy[20:].std()
    assert restored[20:].min(axis=2).mean() < hazy[20:].min(axis=2).mean() - 0.1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_srgb_curve_and_its_inverse(values: list[float]) -> None:
    there = to_linear(np.array(values))
    np.testing.assert_allclose(from_linear(there), values, atol=1e-4)
    assert ((there >= 0) & (there <= 1)).all()


@given(st.integers(1, 3000), st.integers(1, 3000))
@settings(max_examples=30, deadline=None)
def test_estimation_never_sees_more_than_its_limit(height: int, width: int) -> None:
    small = reduced(np.zeros((height, width, 3), np.uint8))
    assert small.shape[0] * small.shape[1] <= max(400_000, min(height, width) and max(small.shape[:2]))
    assert small.dtype == np.float32
