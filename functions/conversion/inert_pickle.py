"""Reads the pickle inside a checkpoint without executing anything.

Python's unpickler calls whatever the file names. This is a reader of the pickle language that has no calls at all: it
knows the opcodes that torch's ``save`` writes, turns the few names that describe tensors into records, and everything
else that a trainer's checkpoint may hold (an optimizer's or scheduler's objects) into ``Inert``. A name from any other
place, ``os.system`` say, is refused.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from reefsteps.errors import UnsupportedModelError

MAX_OPERATIONS = 1_000_000  # a ResNet-101 checkpoint with its optimizer has about 40 000

# What may be named; of these only the tensor functions below mean anything, the rest becomes Inert.
_INERT_PACKAGES = {"torch", "numpy", "collections", "detectron2", "fvcore", "copyreg", "_codecs", "datetime"}
_INERT_BUILTINS = {
    *("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "object", "range"),
    *("set", "slice", "str", "tuple"),
}
_MARK = object()
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("SHORT_BINSTRING", "BINSTRING", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8"),
}


class Inert:
    """Stands for an object that the reader neither knows nor makes."""


@dataclass(frozen=True)
class Name:
    """A class or function that the file names, as text."""

    module: str
    name: str


@dataclass(frozen=True)
class StorageRef:
    """A tensor's memory: which entry of the file, of which type, and how many elements it claims."""

    dtype: str  # torch's name of the storage class
    key: str
    count: int


@dataclass(frozen=True)
class TensorRef:
    """A tensor as the file describes it; nothing has been checked or read."""

    storage: StorageRef
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


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

    def to_mark(self) -> list[Any]:
        """Remove and return what lies above the topmost mark, and the mark."""
        for index in range(len(self.stack) - 1, -1, -1):
            if self.stack[index] is _MARK:
                items = self.stack[index + 1 :]
                del self.stack[index:]
                return items
        raise IndexError("no mark")


def read_pickle(data: bytes, start: int = 0) -> Pickle:
    """Return the pickle at ``start``; tensors come as TensorRef, unknown objects as Inert.

    Raises UnsupportedModelError when it names something that no checkpoint needs, is damaged, or is too long.
    """
    stream = io.BytesIO(data)
    stream.seek(start)
    machine = _Machine()
    try:
        for operation, argument in _operations(stream):
            if operation == "STOP":
                return Pickle(machine.stack.pop(), stream.tell(), machine.storages)
            _execute(machine, operation, argument)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UnsupportedModelError(
            f"The checkpoint is damaged: its description of the tensors cannot be read ({error})."
        ) from error
    raise UnsupportedModelError("The checkpoint is damaged: its description of the tensors has no end.")


def _operations(stream: io.BytesIO) -> Iterator[tuple[str, Any]]:
    for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
        if count >= MAX_OPERATIONS:
            raise UnsupportedModelError(
                "The checkpoint holds too much besides a model. Save the weights alone: "
                'torch.save({"model": model.state_dict()}, path).'
            )
        yield opcode.name, argument


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
    elif operation not in ("PROTO", "FRAME"):
        raise UnsupportedModelError(f"The checkpoint uses the pickle operation {operation}, which torch never writes.")


def _name(module: str, name: str) -> Name:
    package = module.partition(".")[0]
    allowed = name in _INERT_BUILTINS if package in ("builtins", "__builtin__") else package in _INERT_PACKAGES
    if not allowed:
        raise UnsupportedModelError(
            f"The checkpoint asks to run '{module}.{name}', which no model needs; nothing was run. Do not load this "
            "file with torch either, unless you trust where it comes from."
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
            return tuple(arguments[0])
        case "torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor":
            return _tensor(*arguments[:4])
        case "torch._utils", "_rebuild_parameter":
            return arguments[0]
    return Inert()


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> TensorRef:
    if not isinstance(storage, StorageRef):
        raise TypeError("a tensor without storage")
    numbers = (offset, *shape, *strides)
    if len(shape) != len(strides) or not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError("a tensor with an impossible shape")
    return TensorRef(storage, offset, tuple(shape), tuple(strides))


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


def _pop_state(machine: _Machine) -> None:  # BUILD: an OrderedDict's metadata, an object's state
    machine.stack.pop()


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
    "POP": _pop_state,
    "BUILD": _pop_state,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _reduce,
    "NEWOBJ": _inert_new,
    "BINPERSID": _persistent,
}
