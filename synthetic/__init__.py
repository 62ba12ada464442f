"""Synthetic quadrat photographs with exact truth: frame corners, frame bars, coral instances, percent cover.

``generate(seed, config)`` draws one photograph. The same seed and config always give the same photograph (on one
version of numpy and OpenCV). Used for the demo models, tests, benchmarks and ``make demo``; needs numpy and OpenCV.

What the demo frame model learns from it is the OPENING: the whole area inside the frame's inner edge, filled
(``SyntheticPhoto.opening_mask``), not the bars. A mask head has 28 x 28 cells, in which bars of 2 to 6 % of the side
are one cell wide or less. The edge of a filled region is interpolated between cells. An operator's model may be
trained on the bars instead (a ring); ``SyntheticPhoto.frame_mask`` is that target, and reframing takes both.

Pixel coordinates have their origin at the outer corner of the top-left pixel. Plane coordinates ("sides") have the
frame's inner edge as the unit square, y down.
"""

from synthetic.config import FRAME_KINDS, FRAMINGS, STRING_KINDS, WATERS, PhotoConfig
from synthetic.photo import SyntheticPhoto, generate

__all__ = ["FRAME_KINDS", "FRAMINGS", "STRING_KINDS", "WATERS", "PhotoConfig", "SyntheticPhoto", "generate"]
