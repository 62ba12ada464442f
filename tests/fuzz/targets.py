"""What people and other programs send to ReefSteps, and the code that meets it first."""

from __future__ import annotations

import io
import json
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from conversion.checkpoint import read_checkpoint
from conversion.classes import read_classes
from conversion.config import model_config
from frontend.domain.upload_plan import IncomingFile, PresentObject, plan
from reefsteps.buckets import Buckets
from reefsteps.detection.manifest import Manifest
from reefsteps.document import StateDocument
from reefsteps.errors import PhotoNotFoundError
from reefsteps.evaluation import parse_evaluation
from reefsteps.file_names import Guess
from reefsteps.images import decode
from reefsteps.relabel_list import read_wishes
from reefsteps.relabelling import Change
from reefsteps.surveys import SurveyKey, check_length, decode_key, key_candidates, survey_of
from removal.request import parse_request
from tests.fuzz.mutations import altered, mutated, text
from tests.support import image_files as making
from tests.support.checkpoints import write_checkpoint

ROOT = Path(__file__).parents[2]
_KEYS = ("2006-Takapoto-01.jpg", "2024-Bora-Bora-7.NEF", "1998-Nuku Hiva-12.tif", "2006-Mo%27orea-3.png", "2012-E2B-07")
_PATHS = ("2006/Takapoto/DSC_0001.JPG", "Moorea_2012_q07 50x75.tif", "Nuku-Hiva 12 - 1998.png", "IMG_20190412_1.nef")


@dataclass(frozen=True)
class Target:
    """One entrance: what makes an input, what takes it, and the memory of the function that would meet it."""

    name: str
    make: Callable[[random.Random], Any]
    take: Callable[[Any], Any]
    memory_mb: int
    share: int  # of the inputs


