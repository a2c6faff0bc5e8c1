"""What commands return, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from directus_sync.catalog.restore import Repair
from directus_sync.catalog.upkeep import Verified
from directus_sync.schema.plan import Plan
from directus_sync.schema.snapshot import Snapshot
from directus_sync.seed import Action
from directus_sync.state.history import Deploy, Failure
from directus_sync.state.revisions import Branch, Revision

if TYPE_CHECKING:
    from directus_sync.seed.planning import Judged


@dataclass(frozen=True)
class Deployed:
    """What one deploy did.

    pushed: None in mode skip; seconds: from its start, waiting for the lock included; rights: the statements that made
    the roles equal roles.yaml.
    """

    pre: tuple[Revision, ...]
    bootstrapped: bool
    pushed: Plan | None
    post: tuple[Revision, ...]
    verified: Verified
    seconds: float
    rights: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """Tell whether there was nothing to do."""
        return not (self.pre or self.bootstrapped or self.pushed or self.post or self.verified.restored or self.rights)


@dataclass(frozen=True)
class Checked:
    """How database, server and checkout differ.

    pending: by branch; plan: what a push would do; drift: from catalog.yaml, and rights: the statements that make the
    roles equal roles.yaml, both once nothing is pending.
    """

    pending: dict[Branch, tuple[Revision, ...]]
    bootstrap: bool
    plan: Plan
    drift: tuple[Repair, ...] = ()
    rights: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Tell whether nothing differs."""
        return not (self.plan or self.bootstrap or self.drift or self.rights or any(self.pending.values()))


@dataclass(frozen=True)
class Adopted:
    """What adopt recorded. recorded: False when it was the base already; plan: what a push would do now."""

    live: Snapshot
    recorded: bool
    plan: Plan


@dataclass(frozen=True)
class Status:
    """What is there, without asking Directus. None: nothing known."""

    database: str
    heads: dict[Branch, tuple[str | None, str]]
    lock_holder: str | None
    deploy: Deploy | None
    snapshot_sha256: str
    recorded_sha256: str | None
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
