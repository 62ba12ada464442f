"""What the page says holds no name of our code: a class that is renamed must not rename a word on the page."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from scripts.deployment import ROOT

CAMEL_CASE = re.compile(r"\b[A-Z][a-z]+[A-Z]\w*\b")


def _trees(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def _sentences(tree: ast.Module) -> Iterator[str]:
    """Yield texts of more than one word that are no docstrings."""
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if " " in text.strip() and id(node) not in documentation:
                yield text


def test_no_sentence_of_the_page_holds_the_name_of_a_class() -> None:
    classes = {
        node.name
        for _, tree in _trees("functions", "frontend")
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and CAMEL_CASE.fullmatch(node.name)
    }
    found = [
        (path, sentence)
        for path, tree in _trees("frontend")
        for sentence in _sentences(tree)
        if classes & set(CAMEL_CASE.findall(sentence))
    ]
    assert found == []
