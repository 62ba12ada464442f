"""Reads the weights of a checkpoint with numpy alone: torch's zip and legacy formats, detectron2's model zoo.

Formats: torch/serialization.py; a model-zoo file is a pickle of numpy arrays. Everything in the file is taken as
hostile. Sizes are checked before anything is read. Tensors are views of the file until they are used.
"""

from __future__ import annotations

import math
import mmap
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from conversion.inert_pickle import ArrayRef, DtypeRef, StorageRef, TensorRef, read_pickle
from conversion.state_dict import chosen_state
from reefsteps.arrays import AnyArray
from reefsteps.errors import UnsupportedModelError

Weights = dict[str, AnyArray]

MAX_FILE_BYTES = 2 << 30
MAX_PICKLE_BYTES = 16 << 20
MAX_DIRECTORY_BYTES = 4 << 20  # of the zip archive: one entry of about 80 bytes a tensor
MAX_PARAMETERS = 200_000_000  # a ResNet-101-FPN Mask R-CNN has 63 million

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")
_NUMPY_DTYPES = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "b1"}
_LEGACY_PROTOCOL = 1001
_DTYPES = {
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",
    "DoubleStorage": "<f8",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "<u1",
}


@dataclass(frozen=True)
class Checkpoint:
    """A model's tensors by name, and what was chosen or changed to get at them, in sentences."""

    tensors: Weights
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _File:
    """A checkpoint's description of its tensors, and how to get at their bytes."""

    content: Any
    storage: Callable[[StorageRef], memoryview]


def read_weights(path: Path) -> Weights:
    """Return the tensors of ``read_checkpoint``."""
    return read_checkpoint(path).tensors


def read_checkpoint(path: Path) -> Checkpoint:
    """Return the model's tensors by the names that detectron2 gives them: numpy arrays of the stored type, bfloat16 as
    float32. See ``state_dict`` for which weights of a file are the model's.

    Raises UnsupportedModelError for anything that is no such file; nothing in the file is ever executed, and all
    tensors together are no larger than the file.
    """
    size = path.stat().st_size
    if not 0 < size <= MAX_FILE_BYTES:
        raise UnsupportedModelError(
            f"{path.name} has {size} bytes; a checkpoint has at most {MAX_FILE_BYTES}. Save the weights alone."
        )
    with path.open("rb") as stream:
        data = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    file = _read(path, data)
    described, notes = chosen_state(file.content, path.name)
    if sum(_count(value) for value in described.values()) > MAX_PARAMETERS:
        raise UnsupportedModelError(f"{path.name} has more than {MAX_PARAMETERS} parameters.")
    tensors: Weights = {}
    total = 0
    for name, value in described.items():
        tensors[name] = (
            _numpy_array(name, value)
            if isinstance(value, ArrayRef)
            else _array(name, value, file.storage(value.storage))
        )
        total += tensors[name].nbytes
        if total > 2 * size:  # bfloat16 becomes twice as long
            raise UnsupportedModelError(f"{path.name} is damaged: its tensors are larger than the file.")
    return Checkpoint(tensors, notes)


def _read(path: Path, data: memoryview) -> _File:
    if bytes(data[:4]) == b"PK\x03\x04":
        return _read_zip(path, data)
    if bytes(data[:1]) != b"\x80":
        raise UnsupportedModelError(f"{path.name} is no torch checkpoint (neither zip nor legacy format).")
    if _LEGACY_MAGIC in bytes(data[:32]):
        return _read_legacy(path, data)
    return _File(read_pickle(data).value, _no_storage)


def _count(value: TensorRef | ArrayRef) -> int:
    shape = value.shape if isinstance(value.shape, tuple) else ()
    if not all(type(number) is int and number >= 0 for number in shape):
        raise UnsupportedModelError("The checkpoint is damaged: an array has an impossible shape.")
    return math.prod(shape)


def _no_storage(_reference: StorageRef) -> memoryview:
    raise UnsupportedModelError("The checkpoint is damaged: a tensor's data is missing.")


def _numpy_array(name: str, array: ArrayRef) -> AnyArray:
    dtype, data = array.dtype, array.data
    if not isinstance(dtype, DtypeRef) or dtype.code not in _NUMPY_DTYPES or dtype.order not in ("<", ">", "|"):
        raise UnsupportedModelError(f"The checkpoint's array '{name[:80]}' is of no type that weights have.")
    kind = np.dtype(dtype.order + dtype.code)
    if _count(array) == 0 and isinstance(array.shape, tuple):
        return np.zeros(array.shape, kind)
    content = data.encode("latin-1", "replace") if isinstance(data, str) else data
    if not isinstance(content, bytes | memoryview) or not isinstance(array.shape, tuple):
        raise UnsupportedModelError(f"The checkpoint is damaged: array '{name[:80]}' has no data.")
    if len(content) != _count(array) * kind.itemsize:
        raise UnsupportedModelError(f"The checkpoint is damaged: array '{name[:80]}' has another size than it says.")
    return np.frombuffer(content, kind).reshape(array.shape, order="F" if array.fortran is True else "C")


