"""Reads a list of certificate authorities, and refuses it unless enough of them can be used today.

    python3 check_certificates.py FILE

The builds of functions and page call it on the file that they downloaded. Without it, an error page, half a file or an
old list would be noticed only when nothing can connect to the database.
"""

from __future__ import annotations

import ssl
import sys
import time
from pathlib import Path

LEAST = 10  # each of Amazon's regions has authorities of its own; the list of all has more than a hundred


def usable(path: Path) -> int:
    """Return how many of the file's authorities are valid now; raises ssl.SSLError or OSError if it cannot be read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=str(path))
    now = time.time()
    return sum(
        ssl.cert_time_to_seconds(str(found["notBefore"])) <= now < ssl.cert_time_to_seconds(str(found["notAfter"]))
        for found in context.get_ca_certs()
    )


def main(path: Path) -> str | None:
    """Return why the file is refused; None if it is accepted."""
    try:
        count = usable(path)
    except (OSError, ssl.SSLError) as error:
        return f"{path} is no list of certificates ({error}). Download it again."
    if count < LEAST:
        return f"{path} holds {count} certificates that are valid today, fewer than {LEAST}. Download it again."
    return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
