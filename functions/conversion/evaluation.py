"""The measured errors beside a checkpoint: accepted for the checkpoint that they were measured on, and for no other."""

from __future__ import annotations

from pathlib import Path

from reefsteps.errors import UnsupportedModelError
from reefsteps.evaluation import MAX_BYTES, Evaluation, parse_evaluation


def read_evaluation(path: Path) -> Evaluation:
    """Return the content of an evaluation file; raises UnsupportedModelError listing every fault."""
    with path.open("rb") as stream:
        return parse_evaluation(stream.read(MAX_BYTES + 1), path.name)


def accepted(path: Path | None, checkpoint_sha256: str) -> tuple[Evaluation | None, str | None]:
    """Return the measured errors of that checkpoint, or why the file is used for nothing.

    A bad file is no reason to refuse a good model.
    """
    if path is None:
        return None, None
    try:
        evaluation = read_evaluation(path)
    except UnsupportedModelError as error:
        return None, str(error)
    if evaluation.checkpoint_sha256 == checkpoint_sha256:
        return evaluation, None
    return None, (
        f"{path.name} was measured on another checkpoint (sha256 {evaluation.checkpoint_sha256[:12]} instead of "
        f"{checkpoint_sha256[:12]}). Measure this one with training.evaluate."
    )
