"""Every error this project raises on purpose; each carries an id, an exit code and what to do next.

SyncError                     1
├── BootstrapFailed           1   directus bootstrap
├── PrivateServerFailed       1   the Directus that deploy starts for itself
├── MigrationFailed           1   Alembic or PostgreSQL refused a revision
│   └── PreconditionFailed    1   a revision found a table missing, or rows that don't fit
├── DatabaseFailed            1   PostgreSQL refused a statement, or ended the session
├── RequestFailed             1   Directus answered with something unusable
├── ApplyFailed               1   /schema/apply was refused
│   └── ApplyUnclear          1   its outcome is unknown
├── NotConverged              1   the schema still differs after the apply
├── CatalogDrift              1   what a revision made is missing or changed, and can't be put back
├── SeedFailed                1   Directus refused a row; what was written of its file is undone
├── AtticFailed               1   PostgreSQL refused a copy, or what was to be done with one
│   ├── AtticItemMissing      1   nowhere to restore to
│   └── AtticUnknownCopy      2
├── WrongSettings             2
│   ├── InvalidRemovals       2
│   ├── InvalidSeed           2
│   ├── DatabaseUnavailable   2
│   ├── ExtensionUnavailable  2
│   ├── DirectusUnavailable   2
│   └── DirectusDenied        2
├── Refused                   4   the guard
│   ├── InvalidSnapshot       4
│   ├── InvalidCatalog        4
│   ├── RefusedPlan           4   one of the next seven, by what weighs most
│   │   ├── IncompleteEntry   4
│   │   ├── Conflict          4
│   │   ├── UncapturedLiveWork 4
│   │   ├── TypeWouldChange   4
│   │   ├── UnapprovedDestruction 4
│   │   ├── RowsDoNotFit      4
│   │   └── CatalogExpectsIt  4
│   ├── AlreadyAdopted        4
│   ├── UnpushedFileChanges   4
│   ├── StalePlan             4
│   └── DatabaseAhead         4
└── LockTimeout               5
"""

from __future__ import annotations

from typing import ClassVar, Final

_SHOWN: Final = 60


class SyncError(Exception):
    """Something went wrong in a way that has a name.

    what:  one sentence, what happened.
    where: file and line, host, or statement it happened at.
    next:  what the reader should do, one step a line.
    done:  what was finished before it and stays; set by the pipeline.
    """

    id: ClassVar[str] = "failed"
    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str | None = None, next: str | None = None) -> None:  # noqa: A002 - the word the output uses
        super().__init__(what)
        self.what = what
        self.where = where
        self.next = next
        self.done: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"error[{self.id}]: {self.what}"]
        for label, text in (("where", self.where), ("done", ", ".join(self.done)), ("next", self.next)):
            if text:
                first, *rest = text.splitlines()
                lines.append(f"  {label + ':':<7}{first}")
                lines.extend(f"         {line}" for line in rest)
        return "\n".join(lines)


class BootstrapFailed(SyncError):
    """Directus could not create or upgrade its own tables."""

    id = "bootstrap-failed"


class PrivateServerFailed(SyncError):
    """The Directus started for one deploy ended early or never answered."""

    id = "private-server-failed"


class MigrationFailed(SyncError):
    """A revision failed; those before it stay applied."""

    id = "migration-failed"


class PreconditionFailed(MigrationFailed):
    """A revision looked before it acted, and found the database not ready for it."""

    id = "precondition-failed"


class DatabaseFailed(SyncError):
    """PostgreSQL refused a statement of the tool's own, or the session was ended."""

    id = "database-failed"


class RequestFailed(SyncError):
    """Directus answered with an error, or with something that is no answer.

    unclear: a change was sent, and Directus may still be at work on it.
    """

    id = "request-failed"
    unclear: bool = False


class ApplyFailed(SyncError):
    """Directus refused an apply, or the connection was lost before it answered."""

    id = "apply-failed"


class ApplyUnclear(ApplyFailed):
    """An apply was sent, and it may or may not have happened.

    answered: Directus itself said so, and is no longer at work.
    """

    answered: bool = False


