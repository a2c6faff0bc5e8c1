"""What this database remembers of the tool: recorded snapshots and deploys. pre_0002 creates the tables."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
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


@dataclass(frozen=True)
class Standing:
    """What the next deploy compares to tell that nothing moved. fingerprint: None if it was not verified."""

    inputs: str
    fingerprint: str | None


def exists(connection: Connection) -> bool:
    """Tell whether the tool's tables are there."""
    return database.has(connection, "directus_sync.snapshot_history")


def latest_sha256(connection: Connection) -> str | None:
    """Return the hash of the snapshot recorded last, or None."""
    rows = database.query(connection, "SELECT sha256 FROM directus_sync.snapshot_history ORDER BY id DESC LIMIT 1")
    return str(rows[0][0]) if rows else None


def latest_directus(connection: Connection) -> str | None:
    """Return the version of Directus that was deployed, pushed or pulled last, or None."""
    if not exists(connection):
        return None
    rows = database.query(
        connection, "SELECT directus_version FROM directus_sync.snapshot_history ORDER BY id DESC LIMIT 1"
    )
    return str(rows[0][0]) if rows else None


def is_base(connection: Connection, sha256: str) -> bool:
    """Tell whether the snapshot with this hash was recorded last."""
    return exists(connection) and latest_sha256(connection) == sha256


def base(connection: Connection) -> Snapshot | None:
    """Return the snapshot recorded last, or None for a database that this tool never touched."""
    if not exists(connection):
        return None
    rows = database.query(connection, "SELECT snapshot FROM directus_sync.snapshot_history ORDER BY id DESC LIMIT 1")
    if not rows:
        return None
    return snapshots.parse(bytes(rows[0][0]), "the recorded base", may_be_empty=True)


def before_renames(connection: Connection) -> Snapshot | None:
    """Return the base as it was before revisions renamed something in it; None if nothing was renamed since."""
    if not exists(connection):
        return None
    rows = database.query(
        connection,
        "SELECT snapshot FROM directus_sync.snapshot_history WHERE source <> 'rename' AND id < ("
        "SELECT id FROM directus_sync.snapshot_history WHERE id = ("
        "SELECT max(id) FROM directus_sync.snapshot_history) AND source = 'rename') ORDER BY id DESC LIMIT 1",
    )
    return snapshots.parse(bytes(rows[0][0]), "the base before the rename", may_be_empty=True) if rows else None


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


def record_deploy(connection: Connection, deploy: Deploy, standing: Standing, run: UUID) -> None:
    """Record a finished deploy. run: the id that copies in the attic have, too."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO directus_sync.deploys"
            " (finished_at, duration, host, pre_head, post_head, directus_version, sha256, revisions, changes,"
            " removed, notes, account, image, commit, approved, inputs, fingerprint, run)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (*dataclasses.astuple(deploy), *dataclasses.astuple(standing), str(run)),
        )


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


def removed(connection: Connection) -> frozenset[str]:
    """Return what the last deploy found removed on purpose, though catalog.yaml still lists it."""
    found = latest_deploy(connection)
    return frozenset(found.removed) if found is not None else frozenset()


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
