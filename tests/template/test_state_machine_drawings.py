"""The drawings in statemachine/README.md show every state and transition of the definitions beside it."""

import re

import pytest

from scripts.deployment import ROOT, Deployment, Json

README = (ROOT / "statemachine/README.md").read_text()
MACHINES = ("admit", "pipeline", "convert", "removal", "relabel", "backfill")
Edge = tuple[str, str]


def drawing(machine: Json) -> str:
    """Return the Mermaid text of a state machine; a failed test prints it, ready to paste."""
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


def _targets(state: Json) -> list[str]:
    found = [choice["Next"] for choice in state.get("Choices", [])]
    found += [state[key] for key in ("Default", "Next") if key in state]
    return found + [catcher["Next"] for catcher in state.get("Catch", [])]


@pytest.mark.parametrize("name", MACHINES)
def test_the_drawing_is_the_definition(name: str, deployment: Deployment) -> None:
    wanted = drawing(deployment.machines[f"statemachine/{name}.asl.json"])
    section = re.search(rf"(?ms)^## {name}\n.*?^```mermaid\n(.*?)\n```", README)
    assert section, f"statemachine/README.md has no drawing of {name}"
    assert section[1] == wanted, f"Write this drawing into statemachine/README.md:\n{wanted}"


def test_every_definition_has_a_drawing(deployment: Deployment) -> None:
    assert {f"statemachine/{name}.asl.json" for name in MACHINES} == set(deployment.machines)
