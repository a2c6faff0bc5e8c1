"""Alembic's two branches: their heads, applied and pending revisions, and upgrading a branch."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Final, Literal

import psycopg2

from directus_sync.errors import DatabaseAhead, DatabaseFailed, MigrationFailed, SyncError
from directus_sync.output import Progress, duration
from directus_sync.postgres import database, holders, messages
from directus_sync.postgres.database import Connection
from directus_sync.revisions import revision_files
from directus_sync.revisions.revision_files import Revision
from directus_sync.settings import ROOT

# Directus only sees the schema `public`.
SCHEMA: Final = "directus_sync"
VERSIONS: Final = ROOT / "migrations" / "versions"

Branch = Literal["pre", "post"]
BRANCHES: Final[tuple[Branch, ...]] = ("pre", "post")


def checkout_head(branch: Branch) -> str:
    """Return the id of a branch's newest revision in this checkout. Reads only the HEAD file.

    Raises InvalidRevisions if that file names no revision.
    """
    return revision_files.head_id(VERSIONS, branch)


def ordered(branch: Branch) -> tuple[Revision, ...]:
    """Return the revisions of a branch in this checkout, the oldest first. Raises InvalidRevisions."""
    return revision_files.ordered(VERSIONS, branch)


def applied(heads: Iterable[str], branch: Branch) -> tuple[Revision, ...]:
    """Return the revisions of a branch that a database with these heads has. Raises InvalidRevisions."""
    files = ordered(branch)
    ids = [file.id for file in files]
    return files[: max((ids.index(head) + 1 for head in heads if head in ids), default=0)]


def applied_heads(connection: Connection) -> frozenset[str]:
    """Return the revision ids in the database's version table; empty if there is no such table."""
    if not database.has(connection, f"{SCHEMA}.alembic_version"):
        return frozenset()
    return frozenset(row[0] for row in database.query(connection, f"SELECT version_num FROM {SCHEMA}.alembic_version"))  # noqa: S608 - a constant


def pending(connection: Connection, branch: Branch) -> tuple[Revision, ...]:
    """Return the branch's revisions that the database lacks, oldest first.

    Raises DatabaseAhead if the database has a revision of either branch that this checkout lacks;
    InvalidRevisions if the files can't be used.
    """
    heads = require_known(connection)
    if checkout_head(branch) in heads:
        return ()
    return ordered(branch)[len(applied(heads, branch)) :]


def require_known(connection: Connection) -> frozenset[str]:
    """Return the revision ids in the version table.

    Raises DatabaseAhead if this checkout lacks one of them; InvalidRevisions.
    """
    heads = applied_heads(connection)
    # Read the revision files only if the HEAD files do not answer the question.
    if heads <= {checkout_head(branch) for branch in BRANCHES}:
        return heads
    unknown = sorted(heads - {file.id for branch in BRANCHES for file in ordered(branch)})
    if unknown:
        raise DatabaseAhead(
            f"the database is ahead of this checkout: it has revision {', '.join(unknown)}, which is not here",
            where=f"{SCHEMA}.alembic_version",
            next="use the checkout or image that migrated it, or a newer one; nothing was changed",
        )
    return heads


def prepare(connection: Connection) -> None:
    """Create the schema of the version table, unless the database is ahead of this checkout. Raises DatabaseAhead."""
    require_known(connection)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")


def upgrade(connection: Connection, branch: Branch, progress: Progress) -> tuple[Revision, ...]:
    """Upgrade one branch to its head on `connection`, which holds the lock; return the applied revisions.

    Raises MigrationFailed, or DatabaseFailed if the connection is lost. The revisions in `progress.done` are committed.
    """
    todo = pending(connection, branch)
    if not todo:
        return ()
    from alembic import command  # noqa: PLC0415 - Alembic takes 0.4 s to load, and most boots have nothing to migrate
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    before, report = len(progress.done), _report_steps(todo, progress)
    next(report)
    config = Config(str(ROOT / "alembic.ini"))
    config.attributes["connection"] = connection
    config.attributes["on_version_apply"] = partial(next, report, None)
    try:
        command.upgrade(config, f"{branch}@head")
    except SyncError:
        raise
    except (CommandError, SQLAlchemyError, psycopg2.Error) as error:
        raise _failure(connection, branch, todo, len(progress.done) - before, error) from error
    finally:
        if not connection.closed:
            connection.rollback()
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("RESET search_path")
    return todo


def _report_steps(todo: Iterable[Revision], progress: Progress) -> Iterator[None]:
    """Print that a revision begins and, at the next step, that it ended. Alembic only reports the end."""
    for revision in todo:
        started = time.monotonic()
        progress.note(f"Applying: {revision.name}")
        yield
        progress.note(f"Applied:  {revision.name} in {duration(time.monotonic() - started)}")
        progress.done.append(revision.id)


def _failure(
    connection: Connection, branch: Branch, todo: Sequence[Revision], done: int, error: Exception
) -> DatabaseFailed | MigrationFailed:
    """Return the error for the revision that failed, `todo[done]`."""
    name = todo[min(done, len(todo) - 1)].name
    original = getattr(error, "orig", None) or error
    reason = messages.reason(original) if isinstance(original, psycopg2.Error) else " ".join(str(original).split())
    if connection.closed:
        return DatabaseFailed(
            f"the connection was lost while {name} was applied",
            where=reason,
            next="run again; that is safe, and the revisions before it stay",
        )
    connection.rollback()
    return MigrationFailed(
        f"{name} failed: {reason}",
        where=f"alembic upgrade {branch}@head, after {done} of {len(todo)} revisions",
        next=holders.advice(connection) if holders.timed_out(error) else _remedy(error),
    )


def _remedy(error: Exception) -> str:
    """Return what to do next. If only a superuser can do it, include the SQL statement."""
    extension = re.search(r'permission denied to create extension "(\w+)"', str(error))
    if extension:
        statement = f"CREATE EXTENSION {extension[1]} SCHEMA public;"
        return f"have a superuser execute this in the database, then run again:\n{statement}"
    return "the revisions before it are applied and stay; fix the cause and run again; that is safe"
