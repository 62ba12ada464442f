"""What the picture steps compute on drawn photographs, as one SHA-256 a stage: equal before and after a change of form.

    python -m tests.benchmarks.pin_reframing [--count 40] [--first-seed 0] [--keep FOLDER]

Run it before and after a change that must not alter results, on one machine, and compare the lines. A stage's hash is
taken over the bytes of its floating-point numbers and pixels, so a difference in the last bit shows.

* ``corners``: everything that ``find_quadrat`` returns, or the refusal's message; every fourth frame is a rectangle;
* ``gate``: which photographs were accepted;
* ``by hand``: the view of the true corners, as a person would set them;
* ``reframed``, ``treated``, ``strings``, ``mask``, ``overlay``: pixels, of the first ``PICTURES`` accepted photographs.

``--keep`` stores the drawn photographs in a folder (18 MB each), so that the next run need not draw them again.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import cv2
import numpy as np

from reefsteps.arrays import BoolArray, ByteArray, Float64Array
from reefsteps.detection import Detections, InstanceMask
from reefsteps.errors import InvalidParameterError, QuadratNotFoundError
from reefsteps.quadrat_size import QuadratSize
from reframing.manual import manual_model
from reframing.quadrat import find_quadrat
from reframing.quadrat_fit import QuadratFit
from reframing.rectification import rectify, source_side_px
from restoration.methods import METHODS, restore
from segmentation.cover import measure
from segmentation.overlay import draw_overlay
from segmentation.string_mask import find_strings
from tests.benchmarks.bench_reframing import MASK_KINDS, QUALITIES, draw, perfect_mask
from tests.benchmarks.mask_damage import damaged

PICTURES = 4
RECTANGLE = QuadratSize.parse("50x75")
STAGES = ("corners", "gate", "by hand", "reframed", "treated", "strings", "mask", "overlay")

Drawn = tuple[ByteArray, BoolArray, Float64Array]


def main() -> None:
    """Print a hash for each stage."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=40, help="photographs")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the drawn photographs")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    hashes = {stage: hashlib.sha256() for stage in STAGES}
    accepted = 0
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.count):
        picture, mask, truth = drawn(seed, arguments.keep)
        fit, message = found(picture, mask, size_of(seed))
        hashes["corners"].update(numbers(fit) if fit else message.encode())
        hashes["gate"].update(f"{seed}: {'accepted' if fit else 'refused'}\n".encode())
        hashes["by hand"].update(view_by_hand(picture, truth, size_of(seed)))
        if fit and accepted < PICTURES:
            for stage, content in pictures(picture, fit).items():
                hashes[stage].update(content)
        accepted += fit is not None
    for stage, value in hashes.items():
        print(f"{stage:9} {value.hexdigest()}")
    print(f"{accepted} of {arguments.count} accepted")


def size_of(seed: int) -> QuadratSize | None:
    """Return the size that a seed's frame is drawn with and looked for: every fourth is a rectangle."""
    return RECTANGLE if seed % 4 == 3 else None


def drawn(seed: int, folder: Path | None) -> Drawn:
    """Return photograph, damaged frame mask and true corners (4, 2) of a seed."""
    path = folder / f"{seed}.npz" if folder else None
    if path and path.exists():
        with np.load(path) as kept:
            return kept["picture"], kept["mask"], kept["truth"]
    random = np.random.default_rng([seed, 7])
    photo = draw(seed, "grid10" if seed % 2 else "none", frames=size_of(seed))
    mask = damaged(perfect_mask(photo, MASK_KINDS[seed % 3]), random, list(QUALITIES.values())[seed % 3])
    if path:
        np.savez(path, picture=photo.image_bgr, mask=mask, truth=photo.corners_px)
    return photo.image_bgr, mask, photo.corners_px


def found(picture: ByteArray, mask: BoolArray, size: QuadratSize | None) -> tuple[QuadratFit | None, str]:
    """Return the fit, or the message of the refusal."""
    try:
        return find_quadrat(picture, mask, size), ""
    except QuadratNotFoundError as refusal:
        return None, str(refusal)


def numbers(fit: QuadratFit) -> bytes:
    """Return every number of a fit as bytes."""
    values = [
        fit.radial, fit.residual_px, fit.uncertainty_percent, fit.confidence, fit.strings_used, *fit.visible_share,
        fit.partly_visible, fit.width_px, fit.height_px, *fit.extent, *(fit.string_cells or (0, 0)),
    ]  # fmt: skip
    return fit.corners_px.tobytes() + np.array(values, np.float64).tobytes() + fit.model.matrix.tobytes()


def view_by_hand(picture: ByteArray, truth: Float64Array, size: QuadratSize | None) -> bytes:
    """Return the matrix of the view that hand-set corners give, as bytes; the refusal's message where it is refused."""
    height, width = picture.shape[:2]
    try:
        return manual_model(np.clip(truth, 0, (width, height)).tolist(), width, height, size).matrix.tobytes()
    except InvalidParameterError as refusal:
        return str(refusal).encode()


def pictures(picture: ByteArray, fit: QuadratFit) -> dict[str, bytes]:
    """Return the pixels that the steps make of an accepted photograph, with ellipses in the place of corals."""
    reframed = rectify(picture, fit.model, source_side_px(fit.model))
    strings = find_strings(reframed, fit.string_cells)
    detections = ellipses(reframed.shape[:2])
    cover = measure(detections, 10.0, strings)
    treated = [restore(picture[::2, ::2], method).pixels_bgr.tobytes() for method in METHODS]
    return {
        "reframed": reframed.tobytes(),
        "treated": b"".join(treated),
        "strings": strings.tobytes(),
        "mask": cover.mask.tobytes() + repr((cover.cover_percent, cover.strings_percent, cover.colonies)).encode(),
        "overlay": draw_overlay(reframed, cover.mask, detections).tobytes(),
    }


def ellipses(shape: tuple[int, int]) -> Detections:
    """Return twelve instances spread over a picture of (height, width)."""
    random = np.random.default_rng(0)
    height, width = shape
    masks = []
    for _ in range(12):
        columns, rows = (int(random.integers(20, side // 4)) for side in (width, height))
        bitmap = np.zeros((rows, columns), np.uint8)
        cv2.ellipse(bitmap, (columns // 2, rows // 2), (columns // 2, rows // 2), 0, 0, 360, 1, -1)
        masks.append(InstanceMask(int(random.integers(width - columns)), int(random.integers(height - rows)), bitmap))
    boxes = [(mask.x0, mask.y0, mask.x0 + mask.bitmap.shape[1], mask.y0 + mask.bitmap.shape[0]) for mask in masks]
    scores = np.linspace(0.99, 0.5, len(masks)).astype(np.float32)
    classes = np.zeros(len(masks), np.int64)
    return Detections(np.array(boxes, np.float32), scores, classes, tuple(masks), shape)


if __name__ == "__main__":
    main()
