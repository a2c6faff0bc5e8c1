"""Alembic's two branches as the tool sees them: heads, what is applied, what is pending, and running one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import psycopg2

from directus_sync.errors import DatabaseAhead, MigrationFailed, SyncError
from directus_sync.postgres import database
from directus_sync.settings import ROOT

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's class is in lower case

# Out of Directus's sight: it looks at `public` only.
SCHEMA: Final = "directus_sync"
VERSIONS: Final = ROOT / "migrations" / "versions"

Branch = Literal["pre", "post"]
BRANCHES: Final[tuple[Branch, ...]] = ("pre", "post")


@dataclass(frozen=True)
class Revision:
    """One migration file: its id, and the file's name without `.py`."""

    id: str
    name: str


@dataclass(frozen=True)
class Reporter:
    """What to call around each revision; `applied` is given the time in seconds."""

    applying: Callable[[Revision], None]
    applied: Callable[[Revision, float], None]


def checkout_head(branch: Branch) -> str:
    """Return a branch's newest revision id in this checkout, without loading Alembic."""
    return (VERSIONS / f"{branch.upper()}_HEAD").read_text(encoding="ascii").strip()


def applied_heads(connection: Connection) -> frozenset[str]:
    """Return the revision ids in the database's version table; empty when there is none."""
    ((table,),) = database.query(connection, "SELECT to_regclass(%s)", (f"{SCHEMA}.alembic_version",))
    if table is None:
        return frozenset()
    return frozenset(row[0] for row in database.query(connection, f"SELECT version_num FROM {SCHEMA}.alembic_version"))  # noqa: S608 - a constant


def pending(connection: Connection, branch: Branch) -> list[Revision]:
    """Return the branch's revisions that the database lacks, oldest first.

    Raises DatabaseAhead when the database has revisions that this checkout lacks, of either branch.
    """
    heads = require_known(connection)
    if checkout_head(branch) in heads:
        return []
    script = _script()
    applied = {ancestor.revision for head in heads for ancestor in script.iterate_revisions(head, "base")}
    line = [item for item in script.iterate_revisions(f"{branch}@head", "base") if item.revision not in applied]
    return [Revision(item.revision, Path(item.path).stem) for item in reversed(line)]


def require_known(connection: Connection) -> frozenset[str]:
    """Return the revision ids in the version table, all of which this checkout has.

    Raises DatabaseAhead.
    """
    heads = applied_heads(connection)
    # Alembic is loaded only where the answer is not plain.
    if heads <= {checkout_head(branch) for branch in BRANCHES}:
        return heads
    unknown = sorted(heads - {item.revision for item in _script().walk_revisions()})
    if unknown:
        raise DatabaseAhead(
            f"the database is ahead of this checkout: it has revision {', '.join(unknown)}, which is not here",
            where=f"{SCHEMA}.alembic_version",
            next="use the checkout or image that migrated it, or a newer one; nothing was changed",
        )
    return heads


def prepare(connection: Connection) -> None:
    """Create the schema of the version table, unless the database is ahead of this checkout.

    Raises DatabaseAhead.
    """
    require_known(connection)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")


def upgrade(connection: Connection, branch: Branch, reporter: Reporter) -> list[Revision]:
    """Bring one branch to its head on `connection`, which holds the lock; return what was applied.

    Raises MigrationFailed; the revisions reported as applied are committed.
    """
    todo = pending(connection, branch)
    if not todo:
        return []
    from alembic import command  # noqa: PLC0415 - Alembic takes 0.4 s to load, and most boots have nothing to migrate
    from alembic.util import CommandError  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    progress = _Progress(todo, reporter)
    config = _config()
    config.attributes["connection"] = connection
    config.attributes["on_version_apply"] = progress.on_version_apply
    try:
        command.upgrade(config, f"{branch}@head")
    except SyncError:
        raise
    except (CommandError, SQLAlchemyError, psycopg2.Error) as error:
        raise MigrationFailed(
            f"{progress.current.name} failed: {_reason(error)}",
            where=f"alembic upgrade {branch}@head, after {len(progress.done)} of {len(todo)} revisions",
            next="the revisions before it are applied and stay; mend the cause and run again, which is safe",
        ) from error
    finally:
        if not connection.closed:
            connection.rollback()
            connection.autocommit = True
    return todo


class _Progress:
    """Tells the reporter when a revision begins and ends; Alembic itself only says when it ended."""

    def __init__(self, todo: Sequence[Revision], reporter: Reporter) -> None:
        self.todo = todo
        self.reporter = reporter
        self.done: list[Revision] = []
        self._begin()

    @property
    def current(self) -> Revision:
        return self.todo[min(len(self.done), len(self.todo) - 1)]

    def on_version_apply(self, **_: Any) -> None:
        self.reporter.applied(self.current, time.monotonic() - self.started)
        self.done.append(self.current)
        if len(self.done) < len(self.todo):
            self._begin()

    def _begin(self) -> None:
        self.started = time.monotonic()
        self.reporter.applying(self.current)


def _config() -> Config:
    from alembic.config import Config  # noqa: PLC0415 - see upgrade

    return Config(str(ROOT / "alembic.ini"))


def _script() -> ScriptDirectory:
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - see upgrade

    return ScriptDirectory.from_config(_config())


def _reason(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return " ".join(str(original).split())
