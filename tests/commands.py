"""Runs the project's programs on one database as a user would."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from directus_sync import settings
from tests import forks, planted
from tests.databases import Database

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent


@dataclass(frozen=True)
class Finished:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def finished(
    command: Sequence[str | Path], environ: Mapping[str, str] | None = None, folder: Path = ROOT, timeout: float = 300
) -> Finished:
    """Run a program to its end, with empty input. environ: the tests' own by default. timeout: in seconds."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Tool:
    """Runs the project's programs on one database, and fails if they print a secret.

    `start` begins a new process, for tests about the process itself.
    """

    database: Database
    overrides: Mapping[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        return {**self.database.environ, "DB_DATABASE": self.database.name, "DIRECTUS_URL": "", **self.overrides}

    def with_settings(self, **overrides: str) -> Tool:
        return dataclasses.replace(self, overrides={**self.overrides, **overrides})

    def __call__(self, *arguments: str | Path) -> Finished:
        return self._run("directus-sync", *arguments)

    def done(self, *arguments: str | Path) -> Finished:
        """Run a command that must succeed."""
        finished = self(*arguments)
        assert finished.code == 0, finished.text
        return finished

    def refused(self, error: str, *arguments: str | Path, code: int = 4) -> Finished:
        """Run a command that must fail with this error."""
        finished = self(*arguments)
        assert (finished.code, f"error[{error}]" in finished.err) == (code, True), finished.text
        return finished

    def alembic(self, *arguments: str) -> Finished:
        return self._run("alembic", *arguments)

    def _run(self, program: str, *arguments: str | Path) -> Finished:
        command = [str(PROGRAMS / program), *map(str, arguments)]
        return self._checked(Finished(*forks.loaded().run(command, self.environ, timeout=120)))

    def start(self, *arguments: str | Path, program: str = "directus-sync") -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PROGRAMS / program, *arguments],
            cwd=ROOT,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A background shell makes the tests ignore Ctrl-C, and the processes they start inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - one thread
        )

    def wait_for(self, process: subprocess.Popen[str], timeout: float = 120) -> Finished:
        out, err = process.communicate(timeout=timeout)
        return self._checked(Finished(process.returncode, out, err))

    def _checked(self, finished: Finished) -> Finished:
        printed = finished.out + finished.err
        for secret in {value for name in settings.SECRET_NAMES if (value := self.environ.get(name))}:
            assert secret not in printed, f"a secret was printed: {finished.text}"
        assert not planted.leaked(printed, {*planted.HARMLESS}), f"a secret was printed: {finished.text}"
        return finished

    @property
    def settings(self) -> settings.Settings:
        return settings.load(self.environ)
