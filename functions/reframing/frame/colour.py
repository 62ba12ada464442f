"""The frame's colours in this photograph, learnt from where the mask says that the frame must be.

A mask errs by several percent of the side, more than a bar is wide, so no pixel is certainly frame. But some colours
are frequent in the band where the bars may lie, and rare well inside and outside of it. Those are the colours of the
bars, rulers, patches and tape included. Their log-likelihood ratio tells bar from seabed for any kind of frame (Bayes'
rule on smoothed colour histograms; Jones and Rehg 2002 use it for skin).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reefsteps.arrays import Float32Array, Float64Array, IndexArray
from reframing.limits.frame import COLOUR_MODEL as LIMITS
from reframing.plane.sampling import ImagePyramid, with_margin
from reframing.plane.view import PlaneModel


@dataclass(frozen=True)
class FrameColour:
    """How much more frequent each colour is where the bars may be than on the seabed (natural logarithm)."""

    table: Float32Array  # (LIMITS.bins, LIMITS.bins, LIMITS.bins)

    @staticmethod
    def learn(photo: ImagePyramid, model: PlaneModel, window: tuple[float, float]) -> FrameColour:
        """Learn from a rough model whose inner edge lies within ``window`` (inward positions, parts of the side)."""
        colours, inside = with_margin(photo, model, LIMITS.size_px, LIMITS.margin)
        to_side = []
        for count, length in zip(inside.shape[::-1], model.extent, strict=True):
            place = (np.arange(count) + 0.5) / LIMITS.size_px - LIMITS.margin
            to_side.append(np.minimum(place, length - place))
        inward = np.minimum(to_side[1][:, None], to_side[0][None])
        band = inside & (inward > window[0] - LIMITS.widest_bar / 2) & (inward < window[1])
        seabed = inside & ((inward > window[1] + LIMITS.seabed_from) | (inward < window[0] - LIMITS.widest_bar))
        frequent, usual = _histogram(colours[band]), _histogram(colours[seabed])
        # A colour that appears in neither region gets a ratio of 1.
        floor = LIMITS.unseen_frequency / LIMITS.bins**2
        ratio = np.log((frequent + floor) / (usual + floor))
        return FrameColour(np.clip(ratio, -LIMITS.max_log_ratio, LIMITS.max_log_ratio).astype(np.float32))

    def log_ratio(self, colours: Float32Array) -> Float32Array:
        """Return the log ratio (rows, columns) of colours (rows, columns, 3); > 0 where they look like the frame."""
        blue, green, red = np.moveaxis(_cells(colours), -1, 0)
        return np.asarray(self.table[blue, green, red])


def _cells(colours: Float32Array) -> IndexArray:
    return np.asarray(np.clip(np.sqrt(np.clip(colours, 0, 1)) * LIMITS.bins, 0, LIMITS.bins - 1), np.intp)


def _histogram(colours: Float32Array) -> Float64Array:
    """Return the smoothed relative frequencies of colours (N, 3), (LIMITS.bins, LIMITS.bins, LIMITS.bins)."""
    blue, green, red = _cells(colours).T
    counts = np.bincount((blue * LIMITS.bins + green) * LIMITS.bins + red, minlength=LIMITS.bins**3).astype(np.float64)
    apart = np.subtract.outer(np.arange(LIMITS.bins), np.arange(LIMITS.bins))
    kernel = np.exp(-0.5 * (apart / LIMITS.smoothing_bins) ** 2)
    kernel /= kernel.sum(0)
    smooth = np.einsum(
        "ai,bj,ck,ijk->abc",
        kernel,
        kernel,
        kernel,
        counts.reshape(LIMITS.bins, LIMITS.bins, LIMITS.bins),
        optimize=True,
    )
    return np.asarray(smooth / max(smooth.sum(), 1.0))
