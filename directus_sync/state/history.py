"""What this database remembers of the tool: recorded snapshots and deploys. pre_0002 creates the tables."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import psycopg2

from directus_sync import output
from directus_sync.errors import SyncError
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.schema import snapshot as snapshots
from directus_sync.schema.snapshot import Snapshot
from directus_sync.state.provenance import Provenance

Source = Literal["push", "pull", "adopt", "rename"]


@dataclass(frozen=True)
class Deploy:
    """One finished deploy. revisions, changes: how many it applied and pushed; notes: what needs a look."""

    finished_at: datetime
    duration: timedelta
    host: str
    pre_head: str
    post_head: str
    directus_version: str | None
    sha256: str | None
    revisions: int
    changes: int
    removed: list[str]
    notes: list[str]
    account: str | None = None
    image: str | None = None
    commit: str | None = None
    approved: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Failure:
    """A deploy that failed. error: its id."""

    failed_at: datetime
    host: str
    error: str


def exists(connection: Connection) -> bool:
    """Tell whether the tool's tables are there."""
    return database.has(connection, "directus_sync.snapshot_history")


def latest_sha256(connection: Connection) -> str | None:
    """Return the hash of the snapshot recorded last, or None."""
    sha256: str | None = _latest(connection, "sha256")
    return sha256


def latest_directus(connection: Connection) -> str | None:
    """Return the version of Directus that was deployed, pushed or pulled last, or None."""
    version: str | None = _latest(connection, "directus_version")
    return version


def is_base(connection: Connection, sha256: str) -> bool:
    """Tell whether the snapshot with this hash was recorded last."""
    return latest_sha256(connection) == sha256


def base(connection: Connection) -> Snapshot | None:
    """Return the snapshot recorded last, or None for a database that this tool never touched."""
    content = _latest(connection, "snapshot")
    return None if content is None else snapshots.parse(bytes(content), "the recorded base", may_be_empty=True)


def before_renames(connection: Connection) -> Snapshot | None:
    """Return the base as it was before revisions renamed something in it; None if nothing was renamed since."""
    if _latest(connection, "source") != "rename":
        return None
    content = _latest(connection, "snapshot", "WHERE source <> 'rename'")
    return None if content is None else snapshots.parse(bytes(content), "the base before the rename", may_be_empty=True)


def _latest(connection: Connection, column: str, where: str = "") -> Any:
    if not exists(connection):
        return None
    statement = f"SELECT {column} FROM directus_sync.snapshot_history {where} ORDER BY id DESC LIMIT 1"  # noqa: S608 - constants
    return next((value for (value,) in database.query(connection, statement)), None)


def record_base(connection: Connection, snapshot: Snapshot, source: Source) -> None:
    """Record the snapshot as the state that file and server have in common, unless it is the latest already."""
    # Before the first `pre` there is no table to record it in.
    if not exists(connection) or latest_sha256(connection) == snapshot.sha256:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO directus_sync.snapshot_history (source, directus_version, sha256, snapshot)"
            " VALUES (%s, %s, %s, %s)",
            (source, snapshot.directus, snapshot.sha256, snapshot.content),
        )


def record_deploy(connection: Connection, deploy: Deploy, inputs: str, fingerprint: str | None, run: UUID) -> None:
    """Record a finished deploy.

    inputs, fingerprint: what the next one compares to tell that nothing moved; no fingerprint if it was not verified.
    run: the id that copies in the attic have, too.
    """
    values = {**vars(deploy), "inputs": inputs, "fingerprint": fingerprint, "run": str(run)}
    columns = ", ".join(values)
    places = ", ".join(f"%({column})s" for column in values)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO directus_sync.deploys ({columns}) VALUES ({places})", values)  # noqa: S608 - constants


def record_failure(connection: Connection, who: Provenance, error: SyncError, run: UUID) -> None:
    """Record a deploy that failed, if that is possible: the failure itself must not be hidden by another."""
    with suppress(psycopg2.Error), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO directus_sync.failures (host, account, image, commit, error, message, run)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (*dataclasses.astuple(who), error.id, output.hidden(str(error)), str(run)),
        )


def latest_failure(connection: Connection) -> Failure | None:
    """Return when, where and by which error the last deploy failed, if none has succeeded since."""
    try:
        rows = database.query(
            connection,
            "SELECT failed_at, host, error FROM directus_sync.failures WHERE failed_at >"
            " coalesce((SELECT max(finished_at) FROM directus_sync.deploys), '-infinity') ORDER BY id DESC LIMIT 1",
        )
    except psycopg2.ProgrammingError:
        return None
    return Failure(*rows[0]) if rows else None


def latest_inputs(connection: Connection) -> str | None:
    """Return the inputs of the deploy that finished last, or None."""
    rows = database.query(connection, "SELECT inputs FROM directus_sync.deploys ORDER BY id DESC LIMIT 1")
    return rows[0][0] if rows else None


def latest_deploy(connection: Connection) -> Deploy | None:
    """Return the deploy that finished last, or None."""
    rows = database.query(
        connection,
        "SELECT finished_at, duration, host, pre_head, post_head, directus_version,"
        " sha256, revisions, changes, removed, notes,"
        # A database of an older version has no columns for these.
        " to_jsonb(d) ->> 'account', to_jsonb(d) ->> 'image', to_jsonb(d) ->> 'commit',"
        " coalesce(nullif(to_jsonb(d) -> 'approved', 'null'), '[]') FROM directus_sync.deploys d"
        " ORDER BY id DESC LIMIT 1",
    )
    return Deploy(*rows[0]) if rows else None
