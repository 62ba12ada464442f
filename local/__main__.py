"""``python -m local``."""

import sys

try:
    from local.cli import main
except ModuleNotFoundError as missing:
    # The system's interpreter has none of the packages; a traceback would not say which one has.
    sys.exit(
        f"{sys.executable} has no package {missing.name!r}. Use the project's environment: `make up`, `make demo`, or "
        "`.venv/bin/python -m local ...` (`make .venv/.local` installs it)."
    )

if __name__ == "__main__":
    sys.exit(main())
