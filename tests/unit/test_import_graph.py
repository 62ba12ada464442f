"""Modules import each other without circles, a name is one thing, tests build on tests/support, files are short."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("functions", "frontend", "local", "scripts", "synthetic", "training")
FOLDERS_OF_TESTS = ("unit", "page", "accuracy", "integration", "template", "e2e")
RUN_BY_HAND = ("parity", "benchmarks")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts[parts[0] == "functions" :] if part != "__init__")


def imported(source: str) -> set[str]:
    """Names of modules, and of what is imported from them; those for type checks and inside functions count too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """Which of these modules each of them imports; a package counts only for what its own file defines."""
    edges = {}
    for name, source in sources.items():
        there = imported(source) & sources.keys()
        inside = {module for module in there if any(other.startswith(f"{module}.") for other in there)}
        edges[name] = there - inside - {name}
    return edges


def circle(sources: dict[str, str]) -> list[str]:
    try:
        TopologicalSorter(graph(sources)).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_a_circle_is_seen() -> None:
    assert circle({"a": "import b", "b": "def f():\n    from a import x"}) in (["a", "b", "a"], ["b", "a", "b"])
    assert circle({"a": "import b", "b": ""}) == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    paths = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    assert len(paths) > 200
    assert circle({module_name(path): path.read_text() for path in paths}) == []


@pytest.mark.parametrize("folder", [*FOLDERS_OF_TESTS, "support"])
def test_no_test_builds_on_another_test_or_on_another_folder(folder: str) -> None:
    others = tuple(f"tests.{other}" for other in (*FOLDERS_OF_TESTS, *RUN_BY_HAND) if other != folder)
    for path in (ROOT / "tests" / folder).rglob("*.py"):
        for name in imported(path.read_text()):
            foreign = name.startswith(others) or name.rpartition(".")[2].startswith("test_")
            assert not (name.startswith("tests.") and foreign), f"{path.relative_to(ROOT)} imports {name}"


def test_no_file_has_more_than_400_lines() -> None:
    paths = [path for room in (*ROOMS, "tests") for path in (ROOT / room).rglob("*.py")]
    assert [str(path.relative_to(ROOT)) for path in paths if path.read_text().count("\n") > 400] == []
