"""The databases that scenarios copy, each built once in a run when first needed, and the snapshots that they push."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import yaml

from tools.bench import commands, ddl, snapshots
from tools.bench.bench_setup import BenchSetup, Files

NOTE = "changed by the bench"


def directus_version(root: Path) -> str:
    """Return the pinned version of Directus."""
    return str(json.loads((root / "docker/directus/package.json").read_text())["dependencies"]["directus"])


def bootstrapped(bench: BenchSetup) -> str:
    """Return a database with the pre branch and Directus's own tables."""

    def build(name: str) -> None:
        bench.run(commands.alembic(bench, name, "upgrade", "pre@head"))
        bench.run(commands.cli(bench, name, "bootstrap"))

    return bench.template("bootstrapped", build)


def deployed(bench: BenchSetup) -> str:
    """Return a database that this tool deployed."""
    return bench.template("deployed", lambda name: bench.run(commands.ours(bench, name, "deploy")))


def chained(bench: BenchSetup) -> str:
    """Return a database that the old chain deployed."""
    prepare_chain(bench)
    return bench.template("chained", lambda name: bench.run(commands.chain(bench, name, committed(bench).yaml)))


def prepare_chain(bench: BenchSetup) -> None:
    """Write the .sql files that the chain applies, unless they exist."""
    if not (bench.folder / "sql").exists():
        ddl.write(bench.root, bench.folder / "sql")


def pushed(bench: BenchSetup, collections: int) -> str:
    """Return a database to which this tool pushed a generated snapshot."""
    snapshot = generated(bench, collections).yaml
    return bench.template(
        f"pushed_{collections}",
        lambda name: bench.run(commands.ours(bench, name, "push", "--snapshot", snapshot)),
        base=bootstrapped(bench),
    )


def generated(bench: BenchSetup, collections: int, *, extra_fields: int = 0) -> Files:
    """Return the files of a generated snapshot."""
    document = snapshots.generate(collections, directus_version(bench.root), extra_fields=extra_fields)
    return bench.files(f"generated_{collections}_{extra_fields}", document)


def committed(bench: BenchSetup) -> Files:
    """Return a copy of the committed snapshot, byte for byte, with the other files of its folder."""
    return _copied(bench, "committed")


def without_access(bench: BenchSetup) -> Files:
    """Return such a copy without access and resources, which the chain does not deploy."""
    files = _copied(bench, "without_access")
    for name in ("access", "resources"):
        shutil.rmtree(files.yaml.with_name(name))
    return files


def changed(bench: BenchSetup) -> Files:
    """Return such a copy with another note on one field: the smallest possible change."""
    return _copied(bench, "changed", NOTE)


def _copied(bench: BenchSetup, name: str, note: str | None = None) -> Files:
    text = (bench.root / "snapshots/schema.yaml").read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    if note is not None:
        document["fields"][0]["meta"]["note"] = note
    files = bench.files(name, document, text if note is None else None)
    others = shutil.ignore_patterns(files.yaml.name)
    shutil.copytree(bench.root / "snapshots", files.yaml.parent, ignore=others, dirs_exist_ok=True)
    return files
