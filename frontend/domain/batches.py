"""How far the photographs of one upload are, told from the names of executions alone.

Every way of starting a run puts the beginning of the photograph's key into the execution's name
(`reefsteps.retries.readable_key`). So a batch of 2,000 photographs needs a list of executions and no further request.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from frontend.domain.executions import ExecutionSummary
from reefsteps.execution_status import WITHOUT_RESULT, ExecutionStatus
from reefsteps.retries import readable_key


@dataclass(frozen=True)
class Batch:
    """The photographs that one press of Send sent."""

    id: str
    sent_at: datetime
    keys: tuple[str, ...]


MOST_KEYS = 20_000


def batches_in(message: object) -> list[Batch]:
    """Return the batches of a browser's message, leaving out what is none; trusts nothing in it."""
    found = []
    for item in message if isinstance(message, list) else ():
        keys = item.get("keys") if isinstance(item, Mapping) else None
        if not isinstance(keys, list) or not keys:
            continue
        try:
            sent_at = datetime.fromisoformat(str(item.get("sent_at")))
        except ValueError:
            continue
        if sent_at.tzinfo is not None:
            texts = tuple(str(key)[:1024] for key in keys[:MOST_KEYS])
            found.append(Batch(str(item.get("id"))[:64], sent_at.astimezone(UTC), texts))
    return found


@dataclass(frozen=True)
class BatchProgress:
    """How many photographs of a batch are in which state; the four numbers add up to its size."""

    measured: int
    running: int
    failed: int
    waiting: int  # no run yet: still being sent, or about to start

    @property
    def total(self) -> int:
        """How many photographs the batch has."""
        return self.measured + self.running + self.failed + self.waiting

    @property
    def share_done(self) -> float:
        """The share of photographs whose run has ended, 0 to 1."""
        return (self.measured + self.failed) / self.total if self.total else 1.0


def progress(batch: Batch, executions: Iterable[ExecutionSummary]) -> BatchProgress:
    """Return the progress of a batch; `executions` are those that began since it was sent, in any order.

    The newest execution of a photograph counts. Keys that are equal in the part that names keep share their newest
    executions, one for each key.
    """
    sought: dict[str, int] = defaultdict(int)
    for key in batch.keys:
        sought[readable_key(key)] += 1
    found: dict[str, list[ExecutionSummary]] = {beginning: [] for beginning in sought}
    lengths = sorted({len(beginning) for beginning in sought}, reverse=True)
    for execution in sorted(executions, key=lambda e: e.started_at, reverse=True):
        beginning = _beginning(execution.name, found, lengths)
        if beginning is not None and len(found[beginning]) < sought[beginning]:
            found[beginning].append(execution)
    states = [e.status for runs in found.values() for e in runs]
    failed = sum(status in WITHOUT_RESULT for status in states)
    measured = states.count(ExecutionStatus.SUCCEEDED)
    return BatchProgress(measured, len(states) - failed - measured, failed, len(batch.keys) - len(states))


def _beginning(name: str, found: dict[str, list[ExecutionSummary]], lengths: Sequence[int]) -> str | None:
    for length in lengths:
        if name[length : length + 1] == "-" and name[:length] in found:
            return name[:length]
    return None
