"""Percent cover of drawn scenes by the way in which the photograph was saved.

``python -m tests.benchmarks.bench_formats --scenes 24``: each scene is saved as plain 8-bit PNG and in every lossless,
colour-preserving variant below; each is decoded, restored, straightened with its true corners and measured by the demo
coral model. Ends with status 1 where a variant is refused or moves cover by more than 0.3 percentage points.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from conversion.convert import convert
from reefsteps.images import decode, encode_png
from restoration.methods import restore
from synthetic import SyntheticPhoto
from training.library.examples import TEST_SEED, coral_photo, straighten
from training.library.predict import load_predictor
from training.library.prediction import Predictor

BAR_POINTS = 0.3
CHECKPOINT = Path("models/detectron2-classifier.pth")
_CROP_PX = 512
_MIN_SCORE = 0.5

Array = npt.NDArray[Any]
Save = Callable[[Array], bytes]


def _tiff(**options: Any) -> Save:
    def save(rgb: Array) -> bytes:
        file = io.BytesIO()
        tifffile.imwrite(file, rgb, **({"photometric": "rgb", "metadata": None} | options))
        return file.getvalue()

    return save


def _deep(save: Save) -> Save:
    return lambda rgb: save(rgb.astype(np.uint16) * 257)


def _planes(save: Save) -> Save:
    return lambda rgb: save(np.ascontiguousarray(rgb.transpose(2, 0, 1)))


def _with_sample(save: Save, seed: int | None) -> Save:
    """A fourth sample: noise (infra-red, a selection), or full alpha."""

    def with_sample(rgb: Array) -> bytes:
        top = np.iinfo(rgb.dtype).max
        noise = np.random.default_rng(seed).integers(0, top, rgb.shape[:2]) if seed is not None else top
        return save(np.dstack([rgb, np.broadcast_to(noise, rgb.shape[:2]).astype(rgb.dtype)]))

    return with_sample


def _in_profile(name: str) -> Save:
    """16 bits in another colour encoding, with its profile."""
    profile, srgb = bytes(imagecodecs.cms_profile(name)), imagecodecs.cms_profile("srgb")

    def save(rgb: Array) -> bytes:
        deep = rgb.astype(np.uint16) * 257
        moved = imagecodecs.cms_transform(
            deep, srgb, profile, colorspace="rgb", outcolorspace="rgb", intent=1, flags=0x0100
        )
        return _tiff(iccprofile=profile, compression="zlib")(moved)

    return save


def _after_preview(rgb: Array) -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        small = np.ascontiguousarray(rgb[::4, ::4])
        writer.write(small, photometric="rgb", subfiletype=1, metadata=None)
        writer.write(rgb, photometric="rgb", metadata=None)
    return file.getvalue()


def _upside_down(rgb: Array) -> bytes:
    return _tiff(extratags=[(274, "H", 1, 3)])(np.ascontiguousarray(rgb[::-1, ::-1]))


def _pillow(**options: Any) -> Save:
    def save(rgb: Array) -> bytes:
        file = io.BytesIO()
        Image.fromarray(rgb).save(file, "PNG", **options)
        return file.getvalue()

    return save


_LAYOUTS: dict[str, dict[str, Any]] = {"": {}, ", tiles": {"tile": (128, 128)}, ", big-endian": {"byteorder": ">"}}
VARIANTS: dict[str, Save] = {
    "PNG, sRGB profile": _pillow(icc_profile=bytes(imagecodecs.cms_profile("srgb"))),
    "PNG, 16 bits": lambda rgb: encode_png(rgb[..., ::-1].astype(np.uint16) * 257),
    "PNG, full alpha": lambda rgb: _pillow()(np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])),
    **{
        f"TIFF, {compression or 'uncompressed'}{name}": _tiff(compression=compression, **options)
        for compression in (None, "lzw", "zlib", "packbits", "zstd", "lzma")
        for name, options in _LAYOUTS.items()
    },
    "TIFF, LZW with predictor": _tiff(compression="lzw", predictor=2),
    "BigTIFF": _tiff(bigtiff=True),
    "TIFF, planes": _planes(_tiff(planarconfig="separate")),
    "TIFF, 16 bits": _deep(_tiff(compression="zlib", predictor=2)),
    "TIFF, 16 bits, planes": _deep(_planes(_tiff(planarconfig="separate"))),
    "TIFF, 16 bits, planes, tiles": _deep(_planes(_tiff(planarconfig="separate", tile=(128, 128), compression="lzw"))),
    "TIFF, infra-red": _with_sample(_tiff(extrasamples=["unspecified"]), 1),
    "TIFF, 16 bits, infra-red": _deep(_with_sample(_tiff(extrasamples=["unspecified"]), 1)),
    "TIFF, full alpha": _with_sample(_tiff(extrasamples=["unassalpha"]), None),
    "TIFF, full associated alpha": _with_sample(_tiff(extrasamples=["assocalpha"]), None),
    "TIFF, 16 bits, Adobe RGB": _in_profile("adobergb"),
    "TIFF, preview first": _after_preview,
    "TIFF, turned": _upside_down,
}


def main() -> int:
    """Print the largest and mean difference of each variant; return the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    arguments.add_argument("--scenes", type=int, default=24)
    scenes = arguments.parse_args().scenes
    with tempfile.TemporaryDirectory() as folder:
        convert(CHECKPOINT, CHECKPOINT.with_suffix(".yaml"), Path(folder))
        predictor = load_predictor(Path(folder) / CHECKPOINT.with_suffix(".onnx").name, threads=2)
        moved: dict[str, list[float]] = {name: [] for name in VARIANTS}
        for seed in range(scenes):
            photo = coral_photo(TEST_SEED + seed)
            plain = encode_png(photo.image_bgr)
            pixels = decode(plain).pixels_bgr
            cover = _cover(plain, photo, predictor)
            for name, save in VARIANTS.items():
                file = save(np.ascontiguousarray(photo.image_bgr[..., ::-1]))
                same = np.array_equal(decode(file).pixels_bgr, pixels)  # restoration and model are deterministic
                moved[name].append(0.0 if same else abs(_cover(file, photo, predictor) - cover))
    for name, points in moved.items():
        print(f"{name:34} mean {np.mean(points):.3f}, worst {max(points):.3f} points of {scenes} scenes", flush=True)
    worst = max(max(points) for points in moved.values())
    print(f"{len(VARIANTS)} variants, worst {worst:.3f} points (bar {BAR_POINTS})")
    return int(worst > BAR_POINTS)


def _cover(file: bytes, photo: SyntheticPhoto, predictor: Predictor) -> float:
    restored = restore(decode(file).pixels_bgr).pixels_bgr
    crop, _ = straighten(restored, photo.coral_labels(), photo.corners_px, _CROP_PX)
    return float(100 * predictor(crop).union(_MIN_SCORE).mean())


if __name__ == "__main__":
    sys.exit(main())
