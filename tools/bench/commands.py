"""The command lines of the contestants. Owns their options and settings, chosen so that all do the same work."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from tools.bench import npm
from tools.bench.bench_setup import BenchSetup
from tools.bench.process import Command
from tools.bench.servers import Server

PROGRAMS = Path(sys.executable).parent
# Set to empty values, so that the checkout's .env does not set them.
UNSET = ("DB_CONNECTION_STRING", "DB_SSL", "DIRECTUS_TOKEN", "DIRECTUS_URL", "DIRECTUS_SCHEMA_APPLY_MODE")


def ours(bench: BenchSetup, database: str, *arguments: str | Path, server: Server | None = None) -> Command:
    """Run this tool on a running Directus, or without one."""
    return _of_project(bench, database, PROGRAMS / "directus-sync", *arguments, server=server)


def boot(bench: BenchSetup, database: str) -> Command:
    """Run a container's entrypoint, without the server that it would start afterwards."""
    return _of_project(bench, database, bench.root / "docker/entrypoint.sh", "true")


def alembic(bench: BenchSetup, database: str, *arguments: str) -> Command:
    """Run Alembic on this project's migrations."""
    return _of_project(bench, database, PROGRAMS / "alembic", *arguments)


def chain(bench: BenchSetup, database: str, snapshot: Path) -> Command:
    """Run the old chain."""
    environ = bench.environ(database, {"SQL_FOLDER": str(bench.folder / "sql"), "SNAPSHOT": str(snapshot)})
    names = {
        "PGHOST": "DB_HOST", "PGPORT": "DB_PORT", "PGUSER": "DB_USER",
        "PGPASSWORD": "DB_PASSWORD", "PGDATABASE": "DB_DATABASE",
    }  # fmt: skip
    environ |= {theirs: environ[name] for theirs, name in names.items()}
    script = str(Path(__file__).with_name("chain.sh"))
    return _with_servers(Command(("bash", script), environ, bench.home), bench)


def cli(bench: BenchSetup, database: str, *arguments: str | Path) -> Command:
    """Run Directus's own command line."""
    program = f"{bench.base['DIRECTUS_HOME']}/cli.js"
    command = Command(("node", program, *map(str, arguments)), bench.environ(database), bench.home)
    return _with_servers(command, bench)


def package(bench: BenchSetup, server: Server, verb: str, dump: Path) -> Command:
    """Run npm's directus-sync for only the schema, in one file and without records."""
    options = ("--dump-path", str(dump), "--no-split", "--no-collections")
    environ = {**bench.base, "DIRECTUS_URL": server.url, "DIRECTUS_TOKEN": bench.base["ADMIN_TOKEN"]}
    arguments = ("node", str(npm.program(bench.installed)), verb, *options)
    return _with_servers(Command(arguments, environ, bench.home), bench, server)


def _of_project(bench: BenchSetup, database: str, *command: str | Path, server: Server | None = None) -> Command:
    overrides = {**dict.fromkeys(UNSET, ""), "DIRECTUS_URL": server.url if server else ""}
    return _with_servers(
        Command(tuple(map(str, command)), bench.environ(database, overrides), bench.root), bench, server
    )


def _with_servers(command: Command, bench: BenchSetup, server: Server | None = None) -> Command:
    return replace(command, servers=(bench.postgres, *([server.pid] if server else [])))
