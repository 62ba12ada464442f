"""What the code says of itself: packages, tables of names, texts that the template repeats."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from scripts.deployment import Deployment, Json, listed


def package(function: Json) -> str:
    """Return the package of a function's handler."""
    handler = function.get("Handler") or listed(function.get("ImageConfig", {}).get("Command", [""]))[0]
    return str(handler).partition(".")[0]


def step(function: Json) -> str:
    """Return a function's name for people: restoration, coverage."""
    return package(function).removesuffix("_step")


def packages_needed(d: Deployment, package: str) -> set[str]:
    """Return the package, the shared one, and the packages of other steps whose modules they import."""
    return _packages_needed(d.root / "functions", package)


def uses_database(d: Deployment, function: Json) -> bool:
    """Tell whether a function's handler connects to the database."""
    return "Database.from_environment" in d.read(f"functions/{package(function)}/app.py")


def constant(d: Deployment, path: str, name: str) -> str:
    """Return a text or number that a module assigns to a name; nothing where it does not."""
    for node in _parsed(d.read(path)).body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            value = getattr(node, "value", None)
            if isinstance(value, ast.Constant):
                return str(value.value)
    return ""


def variables_read(d: Deployment, path: str) -> set[str]:
    """Return the environment variables that a module asks for."""
    return set(re.findall(r'["\']([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)["\']', d.read(path)))


def calls(d: Deployment, path: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the name of every function or method that a module calls, with the texts among its arguments."""
    yield from _calls(d.read(path))


@cache
def _packages_needed(functions: Path, package: str) -> set[str]:
    found, waiting = {"reefsteps", package}, [package]
    while waiting:
        for module in (functions / waiting.pop()).rglob("*.py"):
            named = set(re.findall(r"(?m)^\s*(?:from|import) (\w+)", module.read_text()))
            others = {name for name in named - found if (functions / name / "__init__.py").is_file()}
            found |= others
            waiting += sorted(others)
    return found


@cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def _calls(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found = []
    for node in ast.walk(_parsed(text)):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            found.append((called, tuple(texts)))
    return tuple(found)
