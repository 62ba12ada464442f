"""Replace functions of another package, and refuse if they are not the ones that were known."""

from __future__ import annotations

from typing import Any


def replace(owner: Any, name: str, replacement: Any) -> Any:
    """Put ``replacement`` in the place of ``owner.name`` and return what was there.

    Raises:
        AttributeError: the name is gone.
    """
    original = vars(owner).get(name)
    if original is None:
        raise AttributeError(f"{owner.__name__}.{name}")
    setattr(owner, name, replacement)
    return original
