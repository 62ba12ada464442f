"""What a deletion of a photograph is, and which uploads it covers."""

from __future__ import annotations

from dataclasses import dataclass

from reefsteps.precedence import Upload, compare_sequencers, instant
from reefsteps.surveys import decode_key

_RELABELLED = "relabel "  # begins `requested_by` of a deletion whose photograph lives on; its new name follows


@dataclass(frozen=True)
class Removal:
    """A deletion of a photograph: of one version for good, or (no version) of all that was uploaded under the key."""

    key: str  # decoded
    version_id: str | None
    removed_at: str  # ISO 8601
    sequencer: str | None = None
    requested_by: str | None = None

    @classmethod
    def by_relabelling(cls, key: str, version_id: str | None, removed_at: str, new_name: str) -> Removal:
        """Return the deletion of a version that lives on under another name."""
        return cls(key, version_id, removed_at, requested_by=f"{_RELABELLED}{new_name}")

    @property
    def lives_on(self) -> bool:
        """Whether the photograph was given another name."""
        return (self.requested_by or "").startswith(_RELABELLED)

    @property
    def reason(self) -> str:
        """Why a result of the photograph is not wanted."""
        if self.lives_on:
            return f"The photograph is called {(self.requested_by or '')[len(_RELABELLED) :]} since {self.removed_at}."
        return f"The photograph was deleted at {self.removed_at}."

    def covers(self, upload: Upload) -> bool:
        """Tell whether the photograph is the one, or among those, that were deleted."""
        if decode_key(upload.image.key) != self.key:
            return False
        if self.version_id:
            return upload.image.version_id == self.version_id
        # S3 rounds upload times to seconds. If upload and deletion fall in the same second, compare sequencers.
        # Without sequencers, treat the upload as newer: an extra row can be removed later, a lost photograph cannot
        # be recovered.
        removed = instant(self.removed_at).replace(microsecond=0)
        uploaded = instant(upload.uploaded_at).replace(microsecond=0)
        if removed != uploaded:
            return uploaded < removed
        return compare_sequencers(upload.sequencer, self.sequencer) < 0
