"""The errors that this project raises on purpose: id, exit code, meaning and remedy.

The first line of a docstring is the meaning. The guard's refusals are in schema/rules.py. The table in docs/errors.md
is generated from both.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

# The table in the README and the last lines of `--help` are made from this.
EXIT_CODES: Final = {
    0: "done, or nothing differs",
    1: "failed. The message says what is already done. Running again is safe",
    2: "wrong usage or settings",
    3: "`diff`, `check` or a dry run found a difference",
    4: "refused, so that nothing is lost",
    5: "another run held the lock for too long. The message names it",
}


class SyncError(Exception):
    """An error that the tool expects. Its id is made from the name of the class: `lock-timeout` from LockTimeout.

    what:   one sentence, what happened.
    where:  file and line, host, or statement where it happened.
    next:   what the reader should do, one step a line.
    done:   the steps that were finished before the error and stay; set by the command.
    remedy: what to do in general, for the documentation; None for base classes that are never raised.
    """

    id: str = "failed"
    exit_code: ClassVar[int] = 1
    remedy: ClassVar[str | None] = None

    def __init_subclass__(cls) -> None:
        if "id" not in vars(cls):
            cls.id = re.sub(r"\B(?=[A-Z])", "-", cls.__name__).lower()

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

    remedy = "read the end of its output, fix the cause, run again"


class PrivateServerFailed(SyncError):
    """The temporary Directus of a command ended early or did not answer."""

    remedy = "read the end of its log"


class MigrationFailed(SyncError):
    """A revision failed; those before it stay applied."""

    remedy = "fix the cause, run again"


class PreconditionFailed(MigrationFailed):
    """A revision checked the database before it changed anything: a table is missing, or rows do not fit."""

    remedy = "push first, or fix the rows that it names"


class DatabaseFailed(SyncError):
    """PostgreSQL refused a statement of the tool, or ended its session."""

    remedy = "read PostgreSQL's log, run again"


class RequestFailed(SyncError):
    """Directus answered with an error, or its answer is unusable.

    unclear: a change was sent, and Directus may still be working on it. items: the ids of the items that it writes.
    """

    remedy = "read Directus's log"
    unclear: bool = False
    items: tuple[str, ...] = ()


class ApplyFailed(SyncError):
    """Directus refused the push, or the connection was lost before it answered."""

    remedy = "run again: it compares first"


class ApplyRefused(ApplyFailed):
    """Directus or PostgreSQL refuses a change of the file each time it is sent. Nothing was changed."""

    exit_code = 4
    remedy = "correct what it names, in the file or in the database"


class ApplyUnclear(ApplyFailed):
    """An apply was sent, and it is not known whether it happened.

    answered: Directus itself answered with an error, so it is no longer working on the apply.
    undone: a later comparison showed that nothing was applied.
    reason: Directus's message about an internal error.
    """

    id = ApplyFailed.id
    answered: bool = False
    undone: bool = False
    reason: str = ""


class NotConverged(SyncError):
    """Directus accepted the push, but still differs from the files."""

    remedy = "`directus-sync diff` shows the differences"


class CatalogDrift(SyncError):
    """An object that a revision made is missing or changed, and the tool could not restore it."""

    remedy = "make the database equal the file with a revision or by hand, or pull"


class RoleNeedsSuperuser(SyncError):
    """The role that deploys may not create a role or change the rights that `snapshots/roles.yaml` lists."""

    remedy = "have a superuser execute the statements that it prints, run again"


class SeedFailed(SyncError):
    """A row of a seed file could not be written; the rows of that file are undone."""

    remedy = "correct the row, run again"


class AtticFailed(SyncError):
    """Rows could not be copied to the attic or restored. Nothing was destroyed without a copy."""

    remedy = "fix the cause, run again"


class AtticItemMissing(AtticFailed):
    """The collection or field of a copy does not exist."""

    remedy = "bring it back with git and a push, then restore"


class AtticUnknownCopy(AtticFailed):
    """The attic has no copy with that number, or its table was dropped by hand."""

    exit_code = 2
    remedy = "`directus-sync attic list` shows all copies"


class WrongSettings(SyncError):
    """A setting, file or option is missing or invalid."""

    exit_code = 2
    remedy = "correct what it names"


class UnsafeSettings(WrongSettings):
    """A setting of Directus exposes a published vulnerability."""

    remedy = "change it as the message says"


class InvalidRemovals(WrongSettings):
    """`snapshots/removals.yaml` is not a list of items with reasons."""

    remedy = "fix the line it names"


class InvalidRoles(WrongSettings):
    """`snapshots/roles.yaml` has the wrong form, or names a right that does not exist."""

    remedy = "fix the line it names"


class InvalidSeed(WrongSettings):
    """A seed file names something that does not exist, or a value that no row can have. Nothing was written."""

    remedy = "correct the line it names"


class InvalidAccess(WrongSettings):
    """A file of `snapshots/access/` can't be read, or has something that must not be sent. Nothing was sent."""

    remedy = "correct the line it names"


