"""What every test needs: processes that a test starts import this checkout, whichever one is installed."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT / "functions"), str(ROOT)])
