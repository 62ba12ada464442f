"""Files that are no photograph for ReefSteps, told by their first bytes, with what to do with each."""

from __future__ import annotations

from reefsteps.images.messages import unsupported

_EXPORT = "open it and export it as JPEG, PNG or TIFF, and upload that"
_PHONE = "set the phone's camera to JPEG ('most compatible'), or export the photograph as JPEG, and upload that"
_VIDEO = "take a still picture out of it, save it as PNG, and upload that"
_UNPACK = "unpack it and upload the photographs in it"

_BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (b"GIF8", "The file is a GIF", _EXPORT),
    (b"8BPS", "The file is a Photoshop document (PSD)", _EXPORT),
    (b"BM", "The file is a Windows bitmap (BMP)", _EXPORT),
    (b"%PDF", "The file is a PDF document", "export the photograph in it as JPEG, PNG or TIFF, and upload that"),
    (b"%!PS", "The file is a PostScript document", _EXPORT),
    (b"\xff\x0a", "The file is a JPEG XL picture", _EXPORT),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "The file is a JPEG XL picture", _EXPORT),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "The file is a JPEG 2000 picture", _EXPORT),
    (b"\xff\x4f\xff\x51", "The file is a JPEG 2000 picture", _EXPORT),
    (b"II\xbc\x01", "The file is a JPEG XR picture", _EXPORT),
    (b"v/1\x01", "The file is an OpenEXR picture", _EXPORT),
    (b"gimp xcf", "The file is a GIMP document (XCF)", _EXPORT),
    (b"FOVb", "The file is a Sigma RAW photograph (X3F)", "develop it to TIFF or JPEG and upload that"),
    (b"\x1a\x45\xdf\xa3", "The file is a video (Matroska or WebM)", _VIDEO),
    (b"\x00\x00\x01\xba", "The file is a video (MPEG)", _VIDEO),
    (b"\x00\x00\x01\xb3", "The file is a video (MPEG)", _VIDEO),
    (b"0&\xb2u\x8ef\xcf\x11", "The file is a video (WMV)", _VIDEO),
    (b"PK\x03\x04", "The file is a ZIP archive or an office document", _UNPACK),
    (b"PK\x05\x06", "The file is an empty ZIP archive", _UNPACK),
    (b"\x1f\x8b", "The file is a gzip archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "The file is a 7-Zip archive", _UNPACK),
    (b"Rar!", "The file is a RAR archive", _UNPACK),
    (b"BZh", "The file is a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ\x00", "The file is an XZ archive", _UNPACK),
    (b"(\xb5/\xfd", "The file is a Zstandard archive", _UNPACK),
)

# ISO base media files ("ftyp" at byte 4) by their major brand; Canon's CR3 ("crx ") is a RAW and not in here.
_BRANDS: dict[bytes, tuple[str, str]] = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"), ("The file is HEIC/HEIF", _PHONE)),
    **dict.fromkeys((b"avif", b"avis"), ("The file is an AVIF picture", _EXPORT)),
    b"jxl ": ("The file is a JPEG XL picture", _EXPORT),
}
_RIFF: dict[bytes, tuple[str, str]] = {
    b"WEBP": ("The file is a WebP picture", _EXPORT),
    b"AVI ": ("The file is a video (AVI)", _VIDEO),
    b"WAVE": ("The file is a sound recording", "upload the photograph that belongs to it"),
}


def other_kind(data: bytes) -> str | None:
    """Return the message for a file that is certainly of a kind which is not read; None where it may be a RAW."""
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        if brand == b"crx ":
            return None
        what, remedy = _BRANDS.get(brand, ("The file is a video (MP4 or QuickTime)", _VIDEO))
        return unsupported(what, remedy)
    if data[4:8] in (b"moov", b"mdat", b"wide"):
        return unsupported("The file is a video (QuickTime)", _VIDEO)
    if data.startswith(b"RIFF") and data[8:12] in _RIFF:
        return unsupported(*_RIFF[data[8:12]])
    if data[257:262] == b"ustar":
        return unsupported("The file is a TAR archive", _UNPACK)
    for beginning, what, remedy in _BEGINNINGS:
        if data.startswith(beginning):
            return unsupported(what, remedy)
    return _text(data)


def _text(data: bytes) -> str | None:
    """Name XML pictures and web pages, which people save in place of a photograph."""
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<svg", b"<?xml")):
        return unsupported("The file is an SVG drawing or another XML file", _EXPORT)
    if head.startswith((b"<!doctype html", b"<html")):
        return unsupported(
            "The file is a web page", "save the photograph itself, not the page around it, and upload that"
        )
    return None
