"""Units and sources of the limits; `reframing.limits` says what they mean."""

from __future__ import annotations

SEEDS = "set on drawn photographs, seeds 0 to 499"
RUN_TIME = "a compromise between accuracy and run time"
CONVENTION = "a convention"
FINITE = "keeps a division or a logarithm finite"
FRAMES = "frames as they are built"
DEFINITION = "definition"

SIDE = "share of the side"
CELL = "share of a cell of the string grid"
LENGTH = "share of a side's own length, from its start"
SLOPE = "share of the side, from a side's start to its end"
COLOUR = "step of linear colour, 0 to 1"
PX = "pixel"
COUNT = "count"
RATIO = "ratio"
SCORE = "score of a hypothesis"
PERCENT = "percent of the side"
DEGREE = "degree"
HALF_DIAGONAL = "half diagonal of the picture"

Pair = tuple[float, float]
