"""The entry point: ``streamlit run frontend/app.py`` (in AWS through ``python -m frontend.serve``)."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from botocore.exceptions import BotoCoreError, ClientError

from frontend import navigation, sign_in, warm_up
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
    page = st.navigation(
        navigation.register(
            [
                st.Page(
                    "views/overview.py", title="Overview", icon=":material/home:", url_path="overview", default=True
                ),
                st.Page("views/upload.py", title="Upload", icon=":material/upload:", url_path="upload"),
                st.Page("views/runs.py", title="Runs", icon=":material/progress_activity:", url_path="runs"),
                st.Page("views/gallery.py", title="Gallery", icon=":material/photo_library:", url_path="gallery"),
                st.Page("views/quadrat.py", title="Quadrat", icon=":material/crop_square:", url_path="quadrat"),
                st.Page("views/coverage.py", title="Coverage", icon=":material/monitoring:", url_path="coverage"),
                st.Page("views/corners.py", title="Fix corners", icon=":material/crop_free:", url_path="corners"),
                st.Page("views/delete.py", title="Delete", icon=":material/delete:", url_path="delete"),
                st.Page("views/importing.py", title="Import", icon=":material/input:", url_path="import"),
                st.Page("views/guide.py", title="Help", icon=":material/help:", url_path="help"),
            ]
        )
    )
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
