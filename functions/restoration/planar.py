"""The default method: a colour model for a plane at one distance, then local contrast (CLAHE).

A quadrat is photographed from above, so all of it is about equally far from the camera. Then underwater image formation
(Akkaynak and Treibitz, CVPR 2018) is one affine map per channel in linear light: seen = scene x gain + veil.

* veil: the first percentile of each channel (dark object subtraction; Chavez, Remote Sens. Environ. 24, 1988);
* gains: Shades of Gray with Minkowski norm 6 (Finlayson and Trezzi, CIC 2004), bounded. Before it, red that the water
  has absorbed is filled in from green (Ancuti et al., IEEE Trans. Image Process. 27(1), 2018, eq. 4), and so is blue in
  green water;
* lightness: stretched between its 0.2 and 99.8 percentiles, with a soft shoulder in place of clipping;
* local contrast: CLAHE (Zuiderveld, Graphics Gems IV, 1994) on luma, chroma kept.

Everything is estimated on at most 0.4 megapixels. The colour map changes each channel by its own value, and red and
blue also by that of green. So tables of 256 or 256 x 256 entries apply it exactly to the full picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reefsteps.arrays import ByteArray, Float64Array, Pixels
from restoration.colour import LUMA_BGR, STRIP_ROWS, from_linear, reduced, to_linear

_BLUE, _GREEN, _RED = 0, 1, 2

_DARK_PERCENTILE = 1.0
_MINKOWSKI_NORM = 6
_MAX_GAIN = 3.5
_OVEREXPOSED = 0.98
_GREEN_WATER_BLUE_SHARE = 0.7  # below this blue is filled in from green as well
_STRETCH_PERCENTILES = (0.2, 99.8)
_MIN_SPAN = 0.2  # at most five-fold contrast: more would amplify noise and JPEG blocks
_SHOULDER = 0.9
_CLAHE_CLIP = 1.5
_CLAHE_TILES = 8


@dataclass(frozen=True)
class PlanarModel:
    """Colour of one photograph's water; channels in the order blue, green, red."""

    veil: tuple[float, float, float]  # linear light
    fill: tuple[float, float, float]  # how much green is lent to a channel, 0 to 1
    gains: tuple[float, float, float]
    low: float  # lightness that becomes black, before the stretch
    high: float  # lightness that becomes white


def estimate(pixels_bgr: Pixels) -> PlanarModel:
    """Estimate the model of a photograph (HxWx3, 8 or 16 bit); the same picture always gives the same model."""
    values = reduced(pixels_bgr).reshape(-1, 3).astype(np.float64)
    veil = np.percentile(to_linear(values), _DARK_PERCENTILE, axis=0)
    clear = _without_veil(values, veil)
    fill = _fill(clear.mean(axis=0))
    filled = _filled(clear, fill)
    gains = _shades_of_gray(filled)
    low, high = np.percentile((filled * gains) @ LUMA_BGR, _STRETCH_PERCENTILES)
    if high - low < _MIN_SPAN:
        low, high = (low + high - _MIN_SPAN) / 2, (low + high + _MIN_SPAN) / 2
    return PlanarModel(_triple(veil), _triple(fill), _triple(gains), float(low), float(high))


def apply(model: PlanarModel, pixels_bgr: Pixels) -> ByteArray:
    """Return the photograph seen without its water: HxWx3 ``uint8``, from 8 or 16 bits."""
    restored = np.empty(pixels_bgr.shape, np.uint8)
    tables = [_table(model, channel) for channel in range(3)]
    map_strip = _map_8bit if pixels_bgr.dtype == np.uint8 else _map_16bit
    for top in range(0, pixels_bgr.shape[0], STRIP_ROWS):
        map_strip(tables, pixels_bgr[top : top + STRIP_ROWS], restored[top : top + STRIP_ROWS])
    _equalise_luma(restored)
    return restored


def _without_veil(values: Float64Array, veil: Float64Array) -> Float64Array:
    return from_linear(np.maximum(to_linear(values) - veil, 0.0) / np.maximum(1.0 - veil, 1e-6))


