"""Starts the page in its container: ``python -m frontend.serve``.

Streamlit takes the settings of OIDC from a secrets file only, so this writes one from the environment into a file
that nobody else can read, and then becomes Streamlit.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from frontend.settings import Settings
from reefsteps.settings import Environment

PORT = 8501


def main() -> None:
    """Write the secrets and replace this process by Streamlit's; raises ConfigurationError."""
    configured = Settings.from_environment()
    arguments = [
        *(sys.executable, "-m", "streamlit", "run", str(Path(__file__).with_name("app.py"))),
        *("--server.address=0.0.0.0", f"--server.port={PORT}", "--server.headless=true"),
        *("--server.fileWatcherType=none", "--browser.gatherUsageStats=false"),
    ]
    if configured.auth_mode == "oidc":
        folder = Path(tempfile.mkdtemp(prefix="reefsteps-"))
        secrets = folder / "secrets.toml"
        secrets.touch(mode=0o600)
        secrets.write_text(oidc_secrets(Environment()), encoding="utf-8")
        arguments.append(f"--secrets.files={secrets}")
    for name in ("OIDC_CLIENT_SECRET", "COOKIE_SECRET"):
        os.environ.pop(name, None)
    os.execv(sys.executable, arguments)  # noqa: S606 - our own interpreter, fixed arguments


def oidc_secrets(environment: Environment) -> str:
    """Return Streamlit's ``[auth]`` section as TOML; raises ConfigurationError."""
    public = environment.text("PUBLIC_URL").rstrip("/")
    values = {
        "redirect_uri": f"{public}/oauth2callback",
        "cookie_secret": environment.text("COOKIE_SECRET"),
        "client_id": environment.text("OIDC_CLIENT_ID"),
        "client_secret": environment.text("OIDC_CLIENT_SECRET"),
        "server_metadata_url": environment.text("OIDC_METADATA_URL"),
    }
    # A JSON string is a TOML basic string.
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    return "\n".join(["[auth]", *lines, ""])


if __name__ == "__main__":
    main()
