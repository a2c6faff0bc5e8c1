"""What commands return, as data."""

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
    from directus_sync.seed.planning import Judged


@dataclass(frozen=True)
class Compared:
    """What a push would do, or did. None: was left out. families: those that are kept in files, and not left out."""

    schema: Plan | None
    families: tuple[ResourcePlan, ...] = ()

    @property
    def differs(self) -> bool:
        """Tell whether anything differs."""
        return bool(self.schema) or any(plan.differs for plan in self.families)


@dataclass(frozen=True)
class Deployed:
    """What one deploy did.

    pushed: None in mode skip; seconds: from its start, waiting for the lock included; directus: what was started;
    switched_on: of the extensions; families: those that are kept in files, none in mode skip;
    rights: the statements that made the roles equal roles.yaml; uncaptured: what a boot left alone in Directus.
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
        """Tell whether there was nothing to do."""
        sent = self.pushed or any(self.families) or self.switched_on or self.rights
        return not (self.pre or self.bootstrapped or sent or self.post or self.verified.restored)


@dataclass(frozen=True)
class Checked:
    """How database, server and checkout differ.

    pending: by branch; plan: what a push would do; drift: from catalog.yaml, and rights: the statements that make the
    roles equal roles.yaml, both once nothing is pending; inactive: parts of this project's extensions that do nothing;
    families: those that are kept in files; migrations: Directus's own that an upgrade would run.
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
        """Tell whether nothing differs."""
        differs = self.plan or self.drift or self.rights or any(plan.differs for plan in self.families)
        return not (differs or self.bootstrap or self.inactive or any(self.pending.values()))


@dataclass(frozen=True)
class Captured:
    """What a pull wrote to the files, or in a dry run would write.

    files: all of them; schema: what changed in the snapshot file; catalog: how the file differed from the database;
    entered: files of resources, in a dry run items; live: None where the schema was left out.
    """

    files: tuple[Path, ...]
    schema: tuple[Change, ...] = ()
    catalog: tuple[Difference, ...] = ()
    entered: tuple[str, ...] = ()
    live: Snapshot | None = None
    dry_run: bool = False

    @property
    def anything(self) -> bool:
        """Tell whether anything was, or would be, written."""
        return bool(self.files)


@dataclass(frozen=True)
class Adopted:
    """What adopt recorded. recorded: False when it was the base already; plan, families: what a push would do now."""

    live: Snapshot
    recorded: bool
    plan: Plan
    families: tuple[ResourcePlan, ...] = ()


@dataclass(frozen=True)
class Status:
    """What is there, without asking Directus. None: nothing known.

    families: by name, of those that are kept in files, whether the files are the recorded base.
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
    """What seeding did, or in a dry run would do. rows: with the file of each."""

    rows: tuple[tuple[str, Judged], ...]
    dry_run: bool
    seconds: float

    def count(self, action: Action) -> int:
        """Return of how many rows this becomes."""
        return sum(1 for _, judged in self.rows if judged.action is action)

    @property
    def writes(self) -> bool:
        """Tell whether anything was, or would be, written."""
        return any(judged.action not in {Action.LEAVE, Action.NONE} for _, judged in self.rows)

    @property
    def left(self) -> int:
        """Return of how many rows something was edited in Directus, and stays."""
        return sum(1 for _, judged in self.rows if len(judged.written) < len(judged.edits))
