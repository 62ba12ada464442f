"""The stand-in for restoration."""

from typing import Any

from fake_step import restoration


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer as Lambda would be asked."""
    return restoration(event)
