"""A stand-in for the docker command, for the calls of make and CI. It records each call and then carries it out.

Without an engine, an image is only an id, and a container is the entrypoint of this checkout. With one, see engine.py,
both are real. Nothing is ever pushed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from tests.container.engine import Engine

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """#!/bin/sh
export PYTHONPATH={root}
exec {python} -m tests.container.docker {folder} "$@"
"""
STORAGE = "storage"
# The digest that the registry reports for a pushed image.
DIGEST = "sha256:of-the-registry"
PROGRAM_OF_AN_IMAGE = """#!/usr/bin/env python3
import json, pathlib, sys
words = sys.argv[1:]
with open("{calls}", "a") as calls:
    calls.write(json.dumps(["{name}", *words]) + "\\n")
if "--output" in words:
    pathlib.Path(words[words.index("--output") + 1]).write_text('{{"bomFormat": "CycloneDX"}}')
"""


@dataclass(frozen=True)
class Docker:
    """The stand-in in a folder. Its `programs` must come first in PATH."""

    folder: Path

    @classmethod
    def install(cls, folder: Path, *, real: bool = False) -> Docker:
        """Install the stand-in. real: it builds and runs images."""
        made = cls(folder)
        made.programs.mkdir(parents=True)
        if real:
            made.storage.mkdir()
        program = made.programs / "docker"
        program.write_text(PROGRAM.format(root=ROOT, python=sys.executable, folder=folder))
        program.chmod(0o755)
        return made

    @property
    def programs(self) -> Path:
        return self.folder / "bin"

    @property
    def storage(self) -> Path:
        return self.folder / STORAGE

    @property
    def calls(self) -> list[list[str]]:
        """The words of each call, in order."""
        path = self.folder / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def remember(self, words: Sequence[str]) -> None:
        with (self.folder / "calls").open("a") as calls:
            calls.write(json.dumps(words) + "\n")

    def answer(self, verb: str, program: str) -> None:
        """Run a Python program for each call with this verb."""
        (self.folder / f"{verb}.py").write_text(program)

    @property
    def engine(self) -> Engine | None:
        from tests.container import base, engine  # noqa: PLC0415 - takes 0.4 s, and most calls only record their words

        return engine.Engine(base.base(), self.storage) if self.storage.is_dir() else None


def main(folder: str, verb: str, *words: str) -> int:
    """Carry out one call; return its exit code."""
    docker = Docker(Path(folder))
    docker.remember([verb, *words])
    answer = docker.folder / f"{verb}.py"
    if answer.exists():
        os.execv(sys.executable, [sys.executable, str(answer), *words])
    if verb == "inspect":
        return 1  # no such container: the caller does not run in one
    if verb == "login":
        docker.remember([sys.stdin.read().strip()])
    elif verb == "build":
        _build(docker, words)
    elif verb == "run":
        _run(docker, words)
    elif verb == "create":
        sys.stdout.write("a-container\n")
    elif verb == "cp":
        _copy_program(docker, *words)
    elif verb == "image":
        name, _, _ = words[-1].rpartition(":")
        sys.stdout.write(f"elsewhere.example.com/image@sha256:0\n{name}@{DIGEST}\n")
    return 0


def _build(docker: Docker, words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--iidfile", type=Path)
    found = docker.engine
    if found:
        found.build(words)
    else:
        parser.parse_known_args(words)[0].iidfile.write_text(f"sha256:{uuid.uuid4().hex}")


def _run(docker: Docker, words: Sequence[str]) -> NoReturn:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rm", action="store_true")
    parser.add_argument("--name")
    parser.add_argument("--network")
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("image")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args(words)
    environ = {name: os.environ[name] for name in asked.env if name in os.environ}
    found = docker.engine
    if found:
        sys.exit(found.run(asked.image, environ, asked.command))
    _become_entrypoint(docker, environ, asked.command)


def _copy_program(docker: Docker, source: str, target: str) -> None:
    """Stand in for a program of another image. It records its calls, and writes the requested output file."""
    path = Path(target)
    path.write_text(PROGRAM_OF_AN_IMAGE.format(calls=docker.folder / "calls", name=Path(source).name))
    path.chmod(0o755)


def _become_entrypoint(docker: Docker, environ: Mapping[str, str], command: Sequence[str]) -> NoReturn:
    from tests.boots import ENTRYPOINT  # noqa: PLC0415 - as above
    from tests.container import base  # noqa: PLC0415 - as above

    home = Path(os.environ["DIRECTUS_HOME"])
    (pm2,) = home.resolve().parents[2].glob("pm2@*/node_modules/pm2/bin/pm2-runtime")
    serve = ["node", str(pm2), "start", str(base.ECOSYSTEM)]
    image = {
        "DIRECTUS_HOME": str(home),
        "HOME": str(docker.folder),
        # Last, because the `node` beside this Python is a wrapper that does not pass on signals.
        "PATH": f"{os.environ['PATH']}{os.pathsep}{Path(sys.executable).parent}",
    }
    os.execve(ENTRYPOINT, [str(ENTRYPOINT), *(command or serve)], {**image, **environ})


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
