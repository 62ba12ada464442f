"""Starts state machines by the clock, as EventBridge's scheduled rules do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any

from local.resources import Schedule

_LOG = logging.getLogger(__name__)


class Clock:
    """Starts each scheduled state machine at once and then at its rate, until it is stopped."""

    def __init__(self, schedules: Sequence[Schedule], step_functions: Any) -> None:
        """Prepare the schedules; `step_functions` is a boto3 client."""
        self._step_functions = step_functions
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep_starting, args=(schedule,), name="clock", daemon=True)
            for schedule in schedules
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; what was started goes on."""
        self._stopped.set()

    def _keep_starting(self, schedule: Schedule) -> None:
        while not self._stopped.is_set():
            try:
                self._step_functions.start_execution(stateMachineArn=schedule.machine, input=schedule.input)
            except Exception:
                _LOG.exception("%s was not started by the clock", schedule.machine)
            self._stopped.wait(schedule.every_s)
