"""The model of a model bucket: downloaded once per runtime environment, reloaded when it changes."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError

from reefsteps.detection import Detector, Manifest
from reefsteps.detection.manifest import FileIdentity
from reefsteps.errors import ConfigurationError, ModelNotReadyError, UnsupportedModelError
from reefsteps.model_keys import checkpoint_key, model_card_key, model_config_key
from reefsteps.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ENGINES = ("onnxruntime", "detectron2")
CHECK_INTERVAL_S = 30.0
_ABSENT = {"404", "NoSuchKey", "NoSuchVersion", "NoSuchBucket"}
_DENIED = {"403", "AccessDenied"}


class Models(Protocol):
    """Where a step gets its model."""

    def detector(self) -> Detector:
        """Return the current model, loaded; see `ModelStore.detector`."""
        ...


class ModelStore:
    """Keeps one model of one bucket ready.

    ``cache_dir`` (unless given in ``/tmp``, as on Lambda) outlives an invocation, so a model is downloaded once per
    runtime environment and never per photograph. One object's ETag tells that there is a new model; it is asked for at
    most every ``check_interval_s``. ``engine`` is one of ``ENGINES``: onnxruntime takes what conversion wrote,
    detectron2 the checkpoint itself.
    """

    def __init__(
        self,
        s3_client: S3Client,
        bucket: str,
        name: str,
        *,
        cache_dir: Path | None = None,
        engine: str = "onnxruntime",
        threads: int | None = None,
        check_interval_s: float = CHECK_INTERVAL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        cache_dir = cache_dir or Path(tempfile.gettempdir()) / "reefsteps-models"
        bucket_files = _Bucket(s3_client, bucket, name, cache_dir)
        if engine == "detectron2":
            logger.warning(
                "The engine 'detectron2' unpickles checkpoints, which runs code that a file names: only files that "
                "conversion has read and found harmless are loaded.",
                model=name,
            )
        self._source: _Source = (
            _Checkpoint(bucket_files, threads) if engine == "detectron2" else _Converted(bucket_files, threads)
        )
        self._check_interval_s = check_interval_s
        self._clock = clock
        self._lock = threading.Lock()
        self._detector: Detector | None = None
        self._etag: str | None = None
        self._checked_at = float("-inf")

    def detector(self) -> Detector:
        """Return the bucket's current model, loaded.

        Raises ModelNotReadyError while there is no model, or while a new one is being written; UnsupportedModelError
        when the manifest or the model is damaged; ConfigurationError if S3 does not let it be read.
        """
        with self._lock:
            if self._detector is None or self._clock() - self._checked_at >= self._check_interval_s:
                etag = self._source.etag()
                if self._detector is None or etag != self._etag:
                    self._detector, self._etag = self._source.load()
                self._checked_at = self._clock()
            return self._detector


class _Source(Protocol):
    """Where an engine's model comes from."""

    def etag(self) -> str:
        """Return what changes whenever the model does."""
        ...

    def load(self) -> tuple[Detector, str]:
        """Return the model, loaded, and its etag."""
        ...


