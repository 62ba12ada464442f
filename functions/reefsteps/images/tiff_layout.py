"""How a TIFF directory stores its picture (TIFF 6.0), with everything that is not read refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reefsteps.errors import InvalidImageError
from reefsteps.images.messages import damaged, unsupported
from reefsteps.images.picture import check_size

WHITE_IS_ZERO, GREY, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
NONE, LZW, JPEG, DEFLATE, DEFLATE_OLD, PACKBITS, LZMA, ZSTD, ZSTD_OLD = (
    1, 5, 7, 8, 32946, 32773, 34925, 50000, 34926,
)  # fmt: skip
COMPRESSIONS = frozenset({NONE, LZW, JPEG, DEFLATE, DEFLATE_OLD, PACKBITS, LZMA, ZSTD, ZSTD_OLD})

# Some are refused although a decoder is at hand. Decoders of WebP, JPEG 2000 and JPEG XR return wrong pixels for
# damaged data without an error. The rest do not store a photograph losslessly, or few programs read them.
_COMPRESSION_NAMES = {
    2: "CCITT fax", 3: "CCITT fax", 4: "CCITT fax", 6: "JPEG of the kind given up in 1995", 34887: "LERC",
    33003: "JPEG 2000", 33004: "JPEG 2000", 33005: "JPEG 2000", 34712: "JPEG 2000", 34892: "lossy JPEG of DNG",
    22610: "JPEG XR", 34934: "JPEG XR", 34933: "PNG", 34927: "WebP", 50001: "WebP", 50002: "JPEG XL",
    52546: "JPEG XL", 34676: "LogLuv", 34677: "LogLuv", 32766: "NeXT", 32809: "ThunderScan", 32771: "word-aligned fax",
    34661: "JBIG", 34715: "JBIG2", LZW: "LZW", DEFLATE: "deflate", DEFLATE_OLD: "deflate", PACKBITS: "PackBits",
    LZMA: "LZMA", ZSTD: "Zstandard", ZSTD_OLD: "Zstandard",
}  # fmt: skip
_PHOTOMETRIC_NAMES = {
    4: "a transparency mask", 8: "CIE L*a*b* colours", 9: "ICC L*a*b* colours", 10: "ITU L*a*b* colours",
    32844: "LogL values", 32845: "LogLuv values", 51177: "depth values",
}  # fmt: skip
_SAMPLE_FORMATS = {2: "signed whole numbers", 3: "floating-point numbers", 5: "complex numbers", 6: "complex numbers"}
_COLOURS = {WHITE_IS_ZERO: 1, GREY: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3}
_WHOLE_DEPTHS = (8, 16)
_PACKED_DEPTHS = (1, 2, 4, 10, 12, 14)

_PHOTOMETRIC, _EXTRA_SAMPLES, _SAMPLE_FORMAT, _INK_SET, _FILL_ORDER = 262, 338, 339, 332, 266
_ASSOCIATED, _UNASSOCIATED = 1, 2
_CMYK_INKS = 1

MAX_SAMPLES = 6
MAX_PIECES = 100_000


@dataclass(frozen=True)
class TiffLayout:
    """Where the samples of a picture are and what they mean."""

    width: int
    height: int
    samples: int  # for each pixel
    bits: int  # for each sample
    photometric: int
    colours: int  # samples that are colours; the rest is extra
    alpha: int | None  # which sample is transparency
    premultiplied: bool
    planar: bool  # colours in separate planes
    compression: int
    predictor: int
    reverse_bits: bool
    tile: tuple[int, int]  # rows, columns of a strip or tile
    tiled: bool

    @property
    def deep(self) -> bool:
        """Whether the decoded picture has 16 bits a channel."""
        return self.bits > 8

    @property
    def across(self) -> int:
        """Pieces side by side."""
        return -(-self.width // self.tile[1])

    @property
    def down(self) -> int:
        """Pieces one below the other."""
        return -(-self.height // self.tile[0])

    @property
    def in_piece(self) -> int:
        """Samples of a pixel that lie together in a piece."""
        return 1 if self.planar else self.samples

    def piece_bytes(self, rows: int) -> int:
        """Bytes of a decompressed piece of so many rows; each row begins with a whole byte."""
        return rows * ((self.tile[1] * self.in_piece * self.bits + 7) // 8)


def layout_of(page: Any, max_megapixels: float) -> TiffLayout:
    """Return the layout of a tifffile page; raises InvalidImageError for what is not read and beyond the limits."""
    width, height = int(page.imagewidth), int(page.imagelength)
    check_size(width, height, max_megapixels)
    if int(page.imagedepth) != 1:
        raise InvalidImageError(unsupported("The TIFF is a stack of pictures"))
    compression, photometric = _kind(page)
    samples, bits = _samples(page, photometric)
    colours = _COLOURS[photometric]
    alpha, premultiplied = _alpha(page, samples, colours, photometric)
    planar = samples > 1 and int(page.planarconfig) == 2
    tiled = bool(page.is_tiled)
    rows = int(page.tilelength if tiled else page.rowsperstrip) or height
    tile = (rows if tiled else min(rows, height), int(page.tilewidth) if tiled else width)
    if min(tile) < 1 or tile[0] * tile[1] > 4 * (max_megapixels * 1e6 + 1e6):
        raise InvalidImageError(damaged("TIFF", "the size of its tiles is not possible"))
    layout = TiffLayout(
        width, height, samples, bits, photometric, colours, alpha, premultiplied, planar, compression,
        _predictor(page, compression, bits), int(page.tags.valueof(_FILL_ORDER, 1)) == 2, tile, tiled,
    )  # fmt: skip
    _check_jpeg(layout, page)
    if layout.across * layout.down * (samples if planar else 1) > MAX_PIECES:
        raise InvalidImageError(unsupported(f"The TIFF is divided into more than {MAX_PIECES} pieces"))
    return layout


def compression_name(number: int) -> str:
    """Return what people call a compression."""
    return _COMPRESSION_NAMES.get(number, f"method {number}")


def _kind(page: Any) -> tuple[int, int]:
    compression, photometric = int(page.compression), int(page.photometric)
    if compression not in COMPRESSIONS:
        raise InvalidImageError(unsupported(f"The TIFF is compressed with {compression_name(compression)}"))
    if page.tags.valueof(_PHOTOMETRIC) is None:
        raise InvalidImageError(unsupported("The TIFF does not say what its values mean (PhotometricInterpretation)"))
    if photometric not in _COLOURS:
        name = _PHOTOMETRIC_NAMES.get(photometric, f"values of kind {photometric}")
        raise InvalidImageError(unsupported(f"The TIFF holds {name}", "save it as RGB and upload that"))
    if photometric == CMYK and int(page.tags.valueof(_INK_SET, _CMYK_INKS)) != _CMYK_INKS:
        raise InvalidImageError(unsupported("The TIFF holds inks other than CMYK", "save it as RGB and upload that"))
    return compression, photometric


def _samples(page: Any, photometric: int) -> tuple[int, int]:
    samples = int(page.samplesperpixel)
    stored = page.bitspersample
    if isinstance(stored, tuple):
        if len(set(stored)) != 1:
            raise InvalidImageError(unsupported("The TIFF's channels differ in depth"))
        stored = stored[0]
    bits = int(stored)
    formats = page.tags.valueof(_SAMPLE_FORMAT, 1)
    for sample_format in formats if isinstance(formats, tuple) else (formats,):
        if int(sample_format) in _SAMPLE_FORMATS:
            name = _SAMPLE_FORMATS[int(sample_format)]
            raise InvalidImageError(
                unsupported(f"The TIFF holds {bits}-bit {name}", "save it with 8 or 16 bits a channel and upload that")
            )
    if bits not in _WHOLE_DEPTHS + _PACKED_DEPTHS:
        raise InvalidImageError(
            unsupported(f"The TIFF holds {bits} bits a channel", "save it with 8 or 16 bits a channel and upload that")
        )
    colours = _COLOURS[photometric]
    if samples < colours:
        raise InvalidImageError(damaged("TIFF", f"it says it has {samples} channels where {colours} are needed"))
    if samples > MAX_SAMPLES or (colours == 1 and samples > 2):
        raise InvalidImageError(
            unsupported(f"The TIFF holds {samples} channels", "save it as grey or RGB and upload that")
        )
    if photometric == PALETTE and (samples > 1 or bits > 8):
        raise InvalidImageError(unsupported("The TIFF holds an unusual palette"))
    return samples, bits


def _alpha(page: Any, samples: int, colours: int, photometric: int) -> tuple[int | None, bool]:
    """Return which sample is transparency, and whether colours are premultiplied by it.

    A sample of unspecified kind (a scanner's infra-red, a saved selection) is no transparency and is left out.
    """
    kinds = page.tags.valueof(_EXTRA_SAMPLES, ())
    kinds = tuple(kinds) if isinstance(kinds, tuple | list) else (kinds,)
    for number, kind in enumerate(kinds[: samples - colours]):
        if int(kind) in (_ASSOCIATED, _UNASSOCIATED):
            if photometric in (CMYK, WHITE_IS_ZERO, YCBCR):
                raise InvalidImageError(
                    unsupported("The TIFF is transparent and not RGB", "save it as RGB without layers")
                )
            return colours + number, int(kind) == _ASSOCIATED
    return None, False


def _predictor(page: Any, compression: int, bits: int) -> int:
    predictor = int(page.predictor)
    if compression in (NONE, PACKBITS, JPEG):
        return 1  # TIFF 6.0: for LZW, and later for the other general methods
    if predictor not in (1, 2) or (predictor == 2 and bits not in _WHOLE_DEPTHS):
        raise InvalidImageError(unsupported(f"The TIFF uses predictor {predictor} with {bits} bits"))
    return predictor


def _check_jpeg(layout: TiffLayout, page: Any) -> None:
    if layout.compression != JPEG:
        if layout.photometric == YCBCR:
            raise InvalidImageError(unsupported("The TIFF holds YCbCr colours without JPEG", "save it as RGB"))
        return
    if layout.bits != 8:
        raise InvalidImageError(unsupported(f"The TIFF holds JPEG data of {layout.bits} bits"))
    if layout.photometric not in (GREY, RGB, YCBCR) or (layout.in_piece != layout.colours and not layout.planar):
        raise InvalidImageError(unsupported("The TIFF holds JPEG data that are neither grey nor RGB"))
    if layout.planar and layout.photometric == YCBCR:
        raise InvalidImageError(unsupported("The TIFF holds YCbCr colours in separate planes", "save it as RGB"))
    coefficients = page.tags.valueof(529, None)
    if coefficients is not None and not _usual_coefficients(coefficients):
        raise InvalidImageError(unsupported("The TIFF holds unusual YCbCr colours", "save it as RGB"))


def _usual_coefficients(stored: Any) -> bool:
    """Return whether YCbCrCoefficients are those of JPEG (ITU-R BT.601)."""
    pairs = list(stored)
    values = [pairs[i] / max(1, pairs[i + 1]) for i in range(0, 6, 2)] if len(pairs) == 6 else pairs
    return len(values) == 3 and all(abs(a - b) < 0.01 for a, b in zip(values, (0.299, 0.587, 0.114), strict=True))
