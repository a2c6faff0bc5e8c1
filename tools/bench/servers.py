"""Running Directus servers, with the settings of a production server but for two. Owns their start and end."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tools.bench.errors import BenchError
from tools.devstack import ports, process

START_SECONDS = 120.0
# npm's directus-sync sends JSON, of which Directus takes 1 MB by default: about 100 collections.
# And it does not try again when a busy server turns it away.
SETTINGS = {"HOST": ports.HOST, "MAX_PAYLOAD_SIZE": "100mb", "PRESSURE_LIMITER_ENABLED": "false"}


@contextmanager
def running(environ: Mapping[str, str], folder: Path, log: Path) -> Iterator[str]:
    """Serve the database that `environ` names from a working folder while the block runs; yield the URL."""
    port = ports.choose()
    url = f"http://{ports.HOST}:{port}"
    settings = {**environ, **SETTINGS, "PORT": str(port), "PUBLIC_URL": url}
    # The server ends with this process, even when that is killed.
    command = ["setpriv", "--pdeathsig", "TERM", "node", f"{environ['DIRECTUS_HOME']}/cli.js", "start"]
    log.write_bytes(b"")
    server = process.start(command, log=log, cwd=folder, env=settings, record=lambda _: None)
    try:
        process.wait_for(lambda: not server.alive or _answers(url), START_SECONDS)
        if not _answers(url):
            raise BenchError("Directus does not start", log.read_text(errors="replace")[-2000:])
        yield url
    finally:
        server.stop(signal.SIGTERM)


def edit(url: str, token: str, field: tuple[str, str], note: str) -> None:
    """Change the note of a field, as the admin UI does.

    Raises BenchError where the server refuses it.
    """
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = json.dumps({"meta": {"note": note}}).encode()
    request = urllib.request.Request(f"{url}/fields/{'/'.join(field)}", body, headers, method="PATCH")  # noqa: S310 - http
    try:
        _open(request).close()
    except OSError as error:
        raise BenchError(f"{request.full_url} can't be changed", str(error)) from error


def _answers(url: str) -> bool:
    try:
        with _open(f"{url}/server/ping") as answer:
            return bool(answer.read() == b"pong")
    except OSError:
        return False


def _open(request: str | urllib.request.Request) -> IO[bytes]:
    # No proxy: the loopback is never behind one.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(request, timeout=5)  # type: ignore[no-any-return]
