"""Links between pages. The pages are registered by app.py, so that they can name each other without importing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

_PAGES: dict[str, Any] = {}


def register(pages: Sequence[Any]) -> list[Any]:
    """Remember the pages by their title and return them for st.navigation."""
    _PAGES.update({page.title: page for page in pages})
    return list(pages)


def link(title: str, label: str, *, icon: str | None = None, **query: Any) -> None:
    """Show a link to a page with query parameters."""
    st.page_link(_PAGES[title], label=label, icon=icon, query_params=_text(query))


def _text(query: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in query.items() if value is not None}
