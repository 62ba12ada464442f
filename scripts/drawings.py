"""``python -m scripts.drawings``: write the drawings of the state machines into statemachine/README.md.

Each section of the README that is named after a definition holds its drawing in Mermaid's language.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from scripts.deployment import ROOT, Json

FOLDER = ROOT / "statemachine"


def drawing(machine: Json) -> str:
    """Return the Mermaid text of a state machine: its states and every transition, those of catchers included."""
    ids = {name: re.sub(r"\W+", "_", name).strip("_") for name in machine["States"]}
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{name}" as {identity}' for name, identity in ids.items() if name != identity]
    lines.append(f"    [*] --> {ids[machine['StartAt']]}")
    for name, state in machine["States"].items():
        targets = dict.fromkeys(_targets(state))
        lines += [f"    {ids[name]} --> {ids[target]}" for target in targets]
        if not targets:
            lines.append(f"    {ids[name]} --> [*]")
    return "\n".join(lines)


def with_drawings(text: str, machines: Mapping[str, Json]) -> str:
    """Return a README with the drawing of each machine (by name) in the section of its name."""
    for name, machine in machines.items():
        found = re.search(rf"(?ms)^## {name}\n(?:(?!^## ).)*?^```mermaid\n(.*?)^```", text)
        if found:
            text = f"{text[: found.start(1)]}{drawing(machine)}\n{text[found.end(1) :]}"
    return text


def definitions(folder: Path = FOLDER) -> dict[str, Json]:
    """Return the state machines of a folder by name."""
    return {path.name.removesuffix(".asl.json"): json.loads(path.read_text()) for path in folder.glob("*.asl.json")}


def _targets(state: Json) -> list[str]:
    found = [choice["Next"] for choice in state.get("Choices", [])]
    found += [state[key] for key in ("Default", "Next") if key in state]
    return found + [catcher["Next"] for catcher in state.get("Catch", [])]


if __name__ == "__main__":
    readme = FOLDER / "README.md"
    readme.write_text(with_drawings(readme.read_text(), definitions()))
