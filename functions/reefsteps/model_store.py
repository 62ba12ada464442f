"""The converted model of a model bucket: downloaded once per runtime environment, reloaded when it changes."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from reefsteps.detection import Detector, Manifest, load_detector
from reefsteps.errors import ModelNotReadyError
from reefsteps.keys import checkpoint_key, model_card_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHECK_INTERVAL_S = 30.0
_ABSENT = {"404", "403", "NoSuchKey", "NoSuchVersion", "NoSuchBucket", "AccessDenied"}


class ModelStore:
    """Keeps one model of one bucket ready.

    ``cache_dir`` (``/tmp`` on Lambda) outlives an invocation, so a model is downloaded once per runtime environment
    and never per photograph. The manifest is written last by conversion, so its ETag alone tells that there is a new
    model; it is asked for at most every ``check_interval_s``.
    """

    def __init__(
        self,
        s3_client: S3Client,
        bucket: str,
        name: str,
        cache_dir: Path,
        *,
        threads: int | None = None,
        check_interval_s: float = CHECK_INTERVAL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._s3 = s3_client
        self._bucket = bucket
        self._name = name
        self._cache_dir = cache_dir
        self._threads = threads
        self._check_interval_s = check_interval_s
        self._clock = clock
        self._lock = threading.Lock()
        self._detector: Detector | None = None
        self._etag: str | None = None
        self._checked_at = float("-inf")

    def detector(self) -> Detector:
        """Return the bucket's current model, loaded.

        Raises ModelNotReadyError while there is no converted model, or while a new one is being written;
        UnsupportedModelError when the manifest or the model is damaged.
        """
        with self._lock:
            if self._detector is None or self._clock() - self._checked_at >= self._check_interval_s:
                self._refresh()
            assert self._detector is not None
            return self._detector

    def _refresh(self) -> None:
        etag = self._manifest_etag()
        if self._detector is None or etag != self._etag:
            manifest_path, etag = self._download_manifest()
            manifest = Manifest.load(manifest_path)
            model_path = self._download_model(manifest)
            self._detector = load_detector(model_path, manifest_path, self._threads)
            self._etag = etag
        self._checked_at = self._clock()

    def _manifest_etag(self) -> str:
        try:
            return self._s3.head_object(Bucket=self._bucket, Key=model_card_key(self._name))["ETag"]
        except ClientError as error:
            raise self._explained(error, model_card_key(self._name)) from error

    def _download_manifest(self) -> tuple[Path, str]:
        key = model_card_key(self._name)
        try:
            response = self._s3.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            raise self._explained(error, key) from error
        return self._write(key, response["Body"].read()), response["ETag"]

    def _download_model(self, manifest: Manifest) -> Path:
        model = manifest.model
        target = self._cache_dir / f"{self._name}-{model.sha256}.onnx"
        if target.exists() and _sha256(target) == model.sha256:
            return target
        self._cache_dir.mkdir(parents=True, exist_ok=True)
        for stale in self._cache_dir.glob(f"{self._name}-*.onnx"):  # room for the new one
            stale.unlink(missing_ok=True)
        part = target.with_suffix(".part")
        version: dict[str, Any] = {"VersionId": model.version_id} if model.version_id else {}
        try:
            self._s3.download_file(self._bucket, model.file, str(part), ExtraArgs=version or None)
        except ClientError as error:
            raise self._explained(error, model.file) from error
        if _sha256(part) != model.sha256:
            part.unlink()
            raise ModelNotReadyError(
                f"s3://{self._bucket}/{model.file} is not the model that its manifest describes: a conversion is "
                "writing it, or was interrupted. If this lasts, upload the .pth again."
            )
        return part.replace(target)

    def _write(self, name: str, content: bytes) -> Path:
        self._cache_dir.mkdir(parents=True, exist_ok=True)
        path = self._cache_dir / name
        path.write_bytes(content)
        return path

    def _explained(self, error: ClientError, key: str) -> Exception:
        if error.response["Error"]["Code"] not in _ABSENT:
            return error
        return ModelNotReadyError(
            f"There is no s3://{self._bucket}/{key}. Upload {checkpoint_key(self._name)} to it and wait for the "
            "'convert' state machine; if it failed, its error says what is wrong with the file."
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
