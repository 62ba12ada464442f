"""The stand-in for restoration."""

from fake_step import restoration


def handler(event, context):
    """Answer as Lambda would be asked."""
    return restoration(event)
