"""The entry point: ``streamlit run frontend/app.py`` (in AWS through ``python -m frontend.serve``)."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from botocore.exceptions import BotoCoreError, ClientError

from frontend import address, navigation, sign_in, warm_up
from frontend.components import states
from frontend.settings import settings
from reefsteps.errors import ConfigurationError


def main() -> None:
    """Show the page that the address names, or why it cannot be shown."""
    st.set_page_config(page_title="ReefSteps", page_icon="🪸", layout="wide")
    st.html(Path(__file__).parent / "components" / "page.css")
    try:
        configured = settings()
    except ConfigurationError as error:
        states.misconfigured(error)
        return
    if sign_in.needed(configured):
        sign_in.show(configured)
        return
    page = st.navigation(navigation.register())
    address.hold(page.title)
    sign_in.sidebar(configured)
    try:
        page.run()
    except ConfigurationError as error:
        states.misconfigured(error)
    except (ClientError, BotoCoreError) as error:
        states.storage_unreachable(error)
    finally:
        warm_up.start()  # after the first page: that one is not to wait for libraries that it does not need


main()
