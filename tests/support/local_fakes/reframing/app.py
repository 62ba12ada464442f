"""The stand-in for reframing."""

from fake_step import reframing


def handler(event, context):
    """Answer as Lambda would be asked."""
    return reframing(event)
