"""The drawings in statemachine/README.md show every state and transition of the definitions beside it."""

import re

from scripts.drawings import FOLDER, definitions, with_drawings

README = (FOLDER / "README.md").read_text()


def test_the_drawings_are_the_definitions() -> None:
    assert with_drawings(README, definitions()) == README, "Draw them again: python -m scripts.drawings"


def test_every_definition_has_a_section_with_a_drawing() -> None:
    drawn = re.findall(r"(?m)^## (\w+)\n(?:(?!^## ).*\n)*?```mermaid\nstateDiagram-v2\n", README)
    assert sorted(drawn) == sorted(definitions())


def test_a_changed_definition_changes_its_drawing() -> None:
    machines = definitions()
    machines["convert"]["States"]["Conversion"]["Next"] = "Failed"
    assert with_drawings(README, machines) != README
