"""The states of a change in the journal of relabellings, in their order; a change ends as done or refused."""

from __future__ import annotations

PLANNED, COPYING, MOVED, DONE, REFUSED = "planned", "copying", "moved", "done", "refused"
UNFINISHED = (PLANNED, COPYING, MOVED)
