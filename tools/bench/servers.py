"""Runs Directus servers, with the settings of a production server except two. Owns their start and end."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.bench.errors import BenchError
from tools.devstack import ports, process

START_SECONDS = 120.0
# npm's directus-sync sends JSON. By default Directus accepts 1 MB of JSON, which is enough for about 100 collections.
# The package does not retry when a busy server answers 503, so the pressure limiter is off.
SETTINGS = {"HOST": ports.HOST, "MAX_PAYLOAD_SIZE": "100mb", "PRESSURE_LIMITER_ENABLED": "false"}


@dataclass(frozen=True)
class Server:
    """A running Directus."""

    url: str
    pid: int


@contextmanager
def running(environ: Mapping[str, str], folder: Path, log: Path) -> Iterator[Server]:
    """Run a Directus on the database that `environ` names while the block runs. folder: its working folder."""
    port = ports.choose()
    url = f"http://{ports.HOST}:{port}"
    settings = {**environ, **SETTINGS, "PORT": str(port), "PUBLIC_URL": url}
    # The server ends with this process, even if this process is killed.
    command = ["setpriv", "--pdeathsig", "TERM", "node", f"{environ['DIRECTUS_HOME']}/cli.js", "start"]
    log.write_bytes(b"")
    server = process.start(command, log=log, cwd=folder, env=settings, record=lambda _: None)
    try:
        # Directus listens once it is ready to answer.
        process.wait_for(lambda: not server.alive or server.listens_on(port), START_SECONDS)
        if not server.listens_on(port):
            raise BenchError("Directus does not start", log.read_text(errors="replace")[-2000:])
        yield Server(url, server.pid)
    finally:
        server.stop(signal.SIGTERM)
