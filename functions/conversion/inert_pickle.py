"""Reads the pickle inside a checkpoint without executing anything.

Python's unpickler calls every function that the file names. This reader of the pickle language calls nothing. It
knows the opcodes that torch's ``save`` and numpy write. The few names that describe tensors and arrays become records,
and all else in a trainer's checkpoint (an optimizer's or scheduler's objects) becomes ``Inert``. Any other name, such
as ``os.system``, is refused. What the reader builds is bounded: values of tensors and arrays stay in the file, and
text, shapes and the number of operations have limits.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, cast

from reefsteps.errors import UnsupportedModelError

MAX_OPERATIONS = 1_000_000  # a ResNet-101 checkpoint with its optimizer has about 40 000
MAX_TEXT_BYTES = 32 << 20  # of all names and texts together
MAX_DIMENSIONS = 16  # of a tensor; a convolution has 4
_MAX_LINE_BYTES = 4096  # of an operation that ends with its line, such as a name

# What may be named; of these only the tensor functions below mean anything, the rest becomes Inert.
_INERT_PACKAGES = {"torch", "numpy", "collections", "detectron2", "fvcore", "copyreg", "_codecs", "datetime"}
# Configurations, arguments and paths that training scripts keep beside the weights.
_INERT_PACKAGES |= {"argparse", "pathlib", "yacs", "omegaconf", "typing", "easydict", "addict", "mmcv", "mmengine"}
_INERT_PACKAGES |= {"lightning", "lightning_fabric", "pytorch_lightning"}
_INERT_BUILTINS = {
    *("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "object", "range"),
    *("set", "slice", "str", "tuple"),
}
_TOO_MUCH = (
    "The checkpoint holds too much besides a model. Save the weights alone: "
    'torch.save({"model": model.state_dict()}, path).'
)
_MARK = object()
_OTHERS = {
    *("PROTO", "FRAME", "STOP", "NONE", "NEWTRUE", "NEWFALSE", "GLOBAL", "MEMOIZE"),
    *("BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
}
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("SHORT_BINSTRING", "BINSTRING", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
# How the length of bytes and text is written. Bytes stay in the file.
_PAYLOADS = {"SHORT_BINBYTES": "<B", "BINBYTES": "<I", "BINBYTES8": "<Q", "BYTEARRAY8": "<Q", "BINSTRING": "<i"}
_TEXTS = {"SHORT_BINUNICODE": "<B", "BINUNICODE": "<I", "BINUNICODE8": "<Q"}
_OPERATIONS = {operation.code: operation for operation in pickletools.opcodes}
_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")


class Inert:
    """Stands for an object that the reader neither knows nor makes."""


@dataclass(frozen=True)
class Name:
    """A class or function that the file names, as text."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class StorageRef:
    """A tensor's memory: which entry of the file, of which type, and how many elements it claims."""

    dtype: str  # torch's name of the storage class
    key: str
    count: int


@dataclass(frozen=True, slots=True)
class TensorRef:
    """A tensor as the file describes it; nothing has been checked or read."""

    storage: StorageRef
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(slots=True)
class ArrayRef:
    """A numpy array as the file describes it; ``data`` are its bytes in the file. Nothing has been checked."""

    dtype: Any = None
    shape: Any = None
    fortran: Any = False
    data: Any = None


@dataclass(slots=True)
class DtypeRef:
    """A numpy type, such as f4, and its byte order."""

    code: str
    order: str = "<"


@dataclass(frozen=True)
class Pickle:
    """What a pickle holds, where in the data it ends, and every storage that it mentions (the optimizer's too)."""

    value: Any
    end: int
    storages: dict[str, StorageRef]


@dataclass
class _Machine:
    """The pickle language's stack and memo."""

    storages: dict[str, StorageRef] = field(default_factory=dict)
    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    text_bytes: int = 0

    def to_mark(self) -> list[Any]:
        """Remove and return what lies above the topmost mark, and the mark."""
        for index in range(len(self.stack) - 1, -1, -1):
            if self.stack[index] is _MARK:
                items = self.stack[index + 1 :]
                del self.stack[index:]
                return items
        raise IndexError("no mark")


class _Stream:
    """The file as pickletools reads it: no more than a line or a short text is ever copied."""

    def __init__(self, data: memoryview, position: int) -> None:
        self.data = data
        self.position = position

    def read(self, count: int) -> bytes:
        return bytes(self.view(count))

    def view(self, count: int) -> memoryview:
        if not 0 <= count <= len(self.data) - self.position:
            raise ValueError("it is cut off")
        self.position += count
        return self.data[self.position - count : self.position]

    def readline(self) -> bytes:
        line, end, _ = bytes(self.data[self.position : self.position + _MAX_LINE_BYTES]).partition(b"\n")
        if not end:
            raise ValueError("a line without an end")
        self.position += len(line) + 1
        return line + end


