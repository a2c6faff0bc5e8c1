"""Records snapshots and deploys in the database. pre_0002 creates the tables."""

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
    """One finished deploy. revisions, changes: how many it applied and pushed; notes: what somebody should look at."""

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
    """A deploy that failed. error: the id of its error."""

    failed_at: datetime
    host: str
    error: str


def exists(connection: Connection) -> bool:
    """Return whether the tool's tables exist."""
    return database.has(connection, "directus_sync.snapshot_history")


def latest_sha256(connection: Connection) -> str | None:
    """Return the hash of the snapshot recorded last, or None."""
    sha256: str | None = _latest(connection, "sha256")
    return sha256


def latest_directus(connection: Connection) -> str | None:
    """Return the Directus version of the snapshot recorded last, or None."""
    version: str | None = _latest(connection, "directus_version")
    return version


def is_base(connection: Connection, sha256: str) -> bool:
    """Return whether the snapshot with this hash was recorded last."""
    return latest_sha256(connection) == sha256


def base(connection: Connection) -> Snapshot | None:
    """Return the snapshot recorded last, or None for a database that this tool never touched."""
    content = _latest(connection, "snapshot")
    return None if content is None else snapshots.parse(bytes(content), "the recorded base", from_directus=True)


def before_renames(connection: Connection) -> Snapshot | None:
    """Return the base from before the latest renames by revisions, or None if the latest base is not from a rename."""
    if _latest(connection, "source") != "rename":
        return None
    content = _latest(connection, "snapshot", "WHERE source <> 'rename'")
    if content is None:
        return None
    return snapshots.parse(bytes(content), "the base before the rename", from_directus=True)


def _latest(connection: Connection, column: str, where: str = "") -> Any:
    if not exists(connection):
        return None
    statement = f"SELECT {column} FROM directus_sync.snapshot_history {where} ORDER BY id DESC LIMIT 1"  # noqa: S608 - constants
    return next((value for (value,) in database.query(connection, statement)), None)


def record_base(connection: Connection, snapshot: Snapshot, source: Source) -> None:
    """Record the snapshot as the base, unless it is the latest base already."""
    # Before the first `pre` the table does not exist.
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

    inputs, fingerprint: the next deploy compares these to detect that nothing changed; fingerprint: None if this
    deploy was not verified. run: the id that its copies in the attic also have.
    """
    values = {**vars(deploy), "inputs": inputs, "fingerprint": fingerprint, "run": str(run)}
    columns = ", ".join(values)
    places = ", ".join(f"%({column})s" for column in values)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO directus_sync.deploys ({columns}) VALUES ({places})", values)  # noqa: S608 - constants


def record_failure(connection: Connection, who: Provenance, error: SyncError, run: UUID) -> None:
    """Record a deploy that failed. Ignores errors of the database, so that they do not hide the failure."""
    with suppress(psycopg2.Error), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO directus_sync.failures (host, account, image, commit, error, message, run)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (*dataclasses.astuple(who), error.id, output.hidden(str(error)), str(run)),
        )


def latest_failure(connection: Connection) -> Failure | None:
    """Return the latest failed deploy, or None if a deploy succeeded since."""
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
