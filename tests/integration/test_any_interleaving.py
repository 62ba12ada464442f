"""Whatever the order in which uploads, re-runs, corrections and deletions meet: rows and pictures belong together."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import pytest

from reefsteps.database import Database
from tests.integration.interleaving.world import World, emptied, loaded_steps
from tests.support.handlers import ENVIRONMENT

SCHEDULES = int(os.environ.get("REEFSTEPS_SCHEDULES", "80"))
FIRST_SEED = int(os.environ.get("REEFSTEPS_FIRST_SEED", "0"))

_QUIET = {"LOG_LEVEL": "CRITICAL", "POWERTOOLS_METRICS_DISABLED": "true"}


@pytest.mark.timeout(300 + SCHEDULES)
def test_pictures_records_and_rows_belong_together_after_any_interleaving(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'coverage.db'}"
    database = Database(url)
    database.create_tables()
    wrong = []
    with mock.patch.dict(os.environ, ENVIRONMENT | _QUIET), loaded_steps(url) as steps:
        for seed in range(FIRST_SEED, FIRST_SEED + SCHEDULES):
            world = World(seed, steps, emptied(database))
            world.play(count=2 + seed % 4)
            if faults := world.faults():
                wrong.append(f"seed {seed}: {'; '.join(faults)}\n  " + "\n  ".join(world.story))
    assert not wrong, f"{len(wrong)} of {SCHEDULES} schedules\n" + "\n".join(wrong[:5])
