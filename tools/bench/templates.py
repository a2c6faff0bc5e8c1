"""The databases that scenarios copy, each built once in a run when first needed, and the snapshots that they push."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import yaml

from tools.bench import commands, ddl, snapshots
from tools.bench.arena import Arena, Files

NOTE = "changed by the bench"


def directus_version(root: Path) -> str:
    """Return the pinned version of Directus."""
    return str(json.loads((root / "docker/directus/package.json").read_text())["dependencies"]["directus"])


def bootstrapped(arena: Arena) -> str:
    """Return a database with the pre branch and Directus's own tables."""

    def build(name: str) -> None:
        arena.run(commands.alembic(arena, name, "upgrade", "pre@head"))
        arena.run(commands.cli(arena, name, "bootstrap"))

    return arena.template("bootstrapped", build)


def deployed(arena: Arena) -> str:
    """Return a database that this tool deployed."""
    return arena.template("deployed", lambda name: arena.run(commands.ours(arena, name, "deploy")))


def chained(arena: Arena) -> str:
    """Return a database that the old chain deployed."""
    prepare_chain(arena)
    return arena.template("chained", lambda name: arena.run(commands.chain(arena, name, committed(arena).yaml)))


def prepare_chain(arena: Arena) -> None:
    """Write the .sql files that the chain applies, unless they exist."""
    if not (arena.folder / "sql").exists():
        ddl.write(arena.root, arena.folder / "sql")


def pushed(arena: Arena, collections: int) -> str:
    """Return a database to which this tool pushed a generated snapshot."""
    snapshot = generated(arena, collections).yaml
    return arena.template(
        f"pushed_{collections}",
        lambda name: arena.run(commands.ours(arena, name, "push", "--snapshot", snapshot)),
        base=bootstrapped(arena),
    )


def generated(arena: Arena, collections: int, *, extra_fields: int = 0) -> Files:
    """Return the files of a generated snapshot."""
    document = snapshots.generate(collections, directus_version(arena.root), extra_fields=extra_fields)
    return arena.files(f"generated_{collections}_{extra_fields}", document)


def committed(arena: Arena) -> Files:
    """Return a copy of the committed snapshot, byte for byte, with the other files of its folder."""
    return _copied(arena, "committed")


def alone(arena: Arena) -> Files:
    """Return such a copy without access and resources, which the chain does not deploy."""
    files = _copied(arena, "alone")
    for name in ("access", "resources"):
        shutil.rmtree(files.yaml.with_name(name))
    return files


def changed(arena: Arena) -> Files:
    """Return such a copy with another note on one field: the smallest possible change."""
    return _copied(arena, "changed", NOTE)


def _copied(arena: Arena, name: str, note: str | None = None) -> Files:
    text = (arena.root / "snapshots/schema.yaml").read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    if note is not None:
        document["fields"][0]["meta"]["note"] = note
    files = arena.files(name, document, text if note is None else None)
    others = shutil.ignore_patterns(files.yaml.name)
    shutil.copytree(arena.root / "snapshots", files.yaml.parent, ignore=others, dirs_exist_ok=True)
    return files
