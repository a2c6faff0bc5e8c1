"""Boots of docker/entrypoint.sh without a container, and what they leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.conftest import ROOT, Finished
from tests.processes import marked, until
from tests.serving import client_of
from tools.devstack import ports

ENTRYPOINT = ROOT / "docker" / "entrypoint.sh"
SERVE = ("node", "cli.js", "start")
# docker stop kills what has not ended by then.
STOP_SECONDS = 10.0

_given: set[int] = set()


@dataclass(frozen=True)
class Boot:
    """One boot, and the mark in the environment by which all its processes are known."""

    process: subprocess.Popen[bytes]
    port: int
    mark: str
    log: Path = field(repr=False)

    @property
    def processes(self) -> dict[int, str]:
        """The live processes of this boot, with their command lines; none is overlooked for its session or parent."""
        return marked(self.mark)

    def runs(self, command: str) -> bool:
        return any(command in line for line in self.processes.values())

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def get(self, path: str, token: str | None = None) -> httpx.Response:
        with client_of(f"http://127.0.0.1:{self.port}", token) as client:
            return client.get(path)

    @property
    def serves(self) -> bool:
        assert self.process.poll() is None, self.output
        try:
            return self.get("/server/ping").text == "pong"
        except httpx.TransportError:
            return False

    def stop(self, number: signal.Signals = signal.SIGTERM) -> Finished:
        """Send the signal to the one process that a container's runtime knows, and see that it ends them all."""
        self.process.send_signal(number)
        return self.ended(STOP_SECONDS)

    def ended(self, seconds: float = 60) -> Finished:
        code = self.process.wait(seconds)
        until(lambda: not self.processes, 1)
        return Finished(code, "", self.output)

    def kill(self) -> None:
        for pid in self.processes:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


def _port() -> int:
    """Return a free port that no other boot of this process was given: a deploy lies between this look and its use."""
    while (port := ports.choose()) in _given:
        pass
    _given.add(port)
    return port


def _heed_signals() -> None:
    """A shell that starts the tests in the background has them ignore Ctrl-C, and nohup a closed terminal."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def booting(
    environ: Mapping[str, str],
    folder: Path,
    command: Sequence[str | Path] = SERVE,
    *,
    entrypoint: Sequence[str | Path] = (ENTRYPOINT,),
) -> Iterator[Boot]:
    """Run the entrypoint while the block runs. folder: where it is started, for its log and Directus's uploads."""
    mark = f"boot-{uuid.uuid4()}"
    port = _port()
    log = folder / f"{mark}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*entrypoint, *command],
            cwd=folder,
            env={
                **environ,
                # What upstream's image sets, and would be wrong here.
                "DB_CLIENT": "sqlite3",
                "DB_EXCLUDE_TABLES": "",
                "HOST": "127.0.0.1",
                "PORT": str(port),
                "PUBLIC_URL": f"http://127.0.0.1:{port}",
                "STORAGE_LOCAL_ROOT": str(folder),
                "BOOT": mark,
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=_heed_signals,  # noqa: PLW1509 - one thread
        )
    booted = Boot(process, port, mark, log)
    try:
        yield booted
    finally:
        booted.kill()
