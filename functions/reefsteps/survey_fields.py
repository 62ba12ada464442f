"""What people know of a quadrat's photograph beside its name: site, depth, date and more, all optional.

The exports fill their templates from these fields; nothing is measured with them.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass

from reefsteps.errors import InvalidParameterError

LONGEST_TEXT = 120  # characters: site, transect, observer


@dataclass(frozen=True)
class SurveyFields:
    """Optional facts of one quadrat in one year; None where nobody has said."""

    site: str | None = None
    depth_m: float | None = None
    event_date: str | None = None  # ISO 8601 date, local to the reef
    transect: str | None = None
    latitude: float | None = None  # decimal degrees, WGS 84, north positive
    longitude: float | None = None  # decimal degrees, WGS 84, east positive
    observer: str | None = None

    def __post_init__(self) -> None:
        """Check every field; raises InvalidParameterError that names the field and what is accepted."""
        for name in ("site", "transect", "observer"):
            text = getattr(self, name)
            if text is not None and not 1 <= len(text) <= LONGEST_TEXT:
                raise InvalidParameterError(f"{name} has {len(text)} characters, not 1 to {LONGEST_TEXT}.")
        for name, lowest, highest in (("depth_m", 0, 200), ("latitude", -90, 90), ("longitude", -180, 180)):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and lowest <= value <= highest):
                raise InvalidParameterError(f"{name} is {value:g}, not a number from {lowest} to {highest}.")
        if self.event_date is not None:
            try:
                datetime.date.fromisoformat(self.event_date)
            except ValueError:
                raise InvalidParameterError(
                    f"event_date is '{self.event_date}', not a date such as 2012-05-31."
                ) from None
