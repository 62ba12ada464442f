"""Signing in by OIDC (Cognito in AWS); the local stack listens on 127.0.0.1 only and needs none."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from frontend.components.text import plain
from frontend.settings import Settings


def needed(configured: Settings) -> bool:
    """Return whether the visitor must sign in before anything is shown."""
    return configured.auth_mode == "oidc" and not getattr(st.user, "is_logged_in", False)


def show(configured: Settings) -> None:
    """Show the page of a visitor who is not signed in."""
    st.title("ReefSteps")
    st.write("Percent coral cover from quadrat photographs.")
    st.info("You are not signed in. This is for members of the survey team.", icon=":material/lock:")
    st.button("Sign in", type="primary", on_click=st.login)
    st.caption("No account? Ask the person who runs ReefSteps for an invitation.")
    address = provider_logout_url(configured)
    if address:
        st.caption("On a shared computer, also end the session at the sign-in service:")
        st.link_button("End the session", address, type="tertiary")


def sidebar(configured: Settings) -> None:
    """Show who is signed in, and the way out."""
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


def provider_logout_url(configured: Settings) -> str | None:
    """Return the address that ends the session at the provider: st.logout only forgets the page's own cookie."""
    if not (configured.logout_url and configured.client_id and configured.public_url):
        return None
    query = urlencode({"client_id": configured.client_id, "logout_uri": configured.public_url})
    return f"{configured.logout_url}?{query}"
