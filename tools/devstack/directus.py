"""One instance's Directus server. Owns its settings, port, start and stop."""

import os
import signal
import urllib.error
import urllib.request
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from tools.devstack import ports, process
from tools.devstack.errors import StackError
from tools.devstack.node import node
from tools.devstack.process import Process
from tools.devstack.progress import step
from tools.devstack.state import DIRECTUS, State

PREFERRED_PORT = 8055
START_SECONDS = 120.0
ATTEMPTS = 3
PING_SECONDS = 5
# The variables that a server inherits from the caller. Others could change its behaviour.
INHERITED = ("HOME", "LANG", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS")


def folders(state: State) -> dict[str, str]:
    """Return the settings of the folders for Directus's files. Creates the folders: without them Directus warns."""
    found = {"STORAGE_LOCAL_ROOT": state.folder / "uploads", "EXTENSIONS_PATH": state.folder / "extensions"}
    if state.folder.is_dir():
        for path in found.values():
            path.mkdir(exist_ok=True)
    return {name: str(path) for name, path in found.items()}


class Directus:
    """The Directus of one instance; every method expects the caller to hold the instance's lock."""

    def __init__(self, state: State, *, preferred_port: int | None = None) -> None:
        self.state = state
        self.log = state.folder / "directus.log"
        self.preferred_port = preferred_port

    @property
    def url(self) -> str:
        """The address where the server answers, or would answer if it were started now."""
        return f"http://{ports.HOST}:{self.state.port(DIRECTUS) or self.preferred_port or PREFERRED_PORT}"

    def running(self) -> Process | None:
        """Return the server's process if it runs and answers."""
        known = self.state.process(DIRECTUS)
        return known if known and self._answers(known) else None

    def up(self, home: Path, environment: Mapping[str, str]) -> None:
        """Start the server if needed and wait until it answers."""
        # An interrupted command may have left a server that is still starting.
        known = self.state.process(DIRECTUS)
        if known is not None and self._settled(known):
            return
        with step("Starting Directus"):
            self._start(home, environment)

    def down(self) -> bool:
        """Stop the server; return False if it was not running."""
        known = self.state.process(DIRECTUS)
        if known is None:
            return False
        with step("Stopping Directus"):
            known.stop(signal.SIGTERM)
        self.state.remember(DIRECTUS, self.state.port(DIRECTUS), None)
        return True

    def _start(self, home: Path, environment: Mapping[str, str]) -> None:
        for _ in range(ATTEMPTS):
            port = ports.choose(self.state.port(DIRECTUS), self.preferred_port)
            self.state.remember(DIRECTUS, port, None)
            started = process.start(
                [str(node()), str(home / "cli.js"), "start"],
                log=self.log, cwd=self.state.folder, env=self._environment(port, environment),
                record=partial(self.state.remember, DIRECTUS, port),
            )  # fmt: skip
            if self._settled(started):
                return
            # Another program, such as the Directus of another checkout, may have taken the port meanwhile.
            if ports.is_free(port):
                break
        last = self.log.read_text(errors="replace").splitlines()[-3:]
        raise StackError(f"Directus does not start: {' / '.join(last)}", f"see {self.log}")

    def _settled(self, one: Process) -> bool:
        """Return whether the server answers in time; stop it if not."""
        if process.wait_for(lambda: not one.alive or self._answers(one), START_SECONDS) and one.alive:
            return True
        one.stop(signal.SIGTERM)
        return False

    def _answers(self, server: Process) -> bool:
        """Return whether this process answers, and not another checkout's Directus on the same port."""
        port = self.state.port(DIRECTUS)
        if port is None or not server.listens_on(port):
            return False
        request = urllib.request.Request(f"{self.url}/server/ping")  # noqa: S310 - always http to the loopback
        # The loopback address is never behind a proxy.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=PING_SECONDS) as answer:
                return bool(answer.read() == b"pong")
        except (OSError, urllib.error.URLError):
            return False

    def _environment(self, port: int, settings: Mapping[str, str]) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        return {**inherited, **settings, "HOST": ports.HOST, "PORT": str(port), "PUBLIC_URL": self.url}
