"""Every limit of reframing has a name, a unit and a source in `reframing.limits`; other modules hold no numbers."""

from __future__ import annotations

import ast
import dataclasses
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

from reframing import limits
from reframing.limits import frame, gate, mask, plane, strings

ROOT = Path(limits.__file__).parents[1]
FILES = sorted(path for path in ROOT.rglob("*.py") if "limits" not in path.relative_to(ROOT).parts)
ROOMS = (mask, frame, strings, plane, gate)

# Numbers that explain themselves: none, one, half and double; 3 channels or rows of a homography; 4 sides or corners;
# percent; the largest value of 8 bits.
PLAIN = {0, 1, 2, 0.5, 3, 4, 100, 255}
# The same where a number decides something: in comparisons and bounds.
PLAIN_BOUNDS = {0, 1, 2, 0.5}
BOUNDS = {"min", "max", "clip", "minimum", "maximum"}
# Places in arrays of parameters, and the exponent of the soft-L1 weight, which its formula gives.
EXCEPTIONS = {("plane/joint_fit.py", 8), ("plane/joint_fit.py", 9), ("plane/joint_fit.py", 0.25)}


def unnamed_numbers(source: str) -> Iterator[tuple[int, float]]:
    """Yield line and value of every number in a module that should be a limit with a name."""
    tree = ast.parse(source)
    free, strict = set[int](), set[int]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            free |= within(node.slice)
        elif isinstance(node, ast.Call) and name_of(node.func) == "round":
            free |= {part for digits in node.args[1:] for part in within(digits)}
        elif isinstance(node, ast.Compare) and name_of(node.left) == "shape":
            free |= within(node)
        elif isinstance(node, ast.Compare):
            strict |= {id(part) for side in (node.left, *node.comparators) for part in signed_parts(side)}
        elif isinstance(node, ast.Call) and name_of(node.func) in BOUNDS:
            strict |= {id(part) for argument in node.args for part in signed_parts(argument)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and id(node) not in free:
            allowed = PLAIN_BOUNDS if id(node) in strict else PLAIN
            if not isinstance(node.value, bool) and node.value not in allowed:
                yield node.lineno, node.value


def signed_parts(node: ast.expr) -> Iterator[ast.expr]:
    """Yield the factors and terms of an expression: 3 in ``< 3 * x``, but not what stands in a call within it."""
    if isinstance(node, ast.BinOp):
        yield from signed_parts(node.left)
        yield from signed_parts(node.right)
    elif isinstance(node, ast.UnaryOp):
        yield from signed_parts(node.operand)
    else:
        yield node


def within(node: ast.AST) -> set[int]:
    return {id(part) for part in ast.walk(node)}


def name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_number_without_a_name(path: Path) -> None:
    place = str(path.relative_to(ROOT))
    found = [item for item in unnamed_numbers(path.read_text()) if (place, item[1]) not in EXCEPTIONS]
    assert not found, f"{place}, (line, number): {found}. Give them a name, a unit and a source in reframing/limits."


@pytest.mark.parametrize(
    "code",
    ["if x > 0.37: pass", "near = 1.15 * level", "LIMIT = 7", "if len(points) < 3: pass", "rows = max(4, count)"],
)
def test_an_unnamed_number_is_found(code: str) -> None:
    assert list(unnamed_numbers(code))


@pytest.mark.parametrize("code", ["x[3]", "round(x, 3)", "range(4)", "0.5 * (a + b)", "100 * share", "x**2", "a > -1"])
def test_plain_numbers_are_allowed(code: str) -> None:
    assert not list(unnamed_numbers(code))


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__.rpartition(".")[2])
def test_every_limit_has_a_unit_and_a_source(room: object) -> None:
    kinds = [kind for kind in vars(room).values() if dataclasses.is_dataclass(kind) and isinstance(kind, type)]
    assert kinds
    for kind in kinds:
        hints = typing.get_type_hints(kind, include_extras=True)
        for field in dataclasses.fields(kind):
            if kind is mask.EdgePlace:
                continue  # a group of four lengths and a flag, explained as a whole
            notes = getattr(hints[field.name], "__metadata__", ())
            assert len(notes) == 2, f"{kind.__name__}.{field.name} needs a unit and a source"
            assert all(isinstance(note, str) and note for note in notes)


def test_limits_cannot_be_changed_by_accident() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        gate.GATE.max_radial = 1.0  # type: ignore[misc]
