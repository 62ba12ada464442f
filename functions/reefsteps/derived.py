"""Writing what a run makes of a photograph: the newest upload wins, and for one upload the run that started later.

That is the rule of the rows (`coverage_store`), and here it holds for every object by itself, whatever the order of
events: each object's metadata name the run that made it. A run looks at the object, stops if a newer run made it, and
writes only if the object is still the one that it looked at (S3's If-Match and If-None-Match); otherwise it looks
again. An entity tag is a hash of the content, so every run puts its name into the content: else the same picture from
two runs would look unchanged.

Relabelling copies, and deletes, by the same rule (`put_in_order`, `delete_in_order`).

After its writes a step asks S3 whether the photograph still exists (`refuse_deleted`). A deletion comes before what it
removes, so either the removal finds the step's objects, or the step finds the deletion.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, unquote

from reefsteps.buckets import Photograph, photograph
from reefsteps.document import Execution
from reefsteps.errors import PhotoDeletedError, PhotoNotFoundError, SupersededError
from reefsteps.keys import record_key
from reefsteps.precedence import Run, Upload, compare_runs, compare_uploads, instant, same_photo
from reefsteps.results import ModelIdentity, ObjectRef, Record, Source
from reefsteps.stamps import stamped
from reefsteps.storage import JSON, ObjectChangedError, ObjectInfo, Storage
from reefsteps.surveys import SurveyKey, survey_of

_MOST_LOOKS = 30  # every one that fails means that another run has written: more than that many do not meet


class DerivedObjects:
    """What one run writes about one photograph, in any bucket of derived objects."""

    def __init__(
        self,
        storage: Storage,
        survey: SurveyKey,
        execution: Execution,
        source: Source,
        pipeline_version: str,
        *,
        decided_at: str | None = None,
    ) -> None:
        """Write through `storage` for this execution, which measures `source` and obeys what a person decided then."""
        self._storage, self._survey, self._source = storage, survey, source
        self._run = Run(source, execution.started_at, execution.name, decided_at)
        self._metadata = run_metadata(self._run, pipeline_version)

    def refuse_superseded(self, bucket: str) -> None:
        """Raise SupersededError if `bucket` already holds this step's result of a newer run.

        A step asks before it works, to save the work; `put` asks again.
        """
        self._refuse_overwritten()
        try:
            stored = self._storage.get_json(ObjectRef(bucket, record_key(self._survey.stem)))
        except PhotoNotFoundError:
            return
        # Records from before the field name no run: then the upload alone decides.
        maker = stored.get("execution") or {"started_at": self._run.started_at, "name": self._run.name}
        present = Run(Source.from_json(stored["source"]), maker["started_at"], maker["name"], stored.get("decided_at"))
        _refuse_newer(present, self._run)

    def put(
        self, bucket: str, key: str, body: bytes, *, content_type: str, model: ModelIdentity | None = None
    ) -> ObjectRef:
        """Write the object, with this run's name in its content and metadata; returns where it lies.

        Raises SupersededError if a newer run has written it.
        """
        body = stamped(body, content_type, f"ReefSteps run {self._run.name} of {self._run.started_at}")
        metadata = self._metadata | ({"model-sha256": model.sha256} if model else {})
        ref = ObjectRef(bucket, key)
        return put_in_order(self._storage, self._run, ref, body, content_type=content_type, metadata=metadata)

    def put_json(
        self, bucket: str, key: str, value: Mapping[str, Any], model: ModelIdentity | None = None
    ) -> ObjectRef:
        """Write `value` and this run's name as JSON; otherwise as `put`."""
        named = {
            **value,
            "decided_at": self._run.decided_at,
            "execution": {"name": self._run.name, "started_at": self._run.started_at},
        }
        body = json.dumps(named, ensure_ascii=False, allow_nan=False).encode()
        return self.put(bucket, key, body, content_type=JSON, model=model)

    def save_record(self, bucket: str, record: Record, model: ModelIdentity | None = None) -> None:
        """Leave a step's record, and the photograph that it was made from, beside its picture; raises as `put`."""
        self.put_json(
            bucket, record_key(self._survey.stem), record.to_json() | {"source": self._source.to_json()}, model
        )

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
                f"The photograph of {self._survey}, uploaded at {self._source.uploaded_at}, was deleted meanwhile: "
                "what this run has made of it is removed."
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
        f"A newer photograph of {survey_of(run.upload.image.key)}, uploaded at {maker.upload.uploaded_at}, or a later "
        f"run of the same one, started at {maker.started_at}, has been here already; this run of the one uploaded at "
        f"{run.upload.uploaded_at} changes nothing more."
    )


def run_metadata(run: Run, pipeline_version: str) -> dict[str, str]:
    """Return the object metadata of everything that a run derives from a photograph."""
    own = {
        "pipeline-version": pipeline_version,
        "execution-name": quote(run.name),
        "execution-started-at": run.started_at,
    }
    return photograph_metadata(run.upload) | own | ({"decided-at": run.decided_at} if run.decided_at else {})


def photograph_metadata(photo: Upload) -> dict[str, str]:
    """Return the part of the metadata that says which photograph an object was made from.

    Metadata are ASCII and 2 KB in all, so the key is in base64: percent-encoded, a long name would not fit.
    """
    metadata = {
        "source-key": base64.urlsafe_b64encode(photo.image.key.encode()).decode(),
        "source-version-id": photo.image.version_id or "null",
        "source-etag": photo.etag,
        "source-uploaded-at": photo.uploaded_at,
    }
    return metadata | ({"source-sequencer": photo.sequencer} if photo.sequencer else {})


def renamed_metadata(metadata: Mapping[str, str], photo: Upload) -> dict[str, str]:
    """Return the metadata of an object whose photograph was given another name: `photo`."""
    kept = {name: value for name, value in metadata.items() if name != "source-sequencer"}
    return kept | photograph_metadata(photo)


def maker_of(info: ObjectInfo, raw_bucket: str) -> Run | None:
    """Return the run that made a derived object; None for objects from before the metadata named it."""
    metadata = info.metadata
    if "execution-started-at" not in metadata or "source-key" not in metadata:
        return None
    version = metadata["source-version-id"]
    image = ObjectRef(
        raw_bucket,
        base64.urlsafe_b64decode(metadata["source-key"]).decode(),
        None if version in ("", "null") else version,
    )
    photo = Photograph(image, metadata["source-etag"], metadata["source-uploaded-at"], metadata.get("source-sequencer"))
    return Run(photo, metadata["execution-started-at"], unquote(metadata["execution-name"]), metadata.get("decided-at"))
