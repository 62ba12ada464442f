"""Notebooks are kept without outputs, and every name that they import from training exists."""

from __future__ import annotations

import ast
import importlib.util
import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[3] / "training" / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_is_clean_and_its_imports_exist(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    tree = ast.parse("\n".join("".join(cell["source"]) for cell in code))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("training"):
            spec = importlib.util.find_spec(node.module)
            assert spec is not None and spec.origin is not None, node.module
            defined = Path(spec.origin).read_text(encoding="utf-8")
            for alias in node.names:
                known = alias.name in defined or importlib.util.find_spec(f"{node.module}.{alias.name}") is not None
                assert known, f"{node.module}.{alias.name}"


def test_there_are_the_three_notebooks() -> None:
    assert [p.stem for p in NOTEBOOKS] == ["augmentation_study", "train_models", "validate_models"]
