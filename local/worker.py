"""The process inside the Runtime Interface Emulator: AWS's own runtime client around one handler.

It differs from ``python -m awslambdaric`` in one point: it ends when the emulator is gone, even in the middle of a
handler. So a killed stack leaves nothing behind.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

_CHECK_EVERY_S = 0.5


def main() -> None:
    """Serve the handler named by the first argument until the emulator ends."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    # The repository is on the path for this module alone; a handler finds what Lambda would give it, and no more.
    repository = str(Path(__file__).resolve().parent.parent)
    sys.path[:] = [entry for entry in sys.path if entry != repository]
    # Nor does it find the project by its editable install, which setuptools makes with a finder of this name.
    sys.meta_path[:] = [f for f in sys.meta_path if not getattr(f, "__module__", "").startswith("__editable__")]
    from awslambdaric.__main__ import main as serve

    serve(sys.argv)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_CHECK_EVERY_S)
    os._exit(1)


if __name__ == "__main__":
    main()
