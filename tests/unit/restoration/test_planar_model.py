"""The default method's model: what it recovers, its tables against plain arithmetic, and when it stays away."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restoration import planar
from restoration.colour import from_linear, to_linear
from restoration.methods import restore
from restoration.need import reason_to_skip

models = st.builds(
    lambda veil, fill, gains, low, span: planar.PlanarModel(veil, fill, gains, low, low + span),
    st.tuples(*[st.floats(0, 0.2)] * 3),
    st.tuples(st.floats(0, 0.6), st.just(0.0), st.floats(0, 0.6)),
    st.tuples(*[st.floats(0.3, 3.5)] * 3),
    st.floats(0, 0.3),
    st.floats(0.2, 1.0),
)


def formula(model: planar.PlanarModel, encoded_bgr: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The colour map as the module's docstring states it, pixel by pixel, before local contrast."""
    veil = np.array(model.veil)
    clear = from_linear(np.maximum(to_linear(encoded_bgr) - veil, 0) / (1 - veil))
    filled = clear + np.array(model.fill) * (1 - clear) * clear[..., 1:2]
    stretched = (filled * model.gains - model.low) / (model.high - model.low)
    shoulder = 0.9 + 0.1 * (1 - np.exp(-(stretched - 0.9) / 0.1))
    return 255 * np.clip(np.where(stretched > 0.9, shoulder, stretched), 0, 1)


def mapped(model: planar.PlanarModel, pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planar, "_equalise_luma", lambda _pixels: None)
        return planar.apply(model, pixels)


@given(models, st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_tables_are_the_formula(model: planar.PlanarModel, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (300, 7, 3)).astype(np.uint8)
    expected = formula(model, pixels / 255)
    assert np.abs(mapped(model, pixels) - expected).max() <= 0.51


@given(models, st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_sixteen_bits_agree_with_eight(model: planar.PlanarModel, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 30, 3)).astype(np.uint8)
    deep = pixels.astype(np.uint16) * 257
    assert np.abs(mapped(model, deep).astype(int) - mapped(model, pixels).astype(int)).max() <= 1


@given(models, st.integers(0, 255), st.integers(0, 255))
@settings(max_examples=40, deadline=None)
def test_brighter_never_becomes_darker(model: planar.PlanarModel, green: int, other: int) -> None:
    for channel in range(3):
        ramp = np.full((1, 256, 3), other, np.uint8)
        ramp[..., 1] = green
        ramp[..., channel] = np.arange(256)
        assert (np.diff(mapped(model, ramp)[0, :, channel].astype(int)) >= 0).all()


def test_sixteen_bits_leave_no_bands() -> None:
    """A dark ramp that fills 8 levels of an 8-bit picture becomes a smooth one from 16 bits."""
    ramp = np.repeat(np.linspace(1000, 3000, 400).astype(np.uint16)[None, :, None], 3, axis=2)
    ramp = np.repeat(ramp, 4, axis=0)
    model = planar.PlanarModel((0.0, 0.0, 0.0), (0.0, 0.0, 0.2), (1.0, 1.0, 3.0), 0.0, 0.2)
    shallow = (ramp // 257).astype(np.uint8)
    for channel in range(3):
        assert len(np.unique(mapped(model, ramp)[..., channel])) > 3 * len(
            np.unique(mapped(model, shallow)[..., channel])
        )


def wet(seed: int, gains: tuple[float, float, float], veil: float) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    patches = rng.uniform(0.0, 0.9, (40, 60, 1)) * rng.uniform(0.75, 1.1, (40, 60, 3))
    scene = np.asarray(cv2.resize(patches, (600, 400), interpolation=cv2.INTER_NEAREST), np.float64)
    return (255 * from_linear(to_linear(scene) * gains * (1 - veil) + veil) + 0.5).astype(np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_veil_is_found(seed: int) -> None:
    model = planar.estimate(wet(seed, (1.0, 1.0, 1.0), 0.1))
    np.testing.assert_allclose(model.veil, 0.1, atol=0.01)


@pytest.mark.parametrize("lost", [0.5, 0.2])
def test_lost_red_is_filled_in_and_raised(lost: float) -> None:
    model = planar.estimate(wet(1, (1.0, 1.0, lost), 0.02))
    assert model.fill[2] > 0
    assert model.fill[1] == 0
    assert model.gains[2] > model.gains[1]
    assert max(model.gains) <= 3.5


def test_blue_is_filled_in_in_green_water_only() -> None:
    assert planar.estimate(wet(1, (0.2, 1.0, 0.2), 0.02)).fill[0] > 0
    assert planar.estimate(wet(1, (1.0, 1.0, 0.2), 0.02)).fill[0] == 0


def test_model_does_not_depend_on_resolution() -> None:
    large = wet(2, (0.8, 0.9, 0.4), 0.05)
    twice = large.repeat(2, axis=0).repeat(2, axis=1)
    one, other = planar.estimate(large), planar.estimate(twice)
    np.testing.assert_allclose(one.gains, other.gains, rtol=0.02)
    np.testing.assert_allclose(one.veil, other.veil, atol=0.01)


def test_restored_photograph_is_left_alone_the_second_time() -> None:
    first = restore(wet(4, (0.9, 0.8, 0.25), 0.06))
    assert first.applied
    second = restore(first.pixels_bgr)
    assert not second.applied
    assert "already neutral and contrasty" in (second.skipped_because or "")
    np.testing.assert_array_equal(second.pixels_bgr, first.pixels_bgr)


@pytest.mark.parametrize(
    ("gains", "veil"), [((1.0, 1.0, 0.3), 0.0), ((0.4, 1.0, 0.4), 0.0), ((1.0, 1.0, 1.0), 0.25), ((0.3, 0.3, 0.3), 0.0)]
)
def test_cast_veil_and_darkness_are_reasons_to_restore(gains: tuple[float, float, float], veil: float) -> None:
    assert reason_to_skip(wet(5, gains, veil)) is None


def test_overexposed_pixels_do_not_hide_a_cast() -> None:
    picture = wet(6, (1.0, 1.0, 0.3), 0.0)
    picture[:, :300] = 255
    assert reason_to_skip(picture) is None
