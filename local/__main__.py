"""``python -m local``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "functions"))

from local.cli import main

if __name__ == "__main__":
    sys.exit(main())
