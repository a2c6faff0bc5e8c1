"""`status`: shows the state of the database. Needs no Directus."""

from __future__ import annotations

import hashlib
from pathlib import Path

import rich_click as click

from directus_sync import output
from directus_sync.commands import options
from directus_sync.postgres import lock
from directus_sync.report import results
from directus_sync.report.outcome import Status
from directus_sync.revisions import branches
from directus_sync.revisions.branches import BRANCHES
from directus_sync.schema import snapshot as snapshots
from directus_sync.settings import Settings
from directus_sync.state import history
from directus_sync.steps import families, sessions


@click.command()
@options.with_snapshot
@options.with_json
def command(snapshot: Path | None, *, as_json: bool) -> None:
    """Show the latest revisions, the last deploy, the recorded snapshot and who holds the lock. Needs no Directus."""
    found = run(options.load(snapshot))
    output.json_or_text(results.status_document(found), results.status(found), as_json=as_json)


def run(settings: Settings) -> Status:
    """Return the state of database and checkout. Takes no lock, changes nothing."""
    sha256 = hashlib.sha256(snapshots.content_of(settings.snapshot)).hexdigest()
    with sessions.reading(settings, "status") as connection:
        applied = branches.applied_heads(connection)
        known = history.exists(connection)
        heads = {
            branch: (
                next((head for head in applied if head.startswith(branch)), None),
                branches.checkout_head(branch),
            )
            for branch in BRANCHES
        }
        return Status(
            database=settings.database.label,
            heads=heads,
            lock_holder=lock.holder(connection),
            deploy=history.latest_deploy(connection) if known else None,
            snapshot_sha256=sha256,
            failure=history.latest_failure(connection) if known else None,
            recorded_sha256=history.latest_sha256(connection),
            families=families.are_bases(settings, connection),
        )
