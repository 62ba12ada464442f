"""How large the inside of a quadrat's frame is: a square or a rectangle, as people type it.

In object metadata and execution inputs a size is one text, ``100`` for a square and ``50x75`` for a rectangle. Which
length of a rectangle lies along the top of a photograph depends on how the camera was held. So a size has no order:
`short_cm` and `long_cm`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Self

from reefsteps.errors import InvalidParameterError

SHORTEST_CM = 1.0
LONGEST_CM = 10_000.0
RANGE = f"{SHORTEST_CM:g} to {LONGEST_CM:g} cm"

_LENGTH = r"(\d{1,9}(?:[.,]\d{1,9})?)"
_SIZE = re.compile(rf"{_LENGTH}(?:\s*[x×*]\s*{_LENGTH})?\s*(?:cm)?", re.IGNORECASE)


@dataclass(frozen=True)
class QuadratSize:
    """The lengths of a frame's inner sides in cm, the shorter one first; equal for a square."""

    short_cm: float
    long_cm: float

    def __post_init__(self) -> None:
        """Put the lengths in order; raises InvalidParameterError outside 1 to 10000 cm."""
        for length_cm in (self.short_cm, self.long_cm):
            if not (math.isfinite(length_cm) and SHORTEST_CM <= length_cm <= LONGEST_CM):
                raise InvalidParameterError(f"A quadrat's side of {length_cm:g} cm is outside {RANGE}.")
        if self.short_cm > self.long_cm:
            short_cm, long_cm = self.long_cm, self.short_cm
            object.__setattr__(self, "short_cm", short_cm)
            object.__setattr__(self, "long_cm", long_cm)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the size that a person typed: ``100``, ``70,7``, ``50 x 75``, ``50x75 cm``.

        Raises:
            InvalidParameterError: the text is no length or pair of lengths from 1 to 10000 cm.
        """
        match = _SIZE.fullmatch(text.strip())
        if match is None:
            raise InvalidParameterError(
                f"'{text}' is no quadrat's size: type a length from {RANGE}, or two as in 50 x 75."
            )
        lengths_cm = [float(length.replace(",", ".")) for length in match.groups() if length is not None]
        return cls(lengths_cm[0], lengths_cm[-1])

    @classmethod
    def of(cls, side_cm: float, height_cm: float | None) -> Self:
        """Return the size that records keep as two lengths, the second None for a square."""
        return cls(side_cm, side_cm if height_cm is None else height_cm)

    @property
    def is_square(self) -> bool:
        """Whether both sides have one length."""
        return self.short_cm == self.long_cm

    @property
    def area_cm2(self) -> float:
        """The area inside the frame."""
        return self.short_cm * self.long_cm

    @property
    def words(self) -> str:
        """The size as people read it: ``100 cm``, ``50 x 75 cm``."""
        return f"{self.short_cm:.10g} cm" if self.is_square else f"{self.short_cm:.10g} x {self.long_cm:.10g} cm"

    def __str__(self) -> str:
        """Return the stored text, which `parse` reads back."""
        return f"{self.short_cm:.10g}" if self.is_square else f"{self.short_cm:.10g}x{self.long_cm:.10g}"
