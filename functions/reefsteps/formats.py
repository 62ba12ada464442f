"""Accepted files: the one list that decoder, page, browser script, commands and documents read.

The content decides what a file is, never its extension. The extension only decides which files of a folder are offered,
and how the stored key ends.
"""

from __future__ import annotations

# Every extension that is taken from a folder or by the page, and the one spelling under which it is stored. A JPG and
# a jpeg of one quadrat are one photograph.
STORED_EXTENSIONS = {
    "jpg": "jpg", "jpeg": "jpg", "png": "png", "tif": "tif", "tiff": "tif",
    **{raw: raw for raw in (
        "nef", "nrw", "cr2", "cr3", "crw", "arw", "srf", "sr2", "dng", "raf", "orf", "rw2", "pef", "srw", "3fr", "iiq",
    )},
}  # fmt: skip

RAW_EXTENSIONS = frozenset(STORED_EXTENSIONS) - {"jpg", "jpeg", "png", "tif", "tiff"}
"""Extensions of camera RAW files: their first bytes are of many kinds, which LibRaw knows and nobody lists here."""

FIRST_BYTES = {
    "JPEG": (0, b"\xff\xd8\xff"),
    "PNG": (0, b"\x89PNG\r\n\x1a\n"),
    "TIFF": (0, b"II*\0"),
    "TIFF of a Motorola machine": (0, b"MM\0*"),
    "BigTIFF": (0, b"II+\0"),
    "BigTIFF of a Motorola machine": (0, b"MM\0+"),
    "CR3": (4, b"ftypcrx "),
    "RAF": (0, b"FUJIFILMCCD-RAW"),
    "ORF": (0, b"IIRO"),
    "ORF of another camera": (0, b"IIRS"),
    "RW2": (0, b"IIU\0"),
    "CRW": (6, b"HEAPCCDR"),
}
"""How a photograph's content begins, independent of its extension: an offset in bytes, and the bytes there.

NEF, NRW, CR2, ARW, SRF, SR2, DNG, PEF, SRW, 3FR and IIQ begin as TIFF does.
"""

SHOWN_BY_BROWSERS = frozenset({"jpg", "png"})
"""Stored extensions of originals that a browser can show by itself."""

ACCEPTED = "JPEG, PNG, TIFF or a camera RAW file (NEF, CR2, CR3, ARW, DNG, ...)"
"""How messages name what is accepted."""


def stored_extension(name: str) -> str | None:
    """Return the stored spelling of a file name's extension (without dot), or None for a type that is not accepted."""
    stem, dot, extension = name.rpartition(".")
    return STORED_EXTENSIONS.get(extension.lower()) if dot and stem else None
