"""Runs a branch's revisions and says so."""

from __future__ import annotations

from directus_sync import output
from directus_sync.output import Progress
from directus_sync.postgres.database import Connection
from directus_sync.state import revisions
from directus_sync.state.revisions import Branch, Reporter, Revision


def migrate(connection: Connection, branch: Branch, progress: Progress) -> tuple[Revision, ...]:
    """Apply a branch's pending revisions, and return them."""

    def applied(revision: Revision, seconds: float) -> None:
        progress.note(f"Applied:  {revision.name} in {output.duration(seconds)}")
        progress.done.append(revision.id)

    reporter = Reporter(applying=lambda revision: progress.note(f"Applying: {revision.name}"), applied=applied)
    return tuple(revisions.upgrade(connection, branch, reporter))
