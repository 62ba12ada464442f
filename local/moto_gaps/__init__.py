"""The repairs of what moto's server lacks for ReefSteps (docs/explanation/local-stack.md has the reasons).

Every module here replaces a named function of moto 5.2.5. ``install_all`` checks the version, and that each replaced
name still exists. So an update of moto fails at start and not in the middle of a run.
"""

from __future__ import annotations

from local.journal import Journal
from local.moto_gaps import events, jsonata, speed, stepfunctions

SUPPORTED_MOTO = "5.2.5"


class MotoChangedError(RuntimeError):
    """moto is not the version that the local stack was written against."""


def install_all(journal: Journal) -> None:
    """Replace moto's functions in this process; executions are written to ``journal``.

    Raises:
        MotoChangedError: another version of moto, or a name that is gone.
    """
    import moto

    if moto.__version__ != SUPPORTED_MOTO:
        raise MotoChangedError(
            f"moto {moto.__version__} is installed, but the local stack closes gaps of moto {SUPPORTED_MOTO}. "
            "Install requirements/local.txt, or read local/moto_gaps against the new version."
        )
    try:
        jsonata.install()
        events.install()
        stepfunctions.install(journal)
        speed.install()
    except (AttributeError, ImportError) as error:
        raise MotoChangedError(f"moto {moto.__version__} lacks what local/moto_gaps replaces: {error}") from error