class NotConverged(SyncError):
    """The server accepted the apply, and its schema still differs from the snapshot."""

    id = "not-converged"


class CatalogDrift(SyncError):
    """Objects that revisions made are missing or changed, and putting them back failed or could lose something."""

    id = "catalog-drift"


class SeedFailed(SyncError):
    """A row of a seed file could not be written, and what was written of that file is undone."""

    id = "seed-failed"


class AtticFailed(SyncError):
    """Data could not be copied to the attic, settled there, or put back."""

    id = "attic-failed"


class AtticItemMissing(AtticFailed):
    """The collection or field that a copy was taken of does not exist yet."""

    id = "attic-item-missing"


class AtticUnknownCopy(AtticFailed):
    """No copy has that number, or its table was dropped by hand."""

    id = "attic-unknown-copy"
    exit_code = 2


class WrongSettings(SyncError):
    """A setting is missing or cannot be right."""

    id = "wrong-settings"
    exit_code = 2


class InvalidRemovals(WrongSettings):
    """snapshots/removals.yaml is not a list of items with reasons."""

    id = "invalid-removals"


class InvalidSeed(WrongSettings):
    """A seed file names what does not exist, or says what no row can have. Nothing was written."""

    id = "invalid-seed"


class DatabaseUnavailable(WrongSettings):
    """PostgreSQL is not there, or does not let us in."""

    id = "database-unavailable"


class ExtensionUnavailable(WrongSettings):
    """The database server lacks an extension, or does not preload it."""

    id = "extension-unavailable"


class DirectusUnavailable(WrongSettings):
    """Nothing that is Directus answers at the URL."""

    id = "directus-unavailable"


class DirectusDenied(WrongSettings):
    """Directus does not accept the credentials, or they are not an administrator's."""

    id = "directus-denied"


class Refused(SyncError):
    """Doing as asked could lose something."""

    id = "refused"
    exit_code = 4


class InvalidSnapshot(Refused):
    """The file is not a snapshot that could be pushed to this Directus."""

    id = "invalid-snapshot"


class InvalidCatalog(Refused):
    """snapshots/catalog.yaml is not what `pull` writes."""

    id = "invalid-catalog"


class RefusedPlan(Refused):
    """A push would undo work, or destroy something without approval. Nothing was sent."""

    id = "refused-plan"


class IncompleteEntry(RefusedPlan):
    """An entry lacks a property, and Directus would delete the whole item for it (its issue 27877)."""

    id = "incomplete-entry"


class Conflict(RefusedPlan):
    """The same thing was changed in git and on the server."""

    id = "conflict"


class UncapturedLiveWork(RefusedPlan):
    """Something was made or changed in Directus, and no snapshot has it."""

    id = "uncaptured-live-work"


class TypeWouldChange(RefusedPlan):
    """The file gives a column a type that Directus does not make, and Directus would make or alter the column."""

    id = "type-would-change"


class UnapprovedDestruction(RefusedPlan):
    """Something was removed or narrowed in git, and nobody approved losing its rows."""

    id = "unapproved-destruction"


class RowsDoNotFit(RefusedPlan):
    """A field is to become required or unique, and rows are in the way."""

    id = "rows-do-not-fit"


class CatalogExpectsIt(RefusedPlan):
    """A push would drop, or a pull would forget, something that snapshots/catalog.yaml says must be there."""

    id = "catalog-expects-it"


class AlreadyAdopted(Refused):
    """Adopting again would make what nobody captured look like a planned change."""

    id = "already-adopted"


class UnpushedFileChanges(Refused):
    """A pull would overwrite changes of the file that no server ever got."""

    id = "unpushed-file-changes"


class StalePlan(Refused):
    """File or server changed since the plan was saved."""

    id = "stale-plan"


class DatabaseAhead(Refused):
    """The database was migrated by a newer checkout than this one."""

    id = "database-ahead"


class LockTimeout(SyncError):
    """Somebody else is deploying, and has been for too long."""

    id = "lock-timeout"
    exit_code = 5


def shown(value: object) -> str:
    """Return a value for a message, short, whatever it is."""
    text = repr(value) if isinstance(value, str | int | float | bool | None) else f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
