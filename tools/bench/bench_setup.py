"""What the scenarios share: the bench's PostgreSQL, template databases, files. Creates and deletes them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tools.bench import npm, process
from tools.bench.databases import Databases
from tools.bench.errors import BenchError
from tools.bench.process import Command
from tools.bench.snapshots import Document
from tools.devstack import directus, directus_home, ports
from tools.devstack.progress import step
from tools.devstack.stack import Stack

# CONFIG_PATH: Directus ignores this checkout's .env. HTTPS_PROXY: a closed port, which ends the check for updates at
# once. Directus makes that check at each start, and it takes 0.2 s to 8 s over the network.
SAME_FOR_ALL = {"CONFIG_PATH": os.devnull, "HTTPS_PROXY": f"http://{ports.HOST}:9"}


@dataclass(frozen=True)
class Files:
    """One snapshot in the forms that the contestants read: YAML, and a dump folder of npm's directus-sync."""

    yaml: Path
    dump: Path


class BenchSetup:
    """A running PostgreSQL, the npm package in the cache, and a folder for the files of a run."""

    def __init__(self, root: Path, stack: Stack, installed: Path) -> None:
        self.root = root
        self.folder = stack.state.folder / "work"
        self.installed = installed
        self.base = _base_environ(stack)
        self.databases = Databases(self.base)
        self.postgres = _postgres(stack)
        self.extensions = self.folder / "extensions"
        self._templates: set[str] = set()
        self.home = self.folder / "home"
        self.home.mkdir(parents=True)
        # Directus loads no extensions if its working folder has no package.json.
        shutil.copy(root / "docker/directus/package.json", self.home)
        npm.put_extension(installed, self.extensions)

    def environ(self, database: str, overrides: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment for a command that uses a database."""
        return {**self.base, "DB_DATABASE": database, **(overrides or {})}

    def run(self, command: Command) -> None:
        """Run a command that is not part of a result."""
        process.run(command, self.folder / "preparation.log")

    def template(self, name: str, build: Callable[[str], None], base: str | None = None) -> str:
        """Return the name of a database to copy; the first call builds it."""
        if name not in self._templates:
            with step(f"Preparing the database {name}"):
                self.databases.create(name, base)
                build(name)
                self.databases.freeze(name)
            self._templates.add(name)
        return name

    def files(self, name: str, document: Document, text: str | None = None) -> Files:
        """Write a snapshot in both forms. text: the snapshot as YAML, if the caller has it."""
        files = Files(self.folder / name / "schema.yaml", self.folder / name / "dump")
        (files.dump / "snapshot").mkdir(parents=True, exist_ok=True)
        files.yaml.write_text(text or yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        (files.dump / "snapshot" / "snapshot.json").write_text(json.dumps(document), encoding="utf-8")
        return files


@contextmanager
def opened(root: Path) -> Iterator[BenchSetup]:
    """Start an empty PostgreSQL for the bench, and delete it afterwards."""
    installed = npm.artefact(root).ensure()
    directus_home.directus_home(root)
    stack = Stack(root, "bench")
    # TimescaleDB's scheduler connects to every database, which then cannot be copied or dropped.
    stack.database.settings["timescaledb.max_background_workers"] = "0"
    stack.reset()
    try:
        stack.up_database()
        yield BenchSetup(root, stack, installed)
    finally:
        stack.reset()


def _base_environ(stack: Stack) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in directus.INHERITED if name in os.environ}
    return {**inherited, **stack.environment(), **SAME_FOR_ALL}


def _postgres(stack: Stack) -> int:
    running = stack.database.running()
    if running is None:
        raise BenchError("PostgreSQL ended", stack.database.log.read_text(errors="replace")[-2000:])
    return running.pid
