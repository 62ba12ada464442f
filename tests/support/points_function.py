"""The function that keeps points, behind an address as Lambda's, for a page that is served by moto.

moto runs functions in Docker only; this runs the real handler in the tests' own process.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from reefsteps.errors import DatabaseUnavailableError
from tests.support.handlers import loaded

NAME = "reefsteps-points"


class PointsFunction:
    """What was asked of the function; a test may let its database sleep for some requests."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.asleep_for = 0  # requests
        self.endpoint = ""

    def batches(self) -> list[dict[str, Any]]:
        """Return the batches of answers that were sent."""
        return [request["batch"] for request in self.requests if "batch" in request]


@contextmanager
def points_function(database_file: Path) -> Iterator[PointsFunction]:
    """Serve the function over an SQLite file."""
    function = PointsFunction()
    with loaded("points", {"DATABASE_URL": f"sqlite:///{database_file}"}) as app:

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                function.requests.append(request)
                try:
                    if function.asleep_for > 0:
                        function.asleep_for -= 1
                        raise DatabaseUnavailableError("The database cannot be reached now.")
                    answer, failed = app.handler(request, None), False
                except Exception as error:
                    answer, failed = {"errorType": type(error).__name__, "errorMessage": str(error)}, True
                body = json.dumps(answer).encode()
                self.send_response(200)
                if failed:
                    self.send_header("X-Amz-Function-Error", "Unhandled")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        function.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield function
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
