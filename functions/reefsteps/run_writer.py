"""Write what a run makes of a photograph: the newest upload wins, and for one upload the run that started later.

Rows obey the same rule (`coverage_store`). Here it holds for every object by itself, in any order of events, because
each object's metadata name the run that made it. A run looks at the object and stops if a newer run made it. It writes
only if the object is still the one that it looked at (S3's If-Match and If-None-Match); otherwise it looks again. An
entity tag is a hash of the content, so the same picture from two runs would look unchanged. Therefore every run puts
its name into the content.

Relabelling copies, and deletes, by the same rule (`put_in_order`, `delete_in_order`).

After its writes a step asks S3 whether the photograph still exists (`refuse_deleted`). A deletion comes before what it
removes, so either the removal finds the step's objects, or the step finds the deletion.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from reefsteps.buckets import NamesBuckets
from reefsteps.derived_objects import DerivedObject, record_of
from reefsteps.document import Execution
from reefsteps.errors import PhotoDeletedError, PhotoNotFoundError, SupersededError
from reefsteps.object_metadata import maker_of, run_metadata
from reefsteps.originals import photograph
from reefsteps.precedence import Run, Upload, compare_runs, compare_uploads, instant, same_photo
from reefsteps.results import ModelIdentity, ObjectRef, Record, Source
from reefsteps.stamps import stamped
from reefsteps.steps import Step
from reefsteps.storage import ObjectChangedError, ObjectInfo, Storage
from reefsteps.surveys import SurveyKey, survey_of

_MOST_LOOKS = 30  # every one that fails means that another run has written: more than that many do not meet


class RunWriter:
    """Writes what one run makes of one photograph (rows of `reefsteps.derived_objects`)."""

    def __init__(
        self,
        storage: Storage,
        buckets: NamesBuckets,
        survey: SurveyKey,
        execution: Execution,
        source: Source,
        pipeline_version: str,
        *,
        decided_at: str | None = None,
    ) -> None:
        """Write through `storage` for this execution, which measures `source` and obeys what a person decided then."""
        self._storage, self._buckets, self._survey, self._source = storage, buckets, survey, source
        self._run = Run(source, execution.started_at, execution.name, decided_at)
        self._pipeline_version = pipeline_version

    def refuse_superseded(self, step: Step) -> None:
        """Raise SupersededError if there is a result of this step that a newer run has written.

        A step asks before it works, to save the work; `put` asks again.
        """
        self._refuse_overwritten()
        try:
            stored = self._storage.get_json(record_of(step).at(self._buckets, self._survey.stem))
        except PhotoNotFoundError:
            return
        # Records from before the field name no run: then the upload alone decides.
        maker = stored.get("execution") or {"started_at": self._run.started_at, "name": self._run.name}
        present = Run(Source.from_json(stored["source"]), maker["started_at"], maker["name"], stored.get("decided_at"))
        _refuse_newer(present, self._run)

    def put(self, item: DerivedObject, body: bytes, model: ModelIdentity | None = None) -> ObjectRef:
        """Write the object, with this run's name in its content and metadata; returns where it lies.

        Raises SupersededError if a newer run has written it.
        """
        kind = item.content_type
        body = stamped(body, kind, f"ReefSteps run {self._run.name} of {self._run.started_at}")
        metadata = run_metadata(self._run, self._pipeline_version, model)
        ref = item.at(self._buckets, self._survey.stem)
        return put_in_order(self._storage, self._run, ref, body, content_type=kind, metadata=metadata)

    def put_json(self, item: DerivedObject, value: Mapping[str, Any], model: ModelIdentity | None = None) -> ObjectRef:
        """Write `value` and this run's name as JSON; otherwise as `put`."""
        named = {
            **value,
            "decided_at": self._run.decided_at,
            "execution": {"name": self._run.name, "started_at": self._run.started_at},
        }
        body = json.dumps(named, ensure_ascii=False, allow_nan=False).encode()
        return self.put(item, body, model)

    def save_record(self, step: Step, record: Record, model: ModelIdentity | None = None) -> None:
        """Leave the step's record, and the photograph that it was made from, beside its picture; raises as `put`."""
        self.put_json(record_of(step), record.to_json() | {"source": self._source.to_json()}, model)

    def refuse_deleted(self) -> None:
        """Raise PhotoDeletedError if the photograph has been deleted: called by a step after it wrote.

        A photograph that was overwritten exists: what was made of it stays until the newer one's run replaces it.
        """
        image = self._source.image
        present = head_or_none(self._storage, ObjectRef(image.bucket, image.key))
        if present is not None and image.version_id and present.ref.version_id != image.version_id:
            present = head_or_none(self._storage, image)
        if present is None:
            raise PhotoDeletedError(
                f"The photograph of {self._survey}, uploaded at {self._source.uploaded_at}, was deleted "
                "during this run. What the run has made of it is removed."
            )

    def _refuse_overwritten(self) -> None:
        """Raise SupersededError if another photograph was uploaded under the same key in the same second.

        Times do not tell the two apart, and a run that no upload started has no sequencer either. If the newer
        photograph is deleted at once, `removal` has this one measured again.
        """
        image = self._source.image
        present = head_or_none(self._storage, ObjectRef(image.bucket, image.key))
        if present is None or present.ref.version_id == image.version_id:
            return
        if instant(present.uploaded_at) == instant(self._source.uploaded_at):
            raise SupersededError(
                f"Another photograph of {self._survey} was uploaded in the same second, at {present.uploaded_at}, and "
                "replaced the one of this run, which changes nothing."
            )


