"""A machine without memory or disk is no damaged photograph: its error goes on, and the run is tried again."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest
import rawpy
import tifffile
from PIL import Image, ImageCms

from reefsteps.errors import InvalidImageError
from reefsteps.images import colour, decode, metadata, tiff_pieces
from reefsteps.images.damage import is_damage
from reefsteps.images.tiff_layout import LZW
from tests.support.image_files import reef, saved, tiff

FAULTS = (MemoryError(), OSError(errno.ENOMEM, "Cannot allocate memory"), OSError(errno.EIO, "Input/output error"))
WORDED = ("Not enough memory", "Insufficient memory (case 4)", "LZMA_MEM_ERROR", "Allocation error : not enough memory")
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*_arguments: Any, **_options: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
@pytest.mark.parametrize(
    ("place", "name", "data"),
    [
        (tifffile, "TiffFile", tiff(reef())),
        (Image.Exif, "load", saved(reef(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0")),
        (colour, "_transformed", saved(reef(), "TIFF", icc_profile=PROFILE.replace(b"sRGB", b"mine"))),
    ],
    ids=["tags", "exif", "profile"],
)
def test_a_fault_of_the_machine_is_not_told_as_damage(
    fault: Exception, place: Any, name: str, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, name, raising(fault))
    with pytest.raises(type(fault)):
        decode(data)


@pytest.mark.parametrize("words", WORDED)
def test_a_library_that_words_a_full_memory_is_understood(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tiff_pieces._UNPACK, LZW, raising(RuntimeError(words)))
    with pytest.raises(RuntimeError, match=r"(?i)mem"):
        decode(tiff(reef(), compression="lzw"))


def test_libraw_without_memory_is_no_damaged_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            return

        open_buffer = staticmethod(raising(rawpy.LibRawUnsufficientMemoryError(b"")))

    monkeypatch.setattr(rawpy, "RawPy", Full)
    with pytest.raises(MemoryError):
        decode(b"FUJIFILMCCD-RAW " + bytes(400))


@pytest.mark.parametrize(
    "error", [KeyError("x"), OSError("broken data stream"), RuntimeError("lzw_decode returned -9")]
)
def test_damage_stays_damage(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_damage(error)
    monkeypatch.setattr(tifffile, "TiffFile", raising(error))
    with pytest.raises(InvalidImageError):
        decode(tiff(reef()))


def test_unreadable_exif_costs_no_photograph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Exif, "load", raising(SyntaxError("not a TIFF file")))
    assert not dict(metadata.read_exif(b"Exif"))
