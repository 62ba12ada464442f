"""The stand-in for reframing."""

from typing import Any

from fake_step import reframing


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer as Lambda would be asked."""
    return reframing(event)
