"""The command lines of the contestants. Owns their options and settings, chosen so that all do the same work."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.bench import npm
from tools.bench.arena import Arena
from tools.bench.scenario import Command

# Set to nothing, so that no .env of the checkout gets a say.
UNSET = ("DB_CONNECTION_STRING", "DB_SSL", "DIRECTUS_TOKEN", "DIRECTUS_URL", "DIRECTUS_SCHEMA_APPLY_MODE")


def ours(arena: Arena, database: str, *arguments: str | Path, url: str = "") -> Command:
    """Run this tool; with a private Directus unless a URL is given."""
    overrides = {**dict.fromkeys(UNSET, ""), "DIRECTUS_URL": url}
    return _python(arena, "directus-sync", database, overrides, *arguments)


def boot(arena: Arena, database: str) -> Command:
    """Run what a container starts with; what then serves is not part of it."""
    environ = arena.environ(database, dict.fromkeys(UNSET, ""))
    return Command((str(arena.root / "docker" / "entrypoint.sh"), "true"), environ, arena.root)


def alembic(arena: Arena, database: str, *arguments: str) -> Command:
    """Run Alembic on this project's migrations."""
    return _python(arena, "alembic", database, dict.fromkeys(UNSET, ""), *arguments)


def chain(arena: Arena, database: str, snapshot: Path) -> Command:
    """Run the old chain."""
    environ = arena.environ(database, {"SQL_FOLDER": str(arena.folder / "sql"), "SNAPSHOT": str(snapshot)})
    names = {
        "PGHOST": "DB_HOST", "PGPORT": "DB_PORT", "PGUSER": "DB_USER",
        "PGPASSWORD": "DB_PASSWORD", "PGDATABASE": "DB_DATABASE",
    }  # fmt: skip
    environ |= {theirs: environ[name] for theirs, name in names.items()}
    return Command(("bash", str(arena.root / "bench" / "chain.sh")), environ, arena.home)


def cli(arena: Arena, database: str, *arguments: str | Path) -> Command:
    """Run Directus's own command line."""
    program = f"{arena.base['DIRECTUS_HOME']}/cli.js"
    return Command(("node", program, *map(str, arguments)), arena.environ(database), arena.home)


def package(arena: Arena, url: str, verb: str, dump: Path) -> Command:
    """Run npm's directus-sync for the schema alone, in one file: no records, and no API description at a pull."""
    options = ["--dump-path", str(dump), "--no-split", "--no-collections", *(["--no-specs"] if verb == "pull" else [])]
    overrides = {"DIRECTUS_URL": url, "DIRECTUS_TOKEN": arena.base["ADMIN_TOKEN"]}
    return Command(("node", str(npm.program(arena.installed)), verb, *options), {**arena.base, **overrides}, arena.home)


def _python(arena: Arena, name: str, database: str, overrides: dict[str, str], *arguments: str | Path) -> Command:
    program = Path(sys.executable).with_name(name)
    return Command((str(program), *map(str, arguments)), arena.environ(database, overrides), arena.root)
