"""Where the real photographs lie that some tests and benchmarks use; they are in no repository."""

from __future__ import annotations

import os
from pathlib import Path

REAL_DATA = Path(os.environ.get("REEFSTEPS_REAL_DATA") or Path(__file__).resolve().parents[3] / "shared/data")
NOT_HERE = "The real photographs are not here: name their folder in REEFSTEPS_REAL_DATA."
