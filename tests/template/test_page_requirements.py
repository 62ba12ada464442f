"""The page starts in an environment with its locked requirements alone, from the folders that its image copies."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from scripts.deployment import ROOT

OPEN_PAGE = """
import json
import authlib.integrations.starlette_client  # what Streamlit imports when somebody signs in; it needs httpx
import frontend.hosted
from streamlit.testing.v1 import AppTest
page = AppTest.from_file("frontend/app.py", default_timeout=60).run()
print("ANSWER" + json.dumps({
    "exceptions": [str(e.value) for e in page.exception],
    "titles": [t.value for t in page.title],
    "buttons": [b.label for b in page.button],
}))
"""


def test_page_asks_to_sign_in(bare_python: Callable[[Path], Path], tmp_path: Path) -> None:
    python = bare_python(ROOT / "frontend/requirements.txt")
    leave_out = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "frontend", tmp_path / "frontend", ignore=leave_out)
    shutil.copytree(ROOT / "functions/reefsteps", tmp_path / "functions/reefsteps", ignore=leave_out)
    buckets = ("RAW", "TREATED", "REFRAMED", "SEGMENTED", "MASKS", "MODEL_REFRAMING", "MODEL_SEGMENTATION")
    done = subprocess.run(
        [str(python), "-c", OPEN_PAGE],
        cwd=tmp_path,
        env={f"{name}_BUCKET": name.lower() for name in buckets}
        | {
            "PIPELINE_ARN": "arn:aws:states:eu-west-1:123456789012:stateMachine:pipeline",
            "RELABEL_ARN": "arn:aws:states:eu-west-1:123456789012:stateMachine:relabel",
            "DATABASE_URL": "mysql+pymysql://coverage_reader@db.invalid:3306/reefs",
            "DATABASE_AUTH": "iam",
            "AWS_REGION": "eu-west-1",
            "PUBLIC_URL": "https://reefs.example.org",
            "OIDC_CLIENT_ID": "client",
            "OIDC_METADATA_URL": "https://users.example.org/.well-known/openid-configuration",
            "OIDC_LOGOUT_URL": "https://users.example.org/logout",
            "PYTHONPATH": f"{tmp_path / 'functions'}{os.pathsep}{tmp_path}",
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    (answer,) = [line for line in done.stdout.splitlines() if line.startswith("ANSWER")] or [done.stderr]
    page = json.loads(answer.removeprefix("ANSWER"))
    assert page["exceptions"] == []
    assert "Sign in" in page["buttons"]