def read_pickle(data: bytes | memoryview, start: int = 0) -> Pickle:
    """Return the pickle at ``start``; tensors come as TensorRef, arrays as ArrayRef, unknown objects as Inert.

    Raises UnsupportedModelError when it names something that no checkpoint needs, is damaged, or is too long.
    """
    stream = _Stream(memoryview(data), start)
    machine = _Machine()
    try:
        for operation, argument in _operations(stream):
            if operation == "STOP":
                return Pickle(machine.stack.pop(), stream.position, machine.storages)
            if isinstance(argument, str):
                _count_text(machine, argument)
            _execute(machine, operation, argument)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, struct.error) as error:
        raise UnsupportedModelError(
            f"The checkpoint is damaged: its description of the tensors cannot be read ({str(error)[:120]})."
        ) from error
    raise UnsupportedModelError("The checkpoint is damaged: its description of the tensors has no end.")


def _operations(stream: _Stream) -> Iterator[tuple[str, Any]]:
    for _ in range(MAX_OPERATIONS):
        code = stream.read(1)
        opcode = _OPERATIONS.get(code.decode("latin-1"))
        if opcode is None:
            raise ValueError(f"there is no operation {code!r}")
        if opcode.name not in _LITERALS and opcode.name not in _STEPS and opcode.name not in _OTHERS:
            raise UnsupportedModelError(
                f"The checkpoint uses the pickle operation {opcode.name}, which torch and numpy never write."
            )
        if opcode.name in _PAYLOADS:
            data = _counted(stream, _PAYLOADS[opcode.name])
            # Python 2 wrote text and an array's bytes alike.
            text = opcode.name == "BINSTRING" and len(data) <= _MAX_LINE_BYTES
            yield opcode.name, str(data, "latin-1") if text else data
        elif opcode.name in _TEXTS:
            data = _counted(stream, _TEXTS[opcode.name])
            if len(data) > MAX_TEXT_BYTES:
                raise UnsupportedModelError(_TOO_MUCH)
            yield opcode.name, str(data, "utf-8", "surrogatepass")
        else:
            yield opcode.name, opcode.arg.reader(cast("IO[bytes]", stream)) if opcode.arg else None
    raise UnsupportedModelError(_TOO_MUCH)


def _counted(stream: _Stream, length: str) -> memoryview:
    """Return as many bytes as the number before them says."""
    (count,) = struct.unpack(length, stream.read(struct.calcsize(length)))
    return stream.view(count)


def _count_text(machine: _Machine, text: str) -> None:
    machine.text_bytes += 4 * len(text)  # the most that Python needs for a character
    if machine.text_bytes > MAX_TEXT_BYTES:
        raise UnsupportedModelError(_TOO_MUCH)


def _execute(machine: _Machine, operation: str, argument: Any) -> None:
    stack = machine.stack
    if operation in _LITERALS:
        stack.append(argument)
    elif operation in _CONSTANTS:
        stack.append(_CONSTANTS[operation])
    elif operation in ("BINPUT", "LONG_BINPUT"):
        machine.memo[argument] = stack[-1]
    elif operation == "MEMOIZE":
        machine.memo[len(machine.memo)] = stack[-1]
    elif operation in ("BINGET", "LONG_BINGET"):
        stack.append(machine.memo[argument])
    elif operation == "GLOBAL":
        stack.append(_name(*argument.split(" ", 1)))
    elif operation in _STEPS:
        _STEPS[operation](machine)


def _name(module: str, name: str) -> Name:
    package = module.partition(".")[0]
    allowed = name in _INERT_BUILTINS if package in ("builtins", "__builtin__") else package in _INERT_PACKAGES
    if not allowed:
        raise UnsupportedModelError(
            f"The checkpoint asks to run '{module[:80]}.{name[:80]}', which no model needs; nothing "
            "was run. Do not load this file with torch either, unless you trust where it comes from."
        )
    return Name(module, name)


