"""The stand-in for segmentation."""

from typing import Any

from fake_step import segmentation


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer as Lambda would be asked."""
    return segmentation(event)
