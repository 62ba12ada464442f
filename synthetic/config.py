"""What a synthetic photograph may look like."""

from __future__ import annotations

from dataclasses import dataclass

FRAME_KINDS = ("aluminium", "pvc", "patches", "rulers", "painted", "none")
STRING_KINDS = ("grid10", "grid5", "grid4", "diagonals", "none")
FRAMINGS = ("inside", "tight", "cut")
WATERS = ("clear", "green", "blue", "deep")


@dataclass(frozen=True)
class PhotoConfig:
    """Choices for one photograph; fields that are None are drawn from the seed.

    ``framing``: "inside" (whole frame in the picture), "tight" (bars leave the picture, the opening does not) or "cut"
    (a part of the opening is outside too). ``occlusion``: 0 for nothing over the frame, 1 for hands, corals, tape and
    fish over it. ``side_px`` of the opening follows from size and framing. ``distortion`` is the largest radial term.
    ``opening_cm`` are the opening's width and height as it lies in a photograph without roll; None for the usual square
    of the frame's kind. A grid then has as many cells along the shorter side as its name says, and cells as square as
    they can be.
    """

    width_px: int = 1200
    height_px: int = 800
    frame: str | None = None
    strings: str | None = None
    framing: str | None = None
    water: str | None = None
    occlusion: float | None = None
    max_roll_deg: float = 45.0
    max_tilt_deg: float = 16.0
    distortion: float = 0.04
    cover_percent: tuple[float, float] = (0.0, 80.0)
    blur_px: tuple[float, float] = (0.4, 1.6)
    jpeg_quality: tuple[int, int] = (80, 95)
    seabed_max_px: int = 1600  # longest side at which the seabed is painted before it is enlarged
    opening_cm: tuple[float, float] | None = None

    @property
    def extent(self) -> tuple[float, float]:
        """The opening's width and height in plane units, of which their mean is 1."""
        if self.opening_cm is None:
            return (1.0, 1.0)
        mean_cm = sum(self.opening_cm) / 2
        return self.opening_cm[0] / mean_cm, self.opening_cm[1] / mean_cm

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("frame", self.frame, FRAME_KINDS),
            ("strings", self.strings, STRING_KINDS),
            ("framing", self.framing, FRAMINGS),
            ("water", self.water, WATERS),
        ):
            if value is not None and value not in allowed:
                raise ValueError(f"{name} is {value!r}; choose one of {', '.join(allowed)}.")
        if min(self.width_px, self.height_px) < 64 or self.width_px * self.height_px > 60_000_000:
            raise ValueError("A photograph is at least 64 pixels high and wide and has at most 60 megapixels.")
