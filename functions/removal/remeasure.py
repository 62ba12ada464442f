"""Which photograph of the survey, if any, is to be measured again after a deletion."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cmp_to_key

from reefsteps.originals import Photograph
from reefsteps.precedence import compare_uploads, instant


def to_measure_again(left: Sequence[Photograph], removed_at: str) -> Photograph | None:
    """Return the newest of the photographs that are left, or None if it has, or will have, a run of its own.

    It is needed if a result or pictures were removed, if a deletion was undone, or if that photograph has no result.
    Its run may have stopped for the one that is deleted. A photograph that was uploaded after the deletion is admitted
    by its own event.
    """
    if not left:
        return None
    newest = max(left, key=cmp_to_key(compare_uploads))
    # S3 keeps upload times in whole seconds: within the second of the deletion, a second run does no harm.
    later = instant(newest.uploaded_at).replace(microsecond=0) > instant(removed_at).replace(microsecond=0)
    return None if later else newest