def _array(name: str, tensor: TensorRef, data: memoryview) -> AnyArray:
    dtype = np.dtype(_DTYPES[tensor.storage.dtype])
    memory = np.frombuffer(data, dtype, count=len(data) // dtype.itemsize)
    count = math.prod(tensor.shape)
    last = tensor.offset + sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.strides, strict=True))
    if count and (last >= memory.size or count > memory.size):
        raise UnsupportedModelError(f"The checkpoint is damaged: tensor '{name[:80]}' reaches beyond its storage.")
    view = np.lib.stride_tricks.as_strided(
        memory[tensor.offset : tensor.offset + 1] if count else memory[:0],
        tensor.shape,
        [stride * dtype.itemsize for stride in tensor.strides],
        writeable=False,
    )
    if tensor.storage.dtype == "BFloat16Storage":  # the upper half of a float32
        return (view.astype(np.uint32) << 16).view(np.float32)
    return view


def _storage_bytes(storage: StorageRef) -> int:
    if storage.dtype not in _DTYPES:
        raise UnsupportedModelError(
            f"The checkpoint holds {storage.dtype.removesuffix('Storage')[:40]} tensors. Supported are float, half, "
            "bfloat16, double and integers."
        )
    return storage.count * np.dtype(_DTYPES[storage.dtype]).itemsize


def _read_zip(path: Path, data: memoryview) -> _File:
    _check_directory_size(data)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise UnsupportedModelError(f"{path.name} is damaged or cut off ({error}). Upload it again.") from error
    root = next((name[: -len("data.pkl")] for name in entries if name.endswith("/data.pkl")), None)
    if root is None or f"{root}constants.pkl" in entries:
        raise UnsupportedModelError(f"{path.name} is no checkpoint but another archive (TorchScript, for instance).")

    def content(name: str) -> memoryview:
        entry = entries.get(root + name)
        if entry is None or entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise UnsupportedModelError(
                f"{path.name}: entry '{name}' is missing or compressed, which torch never does. Save it again."
            )
        header = data[entry.header_offset : entry.header_offset + 30]
        if len(header) < 30 or bytes(header[:4]) != b"PK\x03\x04":
            raise UnsupportedModelError(f"{path.name} is damaged: entry '{name}' is not where it should be.")
        names, extra = struct.unpack_from("<HH", header, 26)
        start = entry.header_offset + 30 + names + extra
        if start + entry.file_size > len(data):
            raise UnsupportedModelError(f"{path.name} is cut off within entry '{name}'. Upload it again.")
        return data[start : start + entry.file_size]

    if f"{root}byteorder" in entries and bytes(content("byteorder")) != b"little":
        raise UnsupportedModelError(f"{path.name} was written on a big-endian machine. Save it on another.")
    if len(content("data.pkl")) > MAX_PICKLE_BYTES:
        raise UnsupportedModelError(f"{path.name} holds too much besides a model. Save the weights alone.")

    def storage(reference: StorageRef) -> memoryview:
        needed = _storage_bytes(reference)
        memory = content(f"data/{reference.key}")
        if needed > len(memory):
            raise UnsupportedModelError(f"{path.name} is damaged: storage {reference.key} is shorter than it says.")
        return memory[:needed]

    return _File(read_pickle(content("data.pkl")).value, storage)


def _check_directory_size(data: memoryview) -> None:
    """Refuse an archive of millions of entries before zipfile makes an object of each."""
    tail = bytes(data[-(1 << 17) :])
    end, end64 = tail.rfind(b"PK\x05\x06"), tail.rfind(b"PK\x06\x06")
    if end < 0 or len(tail) < end + 22:
        raise UnsupportedModelError("The checkpoint is cut off: the archive has no directory. Upload it again.")
    size = struct.unpack_from("<I", tail, end + 12)[0]
    if size == 0xFFFFFFFF and 0 <= end64 <= len(tail) - 56:
        size = struct.unpack_from("<Q", tail, end64 + 40)[0]
    if size > MAX_DIRECTORY_BYTES:
        raise UnsupportedModelError(f"The checkpoint's archive lists {size} bytes of entries: this is no checkpoint.")


def _read_legacy(path: Path, data: memoryview) -> _File:
    head = data[:MAX_PICKLE_BYTES]
    magic = read_pickle(head)
    protocol = read_pickle(head, magic.end)
    system = read_pickle(head, protocol.end)
    if protocol.value != _LEGACY_PROTOCOL:
        raise UnsupportedModelError(f"{path.name}: {_LEGACY_PROTOCOL} is the only legacy protocol that torch wrote.")
    if not isinstance(system.value, dict) or system.value.get("little_endian") is not True:
        raise UnsupportedModelError(f"{path.name} was written on a big-endian machine. Save it on another.")
    content = read_pickle(head, system.end)
    keys = read_pickle(head, content.end)
    places = _legacy_places(path, data, keys.end, keys.value, content.storages)

    def storage(reference: StorageRef) -> memoryview:
        start, stop = places[reference.key]
        return data[start:stop]

    return _File(content.value, storage)


def _legacy_places(
    path: Path, data: memoryview, position: int, keys: Any, storages: dict[str, StorageRef]
) -> dict[str, tuple[int, int]]:
    """Return where each storage lies: the file has them one after the other, each behind its element count."""
    places: dict[str, tuple[int, int]] = {}
    for key in keys if isinstance(keys, list) else ():
        reference = storages.get(key) if isinstance(key, str) else None
        if reference is None or key in places or position + 8 > len(data):
            break
        count = struct.unpack_from("<q", data, position)[0]
        start, position = position + 8, position + 8 + _storage_bytes(reference)
        if count != reference.count or position > len(data):
            break
        places[key] = (start, position)
    if places.keys() != storages.keys():
        raise UnsupportedModelError(f"{path.name} is damaged or cut off: a tensor's data is missing. Upload it again.")
    return places
