"""Load a model whose weights stay in its file: copying them twice took most of the loading time.

onnxruntime reads weights inside an ``.onnx`` file into memory and copies them from there. Weights in a file beside it
are mapped instead. Here the model names itself as that file: each large tensor becomes a reference to its bytes in the
``.onnx`` file. Sources: Protocol Buffers' encoding specification; ONNX IR specification, "External Tensor Data".
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SMALLEST_BYTES = 4096  # a page; below, a reference is longer than what it saves

# Numbers of fields in onnx.proto
_MODEL_GRAPH = 7
_GRAPH_INITIALIZER = 5
_TENSOR_RAW_DATA, _TENSOR_EXTERNAL_DATA, _TENSOR_DATA_LOCATION = 9, 13, 14
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_EXTERNAL = 1

# Kinds of values in the encoding
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5


@dataclass(frozen=True)
class _Field:
    number: int
    kind: int
    start: int  # of the tag
    value: int  # of the value's first byte
    stop: int


def by_reference(path: Path) -> bytes:
    """Return the model without its large weights; each refers to its place in the file ``path``.

    onnxruntime must be told the folder of ``path``. Raises ValueError when the file is no protocol buffer message.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:

        def weights(raw: _Field) -> bytes:
            return _reference(path.name, raw.value, raw.stop - raw.value)

        def tensor(field: _Field) -> bytes:
            if field.stop - field.value < SMALLEST_BYTES:
                return content[field.start : field.stop]
            return _bytes_field(field.number, _changed(content, field.value, field.stop, _TENSOR_RAW_DATA, weights))

        def graph(field: _Field) -> bytes:
            return _bytes_field(field.number, _changed(content, field.value, field.stop, _GRAPH_INITIALIZER, tensor))

        return _changed(content, 0, len(content), _MODEL_GRAPH, graph)


def _changed(content: mmap.mmap, start: int, stop: int, number: int, change: Callable[[_Field], bytes]) -> bytes:
    """Return the message that lies there, with what ``change`` gives in place of every field ``number`` of bytes."""
    return b"".join(
        change(field) if (field.number, field.kind) == (number, _BYTES) else content[field.start : field.stop]
        for field in _fields(content, start, stop)
    )


def _reference(file_name: str, offset: int, length: int) -> bytes:
    """Return a tensor's fields that say where its values lie."""
    entries = {"location": file_name, "offset": str(offset), "length": str(length)}
    external = b"".join(
        _bytes_field(
            _TENSOR_EXTERNAL_DATA,
            _bytes_field(_ENTRY_KEY, key.encode()) + _bytes_field(_ENTRY_VALUE, value.encode()),
        )
        for key, value in entries.items()
    )
    return external + _varint(_TENSOR_DATA_LOCATION << 3 | _VARINT) + _varint(_EXTERNAL)


def _fields(content: mmap.mmap, start: int, stop: int) -> Iterator[_Field]:
    position = start
    while position < stop:
        tag, value = _read_varint(content, position, stop)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _, end = _read_varint(content, value, stop)
        elif kind == _BYTES:
            length, value = _read_varint(content, value, stop)
            end = value + length
        elif kind in (_FIXED_64, _FIXED_32):
            end = value + (8 if kind == _FIXED_64 else 4)
        else:
            raise ValueError(f"a field of unknown kind {kind} at byte {position}")
        if end > stop:
            raise ValueError(f"the field at byte {position} does not end within its message")
        yield _Field(number, kind, position, value, end)
        position = end


def _read_varint(content: mmap.mmap, position: int, stop: int) -> tuple[int, int]:
    """Return the number at ``position`` and where the next byte after it is."""
    number = 0
    for index in range(10):
        if position + index >= stop:
            break
        byte = content[position + index]
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return number, position + index + 1
    raise ValueError(f"no number at byte {position}")


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _bytes_field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value
