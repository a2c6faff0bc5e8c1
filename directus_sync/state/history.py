"""What this database remembers of the tool: recorded snapshots and deploys. pre_0002 creates the tables."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.schema import snapshot as snapshots
from directus_sync.schema.snapshot import Snapshot

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


@dataclass(frozen=True)
class Standing:
    """What the next deploy compares to tell that nothing moved. fingerprint: None if it was not verified."""

    inputs: str
    fingerprint: str | None


def exists(connection: Connection) -> bool:
    """Tell whether the tool's tables are there."""
    ((table,),) = database.query(connection, "SELECT to_regclass('directus_sync.snapshot_history')")
    return table is not None


def latest_sha256(connection: Connection) -> str | None:
    """Return the hash of the snapshot recorded last, or None."""
    rows = database.query(connection, "SELECT sha256 FROM directus_sync.snapshot_history ORDER BY id DESC LIMIT 1")
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
            " removed, notes, inputs, fingerprint, run)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (*dataclasses.astuple(deploy), *dataclasses.astuple(standing), str(run)),
        )


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
        " sha256, revisions, changes, removed, notes FROM directus_sync.deploys ORDER BY id DESC LIMIT 1",
    )
    return Deploy(*rows[0]) if rows else None