def _stack_global(machine: _Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise TypeError("a name that is no text")
    machine.stack.append(_name(module, name))


def _reduce(machine: _Machine) -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(_meaning(function, arguments))


def _meaning(function: Any, arguments: Any) -> Any:
    if not isinstance(function, Name) or not isinstance(arguments, tuple):
        return Inert()
    match function.module, function.name:
        case "collections", "OrderedDict":
            return {}
        case "torch", "Size":
            return _shape(arguments[0])
        case "torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor":
            return _tensor(*arguments[:4])
        case "torch._utils", "_rebuild_parameter":
            return arguments[0]
        case "_codecs", "encode":  # bytes in pickle protocols before 3: as text, of which nothing is copied here
            return arguments[0]
        case "numpy", "dtype":
            # Text only: a tuple that holds itself many times over would be written out in full.
            code = arguments[0]
            return DtypeRef(code[:8] if isinstance(code, str) else "")
        case module, "_reconstruct" if module in _NUMPY:
            return ArrayRef()
        case module, "_frombuffer" if module in _NUMPY:  # from pickle protocol 5 on
            data, dtype, shape, order = arguments
            return ArrayRef(dtype, _shape(shape), order == "F", data)
    return Inert()


def _shape(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, tuple | list) or len(value) > MAX_DIMENSIONS:
        raise ValueError("a shape of too many dimensions")
    return tuple(value)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> TensorRef:
    if not isinstance(storage, StorageRef):
        raise TypeError("a tensor without storage")
    shape, strides = _shape(shape), _shape(strides)
    numbers = (offset, *shape, *strides)
    if len(shape) != len(strides) or not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError("a tensor with an impossible shape")
    return TensorRef(storage, offset, shape, strides)


def _persistent(machine: _Machine) -> None:
    kind, dtype, key, _location, count, *_view = machine.stack.pop()
    if kind != "storage" or not isinstance(dtype, Name) or not isinstance(key, str) or type(count) is not int:
        raise ValueError("a storage that torch does not write")
    machine.storages[key] = StorageRef(dtype.name, key, count)
    machine.stack.append(machine.storages[key])


def _set_items(target: Any, items: list[Any]) -> None:
    if isinstance(target, dict):
        # Other keys (an optimizer may have them) are dropped: hashing foreign objects is not free of surprises.
        target.update((k, v) for k, v in zip(items[::2], items[1::2], strict=True) if isinstance(k, str | int))


def _add_items(target: Any, items: list[Any]) -> None:
    if isinstance(target, list):
        target.extend(items)


def _set_item(machine: _Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    _set_items(machine.stack[-1], [key, value])


def _set_marked(machine: _Machine) -> None:
    items = machine.to_mark()
    _set_items(machine.stack[-1], items)


def _append(machine: _Machine) -> None:
    value = machine.stack.pop()
    _add_items(machine.stack[-1], [value])


def _append_marked(machine: _Machine) -> None:
    items = machine.to_mark()
    _add_items(machine.stack[-1], items)


def _drop_marked(machine: _Machine) -> None:  # additions to a set, which is Inert
    machine.to_mark()


def _tuple_of(size: int) -> Callable[[_Machine], None]:
    def take(machine: _Machine) -> None:
        if len(machine.stack) < size:
            raise IndexError("stack is empty")
        items = tuple(machine.stack[len(machine.stack) - size :])
        del machine.stack[len(machine.stack) - size :]
        machine.stack.append(items)

    return take


def _inert_new(machine: _Machine) -> None:
    machine.stack.pop()
    machine.stack[-1] = Inert()


def _inert_marked(machine: _Machine) -> None:
    machine.to_mark()
    machine.stack.append(Inert())


def _pop(machine: _Machine) -> None:
    machine.stack.pop()


def _build(machine: _Machine) -> None:
    """Give an array or a type its state; any other state (an OrderedDict's metadata) is dropped."""
    state, target = machine.stack.pop(), machine.stack[-1]
    if isinstance(target, ArrayRef):
        _version, shape, target.dtype, target.fortran, target.data = state
        target.shape = _shape(shape)
    elif isinstance(target, DtypeRef):
        target.order = state[1][:1] if isinstance(state[1], str) else ""


_STEPS: dict[str, Callable[[_Machine], Any]] = {
    "MARK": lambda machine: machine.stack.append(_MARK),
    "EMPTY_DICT": lambda machine: machine.stack.append({}),
    "EMPTY_LIST": lambda machine: machine.stack.append([]),
    "EMPTY_TUPLE": lambda machine: machine.stack.append(()),
    "EMPTY_SET": lambda machine: machine.stack.append(Inert()),
    "TUPLE": lambda machine: machine.stack.append(tuple(machine.to_mark())),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "SETITEM": _set_item,
    "SETITEMS": _set_marked,
    "APPEND": _append,
    "APPENDS": _append_marked,
    "ADDITEMS": _drop_marked,
    "FROZENSET": _inert_marked,
    "POP": _pop,
    "BUILD": _build,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _reduce,
    "NEWOBJ": _inert_new,
    "BINPERSID": _persistent,
}
