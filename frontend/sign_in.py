"""Signing in by OIDC (Cognito in AWS); the local stack listens on 127.0.0.1 only and needs none."""

from __future__ import annotations

import time

import streamlit as st

from frontend.components.text import plain
from frontend.settings import Settings


def needed(configured: Settings) -> bool:
    """Return whether the visitor must sign in before anything is shown."""
    return configured.auth_mode == "oidc" and not (_is_signed_in() and _is_recent(configured))


def show(configured: Settings) -> None:
    """Show the page of a visitor who is not signed in."""
    st.title("ReefSteps")
    st.write("Percent coral cover from quadrat photographs.")
    if _is_signed_in():
        hours = configured.sign_in_hours
        st.info(f"Signing in lasts {hours} hours. Please sign in again.", icon=":material/lock_clock:")
    else:
        st.info("You are not signed in. This is for members of the survey team.", icon=":material/lock:")
    st.button("Sign in", type="primary", on_click=st.login)
    st.caption("No account? Ask the person who runs ReefSteps for an invitation.")


def stop_if_ended(configured: Settings) -> None:
    """Leave a part of the page that runs by the clock, once the visitor must sign in again."""
    if needed(configured):
        st.rerun()


def sidebar(configured: Settings) -> None:
    """Show who is signed in, and the way out, which ends the session at the sign-in service too."""
    if configured.auth_mode == "none":
        return
    with st.sidebar:
        st.caption(f"Signed in as {plain(member(configured) or 'a member')}")
        st.button("Sign out", on_click=st.logout, icon=":material/logout:")


def member(configured: Settings) -> str | None:
    """Return who is signed in; None where nobody signs in."""
    if configured.auth_mode == "none":
        return None
    return str(st.user.get("email") or st.user.get("sub") or "") or None


def _is_signed_in() -> bool:
    return bool(getattr(st.user, "is_logged_in", False))


def _is_recent(configured: Settings) -> bool:
    """Streamlit's cookie lives for 30 days, so the time at which the service issued the ID token decides (`iat`)."""
    issued_at = st.user.get("iat")
    if not isinstance(issued_at, int | float):
        return False
    return time.time() - issued_at < configured.sign_in_hours * 3600
