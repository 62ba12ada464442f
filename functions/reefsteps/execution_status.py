"""The states of an execution as Step Functions names them: one list for functions, page and local stack."""

from __future__ import annotations

from enum import StrEnum


class ExecutionStatus(StrEnum):
    """The status of a Step Functions execution (its API's ``ExecutionStatus``)."""

    RUNNING = "RUNNING"
    PENDING_REDRIVE = "PENDING_REDRIVE"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


WITHOUT_RESULT = (ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT, ExecutionStatus.ABORTED)
"""How an execution ends badly. To whoever waits for the photograph all three have failed."""

ENDED = frozenset({ExecutionStatus.SUCCEEDED, *WITHOUT_RESULT})
"""How an execution ends."""

UNDER_WAY = (ExecutionStatus.RUNNING, ExecutionStatus.PENDING_REDRIVE)
"""An execution that may still end otherwise."""
