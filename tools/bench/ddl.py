"""Writes the project's DDL as plain .sql files for a psql runner. Splits the SQL that Alembic prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tools.bench.errors import BenchError

MARK = re.compile(r"^-- Running upgrade \S* -> (\S+)$", re.MULTILINE)
BOOKKEEPING = re.compile(r"^(?:INSERT INTO|UPDATE) directus_sync\.alembic_version .*;\n", re.MULTILINE)
# The first revisions expect this schema: Alembic and the tool keep their tables in it.
SCHEMA = "CREATE SCHEMA IF NOT EXISTS directus_sync;\n"


def write(root: Path, folder: Path) -> None:
    """Write both branches below `folder`: `pre/*.sql` and `post/*.sql`, in the order to apply."""
    # The file has the revision's whole name. Alembic needs the id, such as pre_0008.
    pre_head = "_".join((root / "migrations/versions/PRE_HEAD").read_text().split("_")[:2])
    branches = {"pre": "pre@head", "post": f"{pre_head}:post@head"}
    for branch, target in branches.items():
        (folder / branch).mkdir(parents=True, exist_ok=True)
        for revision, sql in cut(_sql(root, target)).items():
            (folder / branch / f"{revision}.sql").write_text(sql)
    (folder / "pre" / "000_schema.sql").write_text(SCHEMA)


def cut(sql: str) -> dict[str, str]:
    """Return the SQL of each revision from `alembic upgrade --sql`, without Alembic's own bookkeeping."""
    _, *parts = MARK.split(sql)
    revisions = dict(zip(parts[::2], parts[1::2], strict=True))
    # A mark comes after the BEGIN of its transaction, so that BEGIN is at the end of the previous part.
    return {
        revision: "BEGIN;\n" + BOOKKEEPING.sub("", text).rstrip().removesuffix("BEGIN;").strip() + "\n"
        for revision, text in revisions.items()
    }


def _sql(root: Path, target: str) -> str:
    alembic = Path(sys.executable).with_name("alembic")
    command = [str(alembic), "upgrade", target, "--sql"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)} ended with {done.returncode}", done.stderr)
    return done.stdout
