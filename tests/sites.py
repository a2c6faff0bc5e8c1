"""A Directus with the access or resource files that it was deployed from."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.commands import finished
from tests.conftest import Finished, RunningDirectus

# Kills the process before or after its n-th write request, like kill -9.
KILLED = """
import os, signal, sys
from directus_sync.__main__ import main
from directus_sync.directus.client import DirectusClient
moment, after = int(sys.argv.pop(1)), sys.argv.pop(1) == "after"
write, number = DirectusClient.write, 0
def counted(*arguments):
    global number
    number += 1
    if number == moment and not after:
        os.kill(os.getpid(), signal.SIGKILL)
    answer = write(*arguments)
    if number == moment:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
DirectusClient.write = counted
main()
"""


@dataclass(frozen=True)
class Site:
    """A Directus, a snapshot, and the access or resource files beside it."""

    directus: RunningDirectus
    snapshot: Path
    family: Literal["access", "resources"]

    @property
    def folder(self) -> Path:
        return self.snapshot.with_name(self.family)

    def run(self, command: str, *arguments: str) -> Finished:
        """Run a command for this family only."""
        return self.whole(command, "--only", self.family, *arguments)

    def whole(self, command: str, *arguments: str) -> Finished:
        return self.directus.tool(command, "--snapshot", self.snapshot, *arguments)

    def done(self, command: str, *arguments: str) -> Finished:
        finished = self.run(command, *arguments)
        assert finished.code == 0, finished.text
        return finished

    def refused(self, command: str, error: str) -> str:
        """Run a command that must be refused; return its error output."""
        refused = self.run(command)
        assert (refused.code, f"error[{error}]" in refused.err) == (4, True), refused.text
        return refused.err

    def killed(self, moment: int, when: str, command: str, *arguments: str) -> None:
        """Run a command for this family, and kill it before or after its n-th write request."""
        words: list[str | Path] = [command, "--snapshot", self.snapshot, "--only", self.family, *arguments]
        killed = finished([sys.executable, "-c", KILLED, str(moment), when, *words], self.directus.tool.environ)
        assert killed.code == -signal.SIGKILL, killed.text

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()

    def write(self, name: str, old: str, new: str) -> None:
        """Replace a text in a file."""
        text = self.text(name)
        assert old in text
        (self.folder / name).write_text(text.replace(old, new))

    def http(self, method: str, path: str, body: object = None) -> Any:
        response = self.directus.http.request(method, path, json=body)
        assert response.is_success, response.text
        return response.json()["data"] if response.content else None

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self.directus.database.rows(sql, *parameters)
