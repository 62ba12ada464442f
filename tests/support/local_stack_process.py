"""Runs one local stack for a test: ``python local_stack_process.py '<json of StackOptions>'``."""

import json
import sys
from pathlib import Path
from typing import Any

from local.stack import StackOptions, serve

_PATHS = {"state", "template", "definitions", "models"}

if __name__ == "__main__":
    given: dict[str, Any] = {
        name: Path(value) if name in _PATHS and value is not None else value
        for name, value in json.loads(sys.argv[1]).items()
    }
    serve(StackOptions(**given))
