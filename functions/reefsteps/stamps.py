"""A line of text inside a picture file, where readers of pictures pass over it.

Pixels do not change. JPEG has a segment for comments (ITU-T T.81, B.2.4.5), PNG the tEXt chunk (ISO/IEC 15948, 11.3.3).
"""

from __future__ import annotations

import struct
import zlib

_JPEG_START, _JPEG_APP0, _JPEG_COMMENT = b"\xff\xd8", b"\xff\xe0", b"\xff\xfe"
_PNG_HEADER_BYTES = 8 + 25  # signature and IHDR chunk, which must come first
_MOST_CHARACTERS = 1000


def stamped(body: bytes, content_type: str, text: str) -> bytes:
    """Return a JPEG or PNG file with the text in it; files of other types as they are."""
    line = text.encode("ascii", "replace")[:_MOST_CHARACTERS]
    if content_type == "image/jpeg" and body.startswith(_JPEG_START):
        # The JFIF segment, where there is one, has to be the first.
        app0_bytes = 2 + struct.unpack(">H", body[4:6])[0] if body[2:4] == _JPEG_APP0 else 0
        place = len(_JPEG_START) + app0_bytes
        return body[:place] + _JPEG_COMMENT + struct.pack(">H", len(line) + 2) + line + body[place:]
    if content_type == "image/png" and body.startswith(b"\x89PNG\r\n\x1a\n"):
        content = b"tEXt" + b"Comment\x00" + line
        chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
        return body[:_PNG_HEADER_BYTES] + chunk + body[_PNG_HEADER_BYTES:]
    return body
