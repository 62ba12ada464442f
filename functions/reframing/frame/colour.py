"""What colours the frame has in this photograph, learnt from where the mask says that the frame must be.

A mask is off by several percent of the side, more than a bar is wide, so that no pixel is surely frame. But colours
that are frequent in the band where the bars may lie, and rare well inside of the quadrat and well outside of it, are
the bars' own (rulers, patches and tape included). Their log-likelihood ratio (Bayes' rule on smoothed colour
histograms; Jones and Rehg 2002 use it for skin) tells bar from seabed without knowing the frame's kind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reefsteps.arrays import Float32Array, Float64Array, IndexArray
from reframing.plane.sampling import Photograph, with_margin
from reframing.plane.view import PlaneModel

BINS = 16  # per channel
SMOOTHING_BINS = 0.9
SIZE_PX = 280
MARGIN = 0.22
SEABED_DEPTH = 0.04  # beyond the band in which the bars may lie
WIDEST_BAR = 0.12
LIMIT = 2.5


@dataclass(frozen=True)
class FrameColour:
    """The log ratio of a colour's frequency where the bars may be to that on the seabed, by colour cell."""

    table: Float32Array  # (BINS, BINS, BINS)

    @staticmethod
    def learn(photo: Photograph, model: PlaneModel, window: tuple[float, float]) -> FrameColour:
        """Learn from a rough model whose inner edge lies within ``window`` (inward positions, parts of the side)."""
        colours, inside = with_margin(photo, model, SIZE_PX, MARGIN)
        to_side = []
        for count, length in zip(inside.shape[::-1], model.extent, strict=True):
            place = (np.arange(count) + 0.5) / SIZE_PX - MARGIN
            to_side.append(np.minimum(place, length - place))
        inward = np.minimum(to_side[1][:, None], to_side[0][None])
        band = inside & (inward > window[0] - WIDEST_BAR / 2) & (inward < window[1])
        seabed = inside & ((inward > window[1] + SEABED_DEPTH) | (inward < window[0] - WIDEST_BAR))
        frequent, usual = _histogram(colours[band]), _histogram(colours[seabed])
        # A colour that neither has shown says nothing.
        floor = 0.02 / BINS**2
        ratio = np.log((frequent + floor) / (usual + floor))
        return FrameColour(np.clip(ratio, -LIMIT, LIMIT).astype(np.float32))

    def likeness(self, colours: Float32Array) -> Float32Array:
        """Return the log ratio (rows, columns) of colours (rows, columns, 3); > 0 where they look like the frame."""
        blue, green, red = np.moveaxis(_cells(colours), -1, 0)
        return np.asarray(self.table[blue, green, red])


def _cells(colours: Float32Array) -> IndexArray:
    return np.asarray(np.clip(np.sqrt(np.clip(colours, 0, 1)) * BINS, 0, BINS - 1), np.intp)


def _histogram(colours: Float32Array) -> Float64Array:
    """Return the smoothed relative frequencies of colours (N, 3), (BINS, BINS, BINS)."""
    blue, green, red = _cells(colours).T
    counts = np.bincount((blue * BINS + green) * BINS + red, minlength=BINS**3).astype(np.float64)
    apart = np.subtract.outer(np.arange(BINS), np.arange(BINS))
    kernel = np.exp(-0.5 * (apart / SMOOTHING_BINS) ** 2)
    kernel /= kernel.sum(0)
    smooth = np.einsum("ai,bj,ck,ijk->abc", kernel, kernel, kernel, counts.reshape(BINS, BINS, BINS), optimize=True)
    return np.asarray(smooth / max(smooth.sum(), 1.0))
