"""Which checkpoint a file beside it belongs to.

``<name>.evaluation.json`` and ``<name>.classes.json`` name the sha256 of the checkpoint file. ``<name>.yaml`` names the
digest of the weights instead, because saving a checkpoint again without its optimizer changes the file but not the
weights. The digest stands in a comment, because detectron2 refuses keys that it does not know.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np

from conversion.checkpoint import Weights, read_weights
from conversion.config import MAX_YAML_BYTES
from reefsteps.detection.manifest import FileIdentity

# Tensors that follow from the configuration or that no result depends on.
DERIVED = re.compile(r"pixel_mean|pixel_std|.*\.cell_anchors\.\d+|.*\.num_batches_tracked")

_COMMENT = "# reefsteps: weights "
_BOUND = re.compile(rf"^{_COMMENT}([0-9a-f]{{64}})\s*$", re.MULTILINE)


def weights_digest(weights: Weights) -> str:
    """Return the sha256 of names, types, shapes and values of the tensors that a result depends on."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        if DERIVED.fullmatch(name):
            continue
        values = np.ascontiguousarray(weights[name])
        digest.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
        digest.update(values.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def bound_to(dump: Path) -> str | None:
    """Return the digest of the weights that a configuration dump names; None when it names none."""
    with dump.open(encoding="utf-8", errors="replace") as stream:
        found = _BOUND.search(stream.read(MAX_YAML_BYTES))
    return found[1] if found else None


def belongs(beside: Path, checkpoint: Path) -> bool | None:
    """Say whether a file beside a checkpoint belongs to it; None when the file does not tell."""
    if beside.suffix == ".yaml":
        named = bound_to(beside)
        return None if named is None else named == weights_digest(read_weights(checkpoint))
    try:
        data = json.loads(beside.read_bytes())
    except (ValueError, RecursionError):
        return None
    named = data.get("checkpoint_sha256") if isinstance(data, dict) else None
    return None if not isinstance(named, str) else named == FileIdentity.of(checkpoint).sha256


def bind(dump: Path, checkpoint: Path) -> None:
    """Write into a configuration dump that it belongs to the checkpoint's weights, in place of any others."""
    text = _BOUND.sub("", dump.read_text("utf-8")).lstrip("\n")
    dump.write_text(f"{_COMMENT}{weights_digest(read_weights(checkpoint))}\n{text}", "utf-8")
