"""No-reference scores of underwater pictures, by their papers' definitions.

UIQM: Panetta, Gao, Agaian, "Human-visual-system-inspired underwater image quality measures", IEEE J. Oceanic Eng.
41(3), 2016. UCIQE: Yang, Sowmya, "An underwater color image quality evaluation metric", IEEE Trans. Image Process.
24(12), 2015.

Known pitfalls, which is why figures of different programs must never be put in one column:

* UIQM rewards saturation and edges, so over-enhancement scores high. Copies in circulation differ in the contrast term
  (PLIP or plain, on grey or per channel) and in block size (8 or 10). They also differ in the Sobel map's scale and in
  a weight (0.144 for 0.114).
* UCIQE needs chroma, lightness and saturation on one scale, which the paper does not state; here all are divided by
  100. A widely copied program leaves the +128 offset in 8-bit a and b and replaces the standard deviation.
* Block measures depend on resolution: pictures are scaled to a longer side of 512 px first.

Neither predicts what a segmentation model makes of a picture: see separability.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Bgr = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float64]

_LUMA_BGR = (0.114, 0.587, 0.299)
_PLIP_MAX = 1026.0  # Panetta 2016: mu = M(g) = gamma = k = 1026


@dataclass(frozen=True)
class Uiqm:
    """UIQM and its three parts: 0.0282 UICM + 0.2953 UISM + 3.5753 UIConM."""

    colourfulness: float
    sharpness: float
    contrast: float

    @property
    def total(self) -> float:
        """Return the weighted sum, with the paper's weights."""
        return 0.0282 * self.colourfulness + 0.2953 * self.sharpness + 3.5753 * self.contrast


def at_512(bgr: Bgr) -> Bgr:
    """Return the picture with a longer side of 512 px."""
    height, width = bgr.shape[:2]
    scale = 512 / max(height, width)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    return np.asarray(cv2.resize(bgr, size, interpolation=interpolation), np.uint8)


def uiqm(bgr: Bgr) -> Uiqm:
    """Return the underwater image quality measure; expects at least 8 x 8 px."""
    return Uiqm(_uicm(bgr), _uism(bgr), _uiconm(bgr))


def uciqe(bgr: Bgr) -> float:
    """Return 0.4680 std(chroma) + 0.2745 contrast of lightness (99th - 1st percentile) + 0.2576 mean saturation."""
    lightness, a, b = (plane / 100 for plane in cv2.split(_lab(bgr)))
    chroma = np.hypot(a, b)
    low, high = np.percentile(lightness, [1, 99])
    saturation = chroma / np.sqrt(chroma**2 + lightness**2 + 1e-10)
    return float(0.4680 * chroma.std() + 0.2745 * (high - low) + 0.2576 * saturation.mean())


def residual_cast(bgr: Bgr) -> float:
    """Return the distance of the mean colour from neutral, in units of CIELAB a and b."""
    _, a, b = cv2.split(_lab(bgr))
    return float(np.hypot(a.mean(), b.mean()))


def clipped_percent(bgr: Bgr) -> float:
    """Return the percentage of channel values at 0 or 255."""
    return float(100 * np.mean((bgr == 0) | (bgr == 255)))


def colour_error(bgr: Bgr, reference: Bgr) -> float:
    """Return the mean CIE76 distance between two pictures of one scene after matching their mean lightness."""
    ours, theirs = _lab(bgr), _lab(reference)
    ours[..., 0] += theirs[..., 0].mean() - ours[..., 0].mean()
    return float(np.linalg.norm(ours - theirs, axis=2).mean())


def _lab(bgr: Bgr) -> npt.NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(bgr.astype(np.float32) / 255, cv2.COLOR_BGR2LAB), np.float32)


def _uicm(bgr: Bgr) -> float:
    blue, green, red = (plane.astype(np.float64) for plane in cv2.split(bgr))
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    means = [_trimmed_mean(plane) for plane in (red_green, yellow_blue)]
    variances = [((plane - mean) ** 2).mean() for plane, mean in zip((red_green, yellow_blue), means, strict=True)]
    return float(-0.0268 * np.hypot(means[0], means[1]) + 0.1586 * np.sqrt(sum(variances)))


def _trimmed_mean(plane: Plane, share: float = 0.1) -> float:
    ordered = np.sort(plane.ravel())
    return float(ordered[int(np.ceil(share * ordered.size)) : ordered.size - int(share * ordered.size)].mean())


def _uism(bgr: Bgr) -> float:
    total = 0.0
    for plane, weight in zip(cv2.split(bgr), _LUMA_BGR, strict=True):
        values = plane.astype(np.float64)
        gradient = cv2.magnitude(cv2.Sobel(values, cv2.CV_64F, 1, 0), cv2.Sobel(values, cv2.CV_64F, 0, 1))
        edges = gradient / (4 * np.sqrt(2)) * values  # a full step has a gradient of 255
        low, high = _block_extremes(edges)
        seen = (low > 0) & (high > 0)
        ratio = np.zeros_like(low)
        ratio[seen] = np.log(high[seen] / low[seen])
        total += weight * 2 * float(ratio.mean())
    return total


def _uiconm(bgr: Bgr) -> float:
    low, high = _block_extremes(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY).astype(np.float64))
    above = _PLIP_MAX * (high - low) / (_PLIP_MAX - low)
    below = high + low - high * low / _PLIP_MAX
    seen = (above > 0) & (below > 0)
    terms = np.zeros_like(low)
    terms[seen] = above[seen] / below[seen] * np.log(above[seen] / below[seen])
    return float(-terms.mean())


def _block_extremes(plane: Plane, side: int = 8) -> tuple[Plane, Plane]:
    height, width = (size // side * side for size in plane.shape)
    blocks = plane[:height, :width].reshape(height // side, side, width // side, side)
    return blocks.min(axis=(1, 3)), blocks.max(axis=(1, 3))
