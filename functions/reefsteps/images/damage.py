"""What a damaged file makes the readers of pictures raise; all else is a fault of the machine, which is retried."""

from __future__ import annotations

import re
import struct
import zlib

from PIL import ImageCms

# tifffile's and Pillow's own errors are ValueErrors, imagecodecs' are RuntimeErrors. Broken values in a file's tags let
# through the rest. MemoryError is missing on purpose.
_RAISED_BY_DAMAGE: tuple[type[Exception], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    ImageCms.PyCMSError,
    LookupError,
    RuntimeError,
    SyntaxError,  # Pillow's plug-ins, for a wrong beginning
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
# As libjpeg, liblzma, libzstd and LibRaw word it (imagecodecs 2026, rawpy 0.27): their errors have no class for it.
_OUT_OF_MEMORY = re.compile(r"(insufficient|unsufficient|not enough|out of) memory|MEM_ERROR|memory_allocation", re.I)


def is_damage(error: Exception) -> bool:
    """Tell whether a reader's error speaks of the file. A full memory or disk is no damage, and must not be told so."""
    if isinstance(error, OSError):
        return error.errno is None  # Pillow's own; the system's have a number
    return isinstance(error, _RAISED_BY_DAMAGE) and not _OUT_OF_MEMORY.search(str(error))
