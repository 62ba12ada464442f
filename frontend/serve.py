"""Starts the page in its container: ``python -m frontend.serve``.

Streamlit reads the settings of OIDC from a secrets file only. So this module writes them from the environment into a
file that nobody else can read. Then it becomes Streamlit.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from frontend.provider import PATH
from frontend.settings import Settings
from reefsteps.settings import Environment

PORT = 8501
ADDRESS = "0.0.0.0"  # noqa: S104 - in its own network namespace, behind the load balancer


def main() -> None:
    """Write the secrets and replace this process by Streamlit's; raises ConfigurationError."""
    secrets = None
    if Settings.from_environment().auth_mode == "oidc":
        secrets = Path(tempfile.mkdtemp(prefix="reefsteps-")) / "secrets.toml"
        secrets.touch(mode=0o600)
        secrets.write_text(oidc_secrets(Environment(), PORT), encoding="utf-8")
    for name in ("OIDC_CLIENT_SECRET", "COOKIE_SECRET"):
        os.environ.pop(name, None)
    os.execv(sys.executable, command(ADDRESS, PORT, secrets))  # noqa: S606 - our own interpreter, fixed arguments


def command(address: str, port: int, secrets: Path | None) -> list[str]:
    """Return the command that serves the page at an address of this machine."""
    arguments = [
        *(sys.executable, "-m", "streamlit", "run", str(Path(__file__).with_name("hosted.py"))),
        *(f"--server.address={address}", f"--server.port={port}", "--server.headless=true"),
        *("--server.fileWatcherType=none", "--browser.gatherUsageStats=false"),
    ]
    return [*arguments, f"--secrets.files={secrets}"] if secrets else arguments


def oidc_secrets(environment: Environment, port: int = PORT) -> str:
    """Return Streamlit's ``[auth]`` section as TOML; raises ConfigurationError."""
    public = environment.text("PUBLIC_URL").rstrip("/")
    values = {
        "redirect_uri": f"{public}/oauth2callback",
        "cookie_secret": environment.text("COOKIE_SECRET"),
        "client_id": environment.text("OIDC_CLIENT_ID"),
        "client_secret": environment.text("OIDC_CLIENT_SECRET"),
        "server_metadata_url": f"http://127.0.0.1:{port}{PATH}",  # served by hosted.py
    }
    # A JSON string is a TOML basic string.
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    return "\n".join(["[auth]", *lines, ""])


if __name__ == "__main__":
    main()
