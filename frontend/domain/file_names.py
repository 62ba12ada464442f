"""What a photograph's file name says: the pipeline's own reading (`reefsteps.file_names`), under the page's name."""

from __future__ import annotations

from reefsteps.file_names import NAME_EXAMPLES as PATTERN_EXAMPLES
from reefsteps.file_names import Guess, Identity, ValueSource, identify

__all__ = ["PATTERN_EXAMPLES", "Guess", "Identity", "ValueSource", "identify"]