def put_in_order(
    storage: Storage, run: Run, ref: ObjectRef, body: bytes, *, content_type: str, metadata: Mapping[str, str]
) -> ObjectRef:
    """Write an object that `run` made, as its content and `metadata` say, unless a newer run's is there.

    Raises SupersededError.
    """
    for left in range(_MOST_LOOKS, 0, -1):
        seen = head_or_none(storage, ref)
        maker = maker_of(seen, run.upload.image.bucket) if seen else None
        if maker and not _is_latest_of_its_second(storage, run, maker):
            _refuse_newer(maker, run)
        try:
            return storage.replace(seen, ref, body, content_type=content_type, metadata=metadata)
        except ObjectChangedError:
            if left == 1:
                raise
    raise AssertionError("the last look has returned or raised")


def delete_in_order(storage: Storage, ref: ObjectRef, is_left_over: Callable[[ObjectInfo], bool]) -> bool:
    """Delete the object if `is_left_over` says so of what is there at that moment; returns whether it was deleted.

    A run may write at the same time, so the object is judged, and deleted, as what it is then.
    """
    while (info := head_or_none(storage, ref)) is not None and is_left_over(info):
        try:
            storage.delete_seen(info)
        except ObjectChangedError:
            continue
        return True
    return False


def head_or_none(storage: Storage, ref: ObjectRef) -> ObjectInfo | None:
    """Return what S3 knows of the object; None where there is none."""
    try:
        return storage.head(ref)
    except PhotoNotFoundError:
        return None


def is_there(storage: Storage, upload: Upload) -> bool:
    """Ask S3 whether the photograph is the current object under its key at this moment."""
    present = head_or_none(storage, ObjectRef(upload.image.bucket, upload.image.key))
    return present is not None and same_photo(upload, photograph(present))


def _is_latest_of_its_second(storage: Storage, run: Run, maker: Run) -> bool:
    """Tell whether `run`'s photograph replaced the maker's within the second that S3 keeps: then it is there now."""
    if same_photo(run.upload, maker.upload) or compare_uploads(run.upload, maker.upload) != 0:
        return False
    return is_there(storage, run.upload)


def _refuse_newer(maker: Run, run: Run) -> None:
    if compare_runs(maker, run) <= 0:
        return
    raise SupersededError(
        f"The result of {survey_of(run.upload.image.key)} is that of a newer photograph or a later run already "
        f"(uploaded at {maker.upload.uploaded_at}, started at {maker.started_at}). This run, of the photograph "
        f"uploaded at {run.upload.uploaded_at}, changes nothing more."
    )
