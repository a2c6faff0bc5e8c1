"""Runs docker/entrypoint.sh without a container, and looks at the processes that it leaves behind."""

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
# docker stop kills the container after this time.
STOP_SECONDS = 10.0

_given: set[int] = set()


@dataclass(frozen=True)
class Boot:
    """One run of the entrypoint. All its processes have `mark` in their environment."""

    process: subprocess.Popen[bytes]
    port: int
    mark: str
    log: Path = field(repr=False)

    @property
    def processes(self) -> dict[int, str]:
        """The live processes of this boot with their command lines, in whatever session and with whatever parent."""
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
        """Signal the first process, the only one a container runtime signals; all processes must then end."""
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
    """Return a free port that was not returned before: a boot binds its port only after a deploy."""
    while (port := ports.choose()) in _given:
        pass
    _given.add(port)
    return port


def _heed_signals() -> None:
    """Reset Ctrl-C and hangup: a background shell makes its commands ignore the first, nohup the second."""
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
    """Run the entrypoint during the block. folder: its working folder, for its log and Directus's uploads."""
    mark = f"boot-{uuid.uuid4()}"
    port = _port()
    log = folder / f"{mark}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*entrypoint, *command],
            cwd=folder,
            env={
                **environ,
                # Set by Directus's own image, and wrong here.
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
