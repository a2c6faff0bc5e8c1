"""Records each applied revision in the database: name, checksum, time. Detects revision files that were edited later.

pre_0008 creates the table. Only Alembic's own table, which holds the heads, decides which revisions are applied.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from directus_sync.errors import RevisionEdited
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.revisions import branches
from directus_sync.revisions.branches import BRANCHES
from directus_sync.revisions.revision_files import Revision, relative_path

_TABLE: Final = "directus_sync.revisions"


@dataclass(frozen=True)
class Applied:
    """An applied revision as it was recorded. at: None if the time is unknown."""

    id: str
    name: str
    checksum: str
    at: datetime | None

    @property
    def when(self) -> str:
        """When it was applied, such as `applied 2026-11-30 14:02 UTC`."""
        return f"applied {self.at:%Y-%m-%d %H:%M %Z}".rstrip() if self.at else "applied"


@dataclass(frozen=True)
class Disagreement:
    """One way in which checkout and database disagree about an applied revision. where, next: as of SyncError."""

    what: str
    where: str
    next: str


def read(connection: Connection) -> dict[str, Applied]:
    """Return the recorded revisions by id; none if the database does not have the table yet."""
    if not database.has(connection, _TABLE):
        return {}
    rows = database.query(connection, "SELECT id, name, checksum, applied_at FROM directus_sync.revisions")
    return {row[0]: Applied(*row) for row in rows}


def record(connection: Connection, heads: Collection[str], newest: str | None = None) -> None:
    """Update the table: add new revisions, delete undone ones, update those with an edit that their docstring accepts.

    heads: of Alembic's version table. newest: the revision that was applied just now; others are added without a time.
    """
    if not database.has(connection, _TABLE):
        return
    recorded = read(connection)
    files = {file.id: file for branch in BRANCHES for file in branches.applied(heads, branch)}
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM directus_sync.revisions WHERE id <> ALL (%s)", (list(files),))
        for file in files.values():
            known = recorded.get(file.id)
            stays = known is not None and (known.name, known.checksum) == (file.name, file.checksum)
            if not stays and (known is None or _is_accepted(known, file)):
                cursor.execute(
                    "INSERT INTO directus_sync.revisions (id, name, checksum, applied_at)"
                    " VALUES (%s, %s, %s, CASE WHEN %s THEN now() END)"
                    " ON CONFLICT (id) DO UPDATE SET name = excluded.name, checksum = excluded.checksum",
                    (file.id, file.name, file.checksum, file.id == newest),
                )


def require_unedited(connection: Connection) -> None:
    """Raise RevisionEdited if an applied revision is not what it was when this database applied it. Changes nothing.

    Also raises DatabaseAhead, and InvalidRevisions if the files can't be used.
    """
    heads = branches.require_known(connection)
    recorded = read(connection)
    found: list[Disagreement] = []
    for branch in BRANCHES:
        mine = {own: known for own, known in recorded.items() if own.startswith(f"{branch}_")}
        found += find(mine, branches.applied(heads, branch), branches.ordered(branch))
    if not found:
        return
    number = "1 revision is" if len(found) == 1 else f"{len(found)} revisions are"
    raise RevisionEdited(
        f"{number} not what this database applied",
        where="\n".join([f"database {database.label(connection)}", *(f"{item.where}: {item.what}" for item in found)]),
        next="\n".join(dict.fromkeys(item.next for item in found)),
    )


def find(
    recorded: Mapping[str, Applied], applied: Sequence[Revision], line: Sequence[Revision]
) -> Iterator[Disagreement]:
    """Yield the disagreements about one branch. line: its files. applied: the files that the database has applied."""
    known = {file.id for file in line}
    for row in recorded.values():
        if row.id not in known:
            yield Disagreement(
                f"{row.when}, and this checkout has no such file",
                row.name,
                "restore the file from git: git log --diff-filter=D -- migrations/versions shows which commit"
                " removed it",
            )
    last = max((number for number, file in enumerate(applied) if file.id in recorded), default=-1)
    for number, file in enumerate(applied):
        before = recorded.get(file.id)
        if before is None:
            # Without any record, `last` is -1: the database is older than the checksums.
            if number < last:
                what = f"never applied, but {applied[last].name} above it was"
                yield Disagreement(what, relative_path(file.path), f"put it on top: make renumber r={file.name}")
        elif not _is_accepted(before, file):
            moved = next((other for other in line if other.checksum == before.checksum), None)
            yield _edited(before, file, is_newest=file is applied[-1]) if moved is None else _renumbered(before, moved)


def _is_accepted(before: Applied, file: Revision) -> bool:
    return before.checksum in {file.checksum, *file.accepted}


def _edited(before: Applied, file: Revision, *, is_newest: bool) -> Disagreement:
    branch = file.path.parent.name
    here = f"if no other database has applied it, undo it here and run again: alembic downgrade {branch}@-1\nor "
    return Disagreement(
        f"edited after it was {before.when}, with checksum {before.checksum}",
        relative_path(file.path),
        f"{here if is_newest else ''}restore the file from git (git log -p shows the edit),"
        f' and make the change in a new revision: make {branch} m="..."\n'
        "or, if databases that applied it need no change, accept the edit in git:"
        ' make accept-edits m="why they need no change"\n'
        "this writes `Edited:`, that checksum and the reason into the docstring",
    )


def _renumbered(before: Applied, moved: Revision) -> Disagreement:
    branch = before.id.partition("_")[0]
    return Disagreement(
        f"{before.when} as {before.name}, which was renumbered",
        relative_path(moved.path),
        f"undo it on this database, in a checkout from before the renumbering: alembic downgrade {branch}@-1\n"
        "then deploy from this checkout; for the local stack, make reset is enough\n"
        "or renumber the other revision instead: make renumber r=NAME",
    )
