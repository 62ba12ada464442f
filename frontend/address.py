"""The page's address is the only memory of what a page shows; every control of that kind reads and writes it here.

Streamlit's own ``bind="query-params"`` is not used. In Streamlit 1.67, leaving a page removes the names that it has
bound from the address of the next page too. The values of the followed link are lost. A value that the control does not
know is rewritten silently. So a control takes its value from the address in every run, and its callback writes the
address before the script runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from frontend.components.text import plain

Value = TypeVar("Value")

_SHOWN = "address_shown"
_ENTERED = "address_entered"  # whether this run is the first of its page


def text(name: str) -> str | None:
    """Return the last value of this name in the address; None where there is none."""
    value: str | None = st.query_params.get(name)
    return value


def texts(name: str) -> list[str]:
    """Return every value of this name in the address."""
    return list(st.query_params.get_all(name))


def number(name: str) -> int | None:
    """Return the whole number of this name in the address; None where there is none, or something else."""
    value = text(name)
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 10 else None


def write(changes: Mapping[str, object]) -> None:
    """Change the address: a list stands for several values of a name, None takes the name away."""
    present = {name: st.query_params.get_all(name) for name in st.query_params}
    wanted = {name: _values(value) for name, value in changes.items()}
    st.query_params.from_dict({name: found for name, found in (present | wanted).items() if found})


def hold(page: str) -> None:
    """Tell the browser the address of this run where it may not have it: after a link from a page to itself.

    Streamlit 1.67 runs the page with such a link's values and leaves the old address in place. The next run, a reload
    or a copy of the address would show the former values.
    """
    now = (page, tuple((name, tuple(texts(name))) for name in st.query_params))
    before = st.session_state.get(_SHOWN)
    st.session_state[_ENTERED] = not before or before[0] != page
    if before and before[0] == page and before != now and not _by_history():
        write({})
    st.session_state[_SHOWN] = now


def _by_history() -> bool:
    """Return whether Back or Forward has brought this run about: the browser has its address, or is already ahead."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def choice(label: str, options: Sequence[str], *, name: str, default: str, drops: Sequence[str] = ()) -> str | None:
    """Show one of a few options; None, after saying so, where the address names another.

    A click also takes the names ``drops`` out of the address, because they meant something else.
    """
    named = text(name)
    chosen = default if named is None else named if named in options else None
    _seed(name, chosen)
    st.segmented_control(label, options, required=chosen is not None, key=name, on_change=_follow, args=(name, drops))
    if chosen is None:
        _unknown(label, [named or ""])
    return chosen


def several(label: str, options: Sequence[Value], *, name: str, drops: Sequence[str] = (), **look: Any) -> list[Value]:
    """Show a choice of any number of options and return those that the address names, in the options' order."""
    named = set(texts(name))
    chosen = [option for option in options if str(option) in named]
    _seed(name, chosen)
    st.multiselect(label, options, key=name, on_change=_follow, args=(name, drops), **look)
    return chosen


def strangers(options: Sequence[object], *, name: str) -> list[str]:
    """Return the values of this name in the address that are no option."""
    known = {str(option) for option in options}
    return [value for value in dict.fromkeys(texts(name)) if value not in known]


def one_of(
    label: str,
    options: Sequence[Value],
    *,
    name: str,
    default: Value | None = None,
    drops: Sequence[str] = (),
    **look: Any,
) -> Value | None:
    """Show a choice of one option; None where the address names none (and there is no default) or a stranger."""
    named = text(name)
    chosen = default if named is None else next((option for option in options if str(option) == named), None)
    _seed(name, chosen)
    st.selectbox(label, options, index=None, key=name, on_change=_follow, args=(name, drops), **look)
    return chosen


def tabs(options: Sequence[str], *, name: str) -> Sequence[Any]:
    """Show tabs and return their containers; the address must name one of them, or none for the first."""
    _seed(name, text(name) or options[0])
    return list(st.tabs(options, key=name, on_change=_follow, args=(name, ())))


def typed(label: str, *, name: str, key: str | None = None, **look: Any) -> str:
    """Show a field for text and return what the address holds; ``key`` is the field's, by default the name."""
    value = text(name) or ""
    _seed_field(key or name, value)
    st.text_input(label, key=key or name, on_change=_follow, args=(name, (), key or name), **look)
    return value


def typed_number(label: str, smallest: int, *, name: str, key: str, **look: Any) -> int | None:
    """Show a field for a whole number and return what the address holds; None for anything else."""
    value = number(name)
    value = value if value is not None and value >= smallest else None
    _seed_field(key, value)
    st.number_input(label, smallest, None, value=None, step=1, key=key, on_change=_follow, args=(name, (), key), **look)
    return value


def _seed(key: str, value: object) -> None:
    """Give a control its value, in every run.

    Streamlit sends a control's value to the browser only in a run that sets it. The control of the page before may
    have had the same key and value. The browser, which has just made this one, would show it empty.
    """
    st.session_state[key] = value


def _seed_field(key: str, value: object) -> None:
    """Give a field its value where the browser does not show it, so that nothing overwrites what is being typed."""
    if st.session_state.get(_ENTERED) or key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value


def _follow(name: str, drops: Sequence[str], key: str | None = None) -> None:
    write({name: st.session_state[key or name], **dict.fromkeys(drops)})


def _values(value: object) -> list[str]:
    found = value if isinstance(value, list | tuple) else [value]
    return [str(item) for item in found if item is not None and item != ""]


def _unknown(label: str, named: Sequence[str]) -> None:
    st.info(
        f"The address names {', '.join(plain(value) for value in named)}, which {label} does not know. Choose one.",
        icon=":material/search_off:",
    )