def _fill(means: Float64Array) -> Float64Array:
    fill = np.zeros(3)
    fill[_RED] = max(means[_GREEN] - means[_RED], 0.0)
    if means[_BLUE] < _GREEN_WATER_BLUE_SHARE * means[_GREEN]:
        fill[_BLUE] = means[_GREEN] - means[_BLUE]
    return fill


def _filled(values: Float64Array, fill: Float64Array) -> Float64Array:
    return values + fill * (1.0 - values) * values[..., _GREEN : _GREEN + 1]


def _shades_of_gray(values: Float64Array) -> Float64Array:
    exposed = values[values.max(axis=1) < _OVEREXPOSED]
    seen = exposed if len(exposed) > 100 else values
    strength = (seen**_MINKOWSKI_NORM).mean(axis=0) ** (1 / _MINKOWSKI_NORM)
    if strength.max() < 1e-4:
        return np.ones(3)
    gains: Float64Array = np.clip(strength.mean() / np.maximum(strength, 1e-4), 1 / _MAX_GAIN, _MAX_GAIN)
    return gains


def _triple(values: Float64Array) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def _table(model: PlanarModel, channel: int) -> ByteArray:
    """Return the channel's new values: shape (256,) by its own value, or (256, 256) by green's and its own."""
    levels = np.arange(256) / 255
    clear = [_without_veil(levels, np.asarray(model.veil[index])) for index in range(3)]
    fill = model.fill[channel]
    values = clear[channel]
    if fill > 0:
        values = values + fill * (1.0 - values) * clear[_GREEN][:, None]
    stretched = (values * model.gains[channel] - model.low) / (model.high - model.low)
    room = 1.0 - _SHOULDER
    rolled = _SHOULDER + room * (1.0 - np.exp(-np.maximum(stretched - _SHOULDER, 0.0) / room))
    bounded = np.where(stretched > _SHOULDER, rolled, np.maximum(stretched, 0.0))
    return (bounded * 255 + 0.5).astype(np.uint8)


def _map_8bit(tables: list[ByteArray], strip: Pixels, out: ByteArray) -> None:
    channels = cv2.split(strip)
    mapped = []
    for channel, table in zip(channels, tables, strict=True):
        if table.ndim == 1:
            mapped.append(cv2.LUT(channel, table))
        else:
            pairs = cv2.merge((channel, channels[_GREEN])).view(np.dtype("<u2"))[..., 0]
            mapped.append(np.take(table.ravel(), pairs))
    cv2.merge(mapped, out)


def _map_16bit(tables: list[ByteArray], strip: Pixels, out: ByteArray) -> None:
    """Read between the tables' entries (bilinear, to 1/32 of an 8-bit step), so that 16 bits leave no bands."""
    channels = [np.float32(1 / 257) * channel for channel in cv2.split(strip)]
    mapped = []
    for channel, table in zip(channels, tables, strict=True):
        rows = np.zeros_like(channel) if table.ndim == 1 else channels[_GREEN]
        plane = np.atleast_2d(table)
        mapped.append(cv2.remap(plane, channel, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    cv2.merge(mapped, out)


def _equalise_luma(pixels_bgr: ByteArray) -> None:
    """CLAHE on luma in place; Cr and Cb are kept."""
    luma = cv2.cvtColor(pixels_bgr, cv2.COLOR_BGR2GRAY)
    luma = cv2.createCLAHE(_CLAHE_CLIP, (_CLAHE_TILES, _CLAHE_TILES)).apply(luma)
    for top in range(0, pixels_bgr.shape[0], STRIP_ROWS):
        strip = pixels_bgr[top : top + STRIP_ROWS]
        ycrcb = cv2.cvtColor(strip, cv2.COLOR_BGR2YCrCb)
        cv2.insertChannel(luma[top : top + STRIP_ROWS], ycrcb, 0)
        cv2.cvtColor(ycrcb, cv2.COLOR_YCrCb2BGR, dst=strip)
