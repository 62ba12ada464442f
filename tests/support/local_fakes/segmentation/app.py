"""The stand-in for segmentation."""

from fake_step import segmentation


def handler(event, context):
    """Answer as Lambda would be asked."""
    return segmentation(event)
