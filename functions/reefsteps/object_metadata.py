"""The metadata of objects made from a photograph: which photograph, which run, which model.

S3 takes metadata in ASCII alone, 2 KB in all.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import quote, unquote

from reefsteps.originals import Photograph
from reefsteps.precedence import Run, Upload
from reefsteps.results import ModelIdentity, ObjectRef
from reefsteps.storage import ObjectInfo
from reefsteps.versions import version_or_none, version_text

SOURCE_KEY = "source-key"
SOURCE_VERSION = "source-version-id"
SOURCE_ETAG = "source-etag"
SOURCE_TIME = "source-uploaded-at"
SOURCE_SEQUENCER = "source-sequencer"
PIPELINE_VERSION = "pipeline-version"
RUN_NAME = "execution-name"
RUN_START = "execution-started-at"
DECIDED_AT = "decided-at"
MODEL = "model-sha256"

OF_A_RUN = frozenset(
    {SOURCE_KEY, SOURCE_VERSION, SOURCE_ETAG, SOURCE_TIME, SOURCE_SEQUENCER}
    | {PIPELINE_VERSION, RUN_NAME, RUN_START, DECIDED_AT}
)
"""Names of the metadata of everything that a run makes; sequencer and decision may be missing."""


def run_metadata(run: Run, pipeline_version: str, model: ModelIdentity | None = None) -> dict[str, str]:
    """Return the object metadata of everything that a run derives from a photograph, with this model."""
    own = {PIPELINE_VERSION: pipeline_version, RUN_NAME: quote(run.name), RUN_START: run.started_at}
    decision = {DECIDED_AT: run.decided_at} if run.decided_at else {}
    return photograph_metadata(run.upload) | own | decision | ({MODEL: model.sha256} if model else {})


def photograph_metadata(photo: Upload) -> dict[str, str]:
    """Return the part of the metadata that says which photograph an object was made from.

    The key is in base64: percent-encoded, a long name would not fit.
    """
    metadata = {
        SOURCE_KEY: base64.urlsafe_b64encode(photo.image.key.encode()).decode(),
        SOURCE_VERSION: version_text(photo.image.version_id),
        SOURCE_ETAG: photo.etag,
        SOURCE_TIME: photo.uploaded_at,
    }
    return metadata | ({SOURCE_SEQUENCER: photo.sequencer} if photo.sequencer else {})


def renamed_metadata(metadata: Mapping[str, str], photo: Upload) -> dict[str, str]:
    """Return the metadata of an object whose photograph was given another name: `photo`."""
    kept = {name: value for name, value in metadata.items() if name != SOURCE_SEQUENCER}
    return kept | photograph_metadata(photo)


def maker_of(info: ObjectInfo, raw_bucket: str) -> Run | None:
    """Return the run that made a derived object; None for objects from before the metadata named it."""
    metadata = info.metadata
    if RUN_START not in metadata or SOURCE_KEY not in metadata:
        return None
    key = base64.urlsafe_b64decode(metadata[SOURCE_KEY]).decode()
    image = ObjectRef(raw_bucket, key, version_or_none(metadata[SOURCE_VERSION]))
    photo = Photograph(image, metadata[SOURCE_ETAG], metadata[SOURCE_TIME], metadata.get(SOURCE_SEQUENCER))
    return Run(photo, metadata[RUN_START], unquote(metadata[RUN_NAME]), metadata.get(DECIDED_AT))


def names_photograph(info: ObjectInfo) -> bool:
    """Tell whether the metadata say which photograph the object was made from; the oldest objects' do not."""
    return SOURCE_ETAG in info.metadata


def made_from(info: ObjectInfo, photo: Upload) -> bool:
    """Tell by its metadata whether an object was made from this version of the photograph."""
    version = version_or_none(info.metadata.get(SOURCE_VERSION))
    if version is not None:
        return version == photo.image.version_id
    return info.metadata.get(SOURCE_ETAG) == photo.etag