class InvalidResources(WrongSettings):
    """A file of `snapshots/resources/` can't be read, or has something that must not be sent. Nothing was sent."""

    remedy = "correct the line it names"


class DatabaseUnavailable(WrongSettings):
    """PostgreSQL does not answer, or refuses the connection."""

    remedy = "start it, or correct `DB_*`"


class ExtensionUnavailable(WrongSettings):
    """The database server lacks TimescaleDB or PostGIS, or does not preload TimescaleDB."""

    remedy = "install it, or preload it and restart"


class DirectusUnavailable(WrongSettings):
    """No Directus answers at the URL."""

    remedy = "start it, or correct `DIRECTUS_URL`"


class DirectusDenied(WrongSettings):
    """Directus rejects the credentials, or they are not an administrator's."""

    remedy = "correct `ADMIN_TOKEN` or `DIRECTUS_TOKEN`"


class Refused(SyncError):
    """The command could lose something, so it did nothing."""

    exit_code = 4


class InvalidSnapshot(Refused):
    """The file is not a snapshot that can be pushed to this Directus."""

    remedy = "restore it from git, or pull"


class InvalidCatalog(Refused):
    """`snapshots/catalog.yaml` does not have the form that `pull` writes."""

    remedy = "restore it from git, or pull"


class RefusedPlan(Refused):
    """A push could lose something. Nothing was sent.

    id: that of the rule that refused it (schema/rules.py).
    """

    def __init__(self, what: str, *, id: str, where: str, next: str) -> None:  # noqa: A002 - as above
        super().__init__(what, where=where, next=next)
        self.id = id


class CatalogExpectsIt(Refused):
    """A pull would forget something that `snapshots/catalog.yaml` lists. The rule for a push has the same id."""


class AlreadyAdopted(Refused):
    """The database already has a base, and its Directus was changed since."""

    remedy = "`directus-sync pull`, then commit"


class UnpushedFileChanges(Refused):
    """A pull would overwrite changes in the file that were never pushed."""

    remedy = "push, or `directus-sync pull --overwrite`"


class StalePlan(Refused):
    """A file or Directus changed since the plan was saved."""

    remedy = "save it again and review it"


class MadeOtherwise(Refused):
    """Directus stores an entry differently from the file each time it is sent."""

    remedy = "take Directus's form: `directus-sync pull --overwrite`"


class InvalidRevisions(Refused):
    """The revision files of a branch do not form one line, or the HEAD file does not name its end."""

    remedy = "`make renumber`, or restore the file that it names"


class RevisionEdited(Refused):
    """A revision differs from what this database applied."""

    remedy = "restore the file and write a new revision, or `make accept-edits`"


class DatabaseAhead(Refused):
    """A newer checkout than this one migrated the database."""

    remedy = "use that checkout, or a newer one"


class NameTaken(Refused):
    """A new item has the name of something in PostgreSQL that Directus does not know or see."""

    remedy = "add it to Directus, or rename it by SQL"


class DirectusUpgrade(Refused):
    """The installed Directus would upgrade the tables of a database of another minor or major version."""

    remedy = "back up, then name the version: `--upgrade-directus VERSION`"


class DirectusTooOld(Refused):
    """A newer Directus than the installed one upgraded this database."""

    remedy = "use the newer one again, or go back with its `database migrate:down`"


class LockTimeout(SyncError):
    """Another run held the lock for longer than the time-out."""

    exit_code = 5
    remedy = "wait, or end the session that it names"