class _Bucket:
    """Downloads of one model's files; raises ModelNotReadyError for a missing file, ConfigurationError for a grant."""

    def __init__(self, s3_client: S3Client, bucket: str, name: str, cache_dir: Path) -> None:
        self.name = name
        self.cache_dir = cache_dir
        self._s3 = s3_client
        self._bucket = bucket

    def etag(self, key: str) -> str:
        try:
            return self._s3.head_object(Bucket=self._bucket, Key=key)["ETag"]
        except ClientError as error:
            raise self._explained(error, key) from error

    def content(self, key: str) -> tuple[bytes, str]:
        """Return an object's bytes and ETag."""
        try:
            response = self._s3.get_object(Bucket=self._bucket, Key=key)
            return response["Body"].read(), response["ETag"]
        except ClientError as error:
            raise self._explained(error, key) from error

    def download(self, key: str, target: Path, version_id: str | None = None) -> None:
        """Fetch an object into a file."""
        self.cache_dir.mkdir(parents=True, exist_ok=True)
        version: dict[str, Any] | None = {"VersionId": version_id} if version_id else None
        try:
            self._s3.download_file(self._bucket, key, str(target), ExtraArgs=version)
        except ClientError as error:
            raise self._explained(error, key) from error

    def place(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def _explained(self, error: ClientError, key: str) -> Exception:
        code = error.response["Error"]["Code"]
        if code in _DENIED:
            return ConfigurationError(
                f"S3 does not let this function read {self.place(key)}. Its role needs s3:GetObject and "
                "s3:GetObjectVersion on the bucket's objects, and s3:ListBucket on the bucket, without which S3 gives "
                "the same answer for an object that is not there. Undo what was changed by hand, then retry the run."
            )
        if code not in _ABSENT:
            return error
        return ModelNotReadyError(
            f"There is no {self.place(key)}. Upload {checkpoint_key(self.name)} to that bucket and wait for the "
            "'convert' state machine; if it failed, its error says what is wrong with the file."
        )


class _Converted:
    """Manifest and ONNX model. The manifest is written last, so its ETag alone tells that there is a new model."""

    def __init__(self, files: _Bucket, threads: int | None) -> None:
        self._files = files
        self._threads = threads

    def etag(self) -> str:
        return self._files.etag(model_card_key(self._files.name))

    def load(self) -> tuple[Detector, str]:
        from reefsteps.detection.onnx_engine import OnnxDetector  # not in the image of the other engine

        content, etag = self._files.content(model_card_key(self._files.name))
        manifest = Manifest.parse(content.decode("utf-8", "replace"))
        return OnnxDetector(self._model(manifest), manifest, self._threads), etag

    def _model(self, manifest: Manifest) -> Path:
        files = self._files
        target = files.cache_dir / f"{files.name}-{manifest.model.sha256}.onnx"
        if target.exists():
            return target
        for stale in files.cache_dir.glob(f"{files.name}-*"):  # room for the new one
            stale.unlink(missing_ok=True)
        part = target.with_suffix(f".{threading.get_ident()}.part")
        files.download(manifest.model.file, part, manifest.model.version_id)
        if FileIdentity.of(part).sha256 != manifest.model.sha256:
            part.unlink()
            raise ModelNotReadyError(
                f"{files.place(manifest.model.file)} is not the model that its manifest describes: a conversion is "
                "writing it, or was interrupted. If this lasts, upload the .pth again."
            )
        return part.replace(target)


class _Checkpoint:
    """The operator's checkpoint and configuration dump, for detectron2 itself."""

    def __init__(self, files: _Bucket, threads: int | None) -> None:
        self._files = files
        self._threads = threads

    def etag(self) -> str:
        return self._files.etag(checkpoint_key(self._files.name))

    def _refuse_unconfirmed(self, checkpoint: Path) -> None:
        """Raise UnsupportedModelError unless conversion, which runs nothing, has read this very file.

        Its manifest is written only then, and names the file's sha256.
        """
        content, _ = self._files.content(model_card_key(self._files.name))
        confirmed = Manifest.parse(content.decode("utf-8", "replace")).source.sha256
        if FileIdentity.of(checkpoint).sha256 != confirmed:
            checkpoint.unlink()
            raise UnsupportedModelError(
                f"{self._files.place(checkpoint.name)} is not the file that conversion has read and found harmless; "
                "detectron2 would run what it names. Upload it again and wait for the 'convert' state machine."
            )

    def load(self) -> tuple[Detector, str]:
        from reefsteps.detection.detectron2_engine import Detectron2Detector

        files = self._files
        etag = self.etag()
        checkpoint = files.cache_dir / checkpoint_key(files.name)
        files.download(checkpoint_key(files.name), checkpoint)
        self._refuse_unconfirmed(checkpoint)
        dump = files.cache_dir / model_config_key(files.name)
        dump.unlink(missing_ok=True)
        with contextlib.suppress(ModelNotReadyError):  # the named configuration is used
            files.download(model_config_key(files.name), dump)
        return Detectron2Detector(checkpoint, dump if dump.exists() else None, self._threads), etag
