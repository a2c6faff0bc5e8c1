"""The results of commands, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from directus_sync.catalog import Difference
from directus_sync.catalog.restore import Repair
from directus_sync.catalog.upkeep import Verified
from directus_sync.directus.extensions import Inactive
from directus_sync.resources.plan import ResourcePlan
from directus_sync.revisions.branches import Branch
from directus_sync.revisions.revision_files import Revision
from directus_sync.schema.diff import Change
from directus_sync.schema.plan import Plan
from directus_sync.schema.snapshot import Snapshot
from directus_sync.seed import Action
from directus_sync.state.history import Deploy, Failure

if TYPE_CHECKING:
    from directus_sync.seed.planning import PlannedRow


@dataclass(frozen=True)
class Compared:
    """What a push would do, or did. schema: None if left out. families: those kept in files and not left out."""

    schema: Plan | None
    families: tuple[ResourcePlan, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether anything differs."""
        return bool(self.schema) or any(plan.differs for plan in self.families)


@dataclass(frozen=True)
class Deployed:
    """What one deploy did.

    pushed: None in mode skip; seconds: including the wait for the lock; directus: which Directus it started;
    switched_on: parts of extensions; families: those kept in files, empty in mode skip;
    rights: the statements that made the roles equal roles.yaml; uncaptured: items in Directus that a boot left alone.
    """

    pre: tuple[Revision, ...]
    bootstrapped: bool
    pushed: Plan | None
    post: tuple[Revision, ...]
    verified: Verified
    seconds: float
    directus: str | None = None
    switched_on: tuple[str, ...] = ()
    families: tuple[ResourcePlan, ...] = ()
    rights: tuple[str, ...] = ()
    uncaptured: tuple[str, ...] = ()

    @property
    def is_idle(self) -> bool:
        """Whether there was nothing to do."""
        sent = self.pushed or any(self.families) or self.switched_on or self.rights
        return not (self.pre or self.bootstrapped or sent or self.post or self.verified.restored)


@dataclass(frozen=True)
class Checked:
    """How database, server and checkout differ.

    pending: revisions by branch; plan: what a push would do; drift: differences from catalog.yaml; inactive: parts of
    this project's extensions that are switched off or not loaded; families: those kept in files; rights: statements
    that would make the roles equal roles.yaml; migrations: Directus's own, which an upgrade would run.

    drift is empty while revisions are pending, rights also while the schema differs.
    """

    pending: dict[Branch, tuple[Revision, ...]]
    bootstrap: bool
    plan: Plan
    drift: tuple[Repair, ...] = ()
    inactive: tuple[Inactive, ...] = ()
    families: tuple[ResourcePlan, ...] = ()
    rights: tuple[str, ...] = ()
    migrations: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        differs = self.plan or self.drift or self.rights or any(plan.differs for plan in self.families)
        return not (differs or self.bootstrap or self.inactive or any(self.pending.values()))


@dataclass(frozen=True)
class Captured:
    """What a pull wrote to the files, or would write in a dry run.

    files: all written files; schema: changes of the snapshot file; catalog: how the file differed from the database;
    resources: names of resource files, or of items in a dry run; live: None if the schema was left out.
    """

    files: tuple[Path, ...]
    schema: tuple[Change, ...] = ()
    catalog: tuple[Difference, ...] = ()
    resources: tuple[str, ...] = ()
    live: Snapshot | None = None
    dry_run: bool = False

    @property
    def anything(self) -> bool:
        """Whether anything was, or would be, written."""
        return bool(self.files)


@dataclass(frozen=True)
class Adopted:
    """What adopt recorded. recorded: False if all was recorded before; plan, families: what a push would do now."""

    live: Snapshot
    recorded: bool
    plan: Plan
    families: tuple[ResourcePlan, ...] = ()


@dataclass(frozen=True)
class Status:
    """The state of database and checkout. None: unknown or missing.

    heads: applied revision and newest revision of the checkout, by branch.
    families: whether the files equal the recorded base, by name; only families that are kept in files.
    """

    database: str
    heads: dict[Branch, tuple[str | None, str]]
    lock_holder: str | None
    deploy: Deploy | None
    snapshot_sha256: str
    recorded_sha256: str | None
    families: Mapping[str, bool] = field(default_factory=dict)
    failure: Failure | None = None


@dataclass(frozen=True)
class Seeded:
    """What seeding did, or would do in a dry run. rows: each with its file."""

    rows: tuple[tuple[str, PlannedRow], ...]
    dry_run: bool
    seconds: float

    def count(self, action: Action) -> int:
        """Return the number of rows with this action."""
        return sum(1 for _, judged in self.rows if judged.action is action)

    @property
    def writes(self) -> bool:
        """Whether anything was, or would be, written."""
        return any(judged.action not in {Action.LEAVE, Action.NONE} for _, judged in self.rows)

    @property
    def left(self) -> int:
        """The number of rows with a value that was edited in Directus and is left alone."""
        return sum(1 for _, judged in self.rows if len(judged.written) < len(judged.edits))
