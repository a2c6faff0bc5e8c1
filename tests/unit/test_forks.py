"""A command in a fork has the same result as in a new process."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests import forks
from tests.commands import PROGRAMS, ROOT

ENVIRON = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "COLUMNS": "80"}


@pytest.mark.parametrize(
    "command", ["directus-sync --version", "directus-sync nonsense", "directus-sync status", "alembic nonsense"]
)
def test_a_command_prints_the_same_and_has_the_same_exit_code(command: str) -> None:
    program, *arguments = command.split()
    words = [str(PROGRAMS / program), *arguments]
    started = subprocess.run(words, cwd=ROOT, env=ENVIRON, capture_output=True, text=True, check=False)
    assert forks.loaded().run(words, ENVIRON, 30) == (started.returncode, started.stdout, started.stderr)