@contextmanager
def targets() -> Iterator[Sequence[Target]]:
    """Yield every target; their files lie in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        yield _targets(Path(folder))


def _targets(folder: Path) -> Sequence[Target]:
    pictures, checkpoint = _pictures(), _checkpoint(folder)
    configuration = next((ROOT / "models").glob("*.yaml")).read_bytes()
    evaluation = next((ROOT / "models").glob("*.evaluation.json")).read_bytes()
    document = json.loads((ROOT / "events" / "coverage.json").read_text())
    removals = [json.loads((ROOT / "events" / f"{name}.json").read_text()) for name in ("removal", "removal-by-page")]
    relabels = json.loads((ROOT / "events" / "relabel.json").read_text())
    table = b"old;new;size;site;depth_m\n2006-Takapoto-01;2006-Takapoto-02;50x75;Passe;12,5\n2012-E2B-07;;;;\n"
    classes = json.dumps({"checkpoint_sha256": "ab" * 32, "classes": ["coral", "sand"], "count": ["coral"]}).encode()
    return (
        Target("decoders", lambda rng: mutated(rng.choice(pictures), rng), lambda data: decode(data, 1.0), 3008, 8),
        Target("keys", lambda rng: text(_KEYS, rng), _take_key, 512, 12),
        Target("events", lambda rng: altered(rng.choice(removals), rng), parse_request, 512, 6),
        Target("relabel lists", lambda rng: altered(relabels, rng), _take_changes, 512, 4),
        Target("state documents", lambda rng: altered(document, rng), _take_document, 512, 8),
        Target(
            "checkpoints", lambda rng: mutated(checkpoint, rng), _file_taker(folder, "w.pth", read_checkpoint), 3008, 4
        ),
        Target(
            "configurations",
            lambda rng: _configuration(configuration, rng),
            _file_taker(folder, "m.yaml", lambda path: model_config("m", path)),
            3008,
            2,
        ),
        Target(
            "class files",
            lambda rng: mutated(classes, rng),
            _file_taker(folder, "m.classes.json", read_classes),
            3008,
            2,
        ),
        Target(
            "evaluations", lambda rng: mutated(evaluation, rng), lambda data: parse_evaluation(data, "m.json"), 3008, 2
        ),
        Target("manifests", lambda rng: mutated(evaluation, rng).decode("utf-8", "replace"), Manifest.parse, 3008, 2),
        Target("mapping files", lambda rng: mutated(table, rng), lambda data: read_wishes(data, "list.csv"), 1024, 4),
        Target("upload plans", _upload, _take_upload, 1024, 4),
    )


def _pictures() -> list[bytes]:
    picture = making.reef(48, 64)
    grey, deep = picture[..., 0], picture.astype(np.uint16) * 257
    alpha = np.dstack([picture, grey])
    found = [
        making.saved(picture, "JPEG", quality=80),
        making.saved(picture, "JPEG", progressive=True),
        making.saved(grey, "JPEG"),
        making.saved(picture, "PNG"),
        making.saved(alpha, "PNG"),
        making.tiff(picture),
        making.tiff(deep, compression="deflate", predictor=True),
        making.tiff(picture, compression="lzw", tile=(16, 16)),
        making.tiff(grey, photometric="minisblack", rowsperstrip=7),
    ]
    buffer = io.BytesIO()
    Image.fromarray(picture).convert("P").save(buffer, "PNG")
    return [*found, buffer.getvalue(), b"FUJIFILMCCD-RAW " + bytes(200), b"GIF89a" + bytes(40)]


def _checkpoint(folder: Path) -> bytes:
    state = {"backbone.a.weight": np.ones((2, 3), np.float32), "backbone.a.bias": np.zeros(2, np.float32)}
    return write_checkpoint(folder / "seed.pth", state).read_bytes()


def _configuration(content: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        return mutated(content, rng)
    try:
        return yaml.safe_dump(altered(yaml.safe_load(content), rng), allow_unicode=True).encode(
            "utf-8", "surrogatepass"
        )
    except yaml.YAMLError:
        return mutated(content, rng)


def _take_key(key: str) -> None:
    check_length(key)
    key_candidates(key)
    survey_of(key)
    SurveyKey.parse(decode_key(key)) if "." in key else SurveyKey.parse_stem(key)


def _take_changes(event: Any) -> None:
    changes = event.get("input", event).get("changes") if isinstance(event.get("input", event), dict) else None
    for entry in changes if isinstance(changes, list) else ():
        Change.from_json(entry)


BUCKETS = Buckets("reef-raw", "reef-treated", "reef-reframed", "reef-segmented", "reef-masks")


class _NoStorage:
    def get_json(self, ref: Any) -> Any:
        raise PhotoNotFoundError(f"{ref} does not exist.")


def _take_document(event: Any) -> None:
    document, storage = StateDocument.parse(event, "reef-raw"), _NoStorage()
    assert document.survey
    document.restoration(storage, BUCKETS)  # type: ignore[arg-type]
    document.reframing(storage, BUCKETS)  # type: ignore[arg-type]
    document.segmentation(storage, BUCKETS)  # type: ignore[arg-type]


def _file_taker(folder: Path, name: str, read: Callable[[Path], Any]) -> Callable[[bytes], Any]:
    def take(data: bytes) -> Any:
        path = folder / name
        path.write_bytes(data)
        return read(path)

    return take


def _upload(rng: random.Random) -> list[dict[str, Any]]:
    files = [
        {
            "id": str(number),
            "path": text(_PATHS, rng),
            "size": 1_000_000,
            "captured": "2012:04:05 10:11:12",
            "modified": 1,
        }
        for number in range(rng.randint(1, 4))
    ]
    return altered(files, rng) if rng.random() < 0.5 else files


def _take_upload(files: list[Any]) -> None:
    incoming = [IncomingFile.from_browser(entry) for entry in files if isinstance(entry, dict)]
    present = {SurveyKey(2006, "Takapoto", 1): PresentObject("2006-Takapoto-01.jpg", 1_000_000)}
    plan(incoming, typed={}, defaults=Guess(), present=present, max_bytes=200_000_000)
