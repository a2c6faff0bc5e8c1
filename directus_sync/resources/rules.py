"""The guard's rules for rows: when they refuse an item, and what the error says. Ids are those of schema/rules.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from directus_sync.resources.plan import Judged, ResourceChange
from directus_sync.schema import approvals
from directus_sync.schema.diff import Action
from directus_sync.schema.plan import Mover
from directus_sync.text.wording import count

JudgedItems = Sequence[Judged]


@dataclass(frozen=True)
class Record:
    """One rule. what: the error's first sentence, for the refused items; steps: what to do next."""

    id: str
    what: Callable[[JudgedItems], str]
    steps: Callable[[JudgedItems], list[str]]


def ids(items: JudgedItems) -> str:
    """Return the ids of the items, quoted for a command line."""
    return approvals.pasted(item.id for item in items)


def _counted(items: JudgedItems, one: str, many: str) -> str:
    return f"{count(len(items), 'item')} {one if len(items) == 1 else many}"


def _what_is_uncaptured(items: JudgedItems) -> str:
    if all(item.change.action is Action.ADD for item in items):
        return f"{_counted(items, 'was', 'were')} removed in Directus, but not in the files"
    return f"{_counted(items, 'was', 'were')} made or changed in Directus and never captured"


def _approve(items: JudgedItems) -> list[str]:
    return [
        "if this checkout is out of date, update it: git pull",
        "if you mean it, say so in snapshots/removals.yaml and commit; the attic keeps a copy of the rows:",
        *approvals.example([item.id for item in items]),
        f"or approve it once: run again with --allow-destroy {ids(items)}",
    ]


class ResourceRule(Enum):
    """The rules, in order. The first that refuses an item counts for it. The first in a plan gives the error its id."""

    CONFLICT = Record(
        id="conflict",
        what=lambda items: f"{_counted(items, 'was', 'were')} changed both in git and in Directus",
        steps=lambda items: [
            "keep Directus's: directus-sync pull --overwrite, make git's change again in the files, commit",
            f"keep git's:       run again with --discard-live {ids(items)}",
        ],
    )
    UNCAPTURED = Record(
        id="uncaptured-live-work",
        what=_what_is_uncaptured,
        steps=lambda items: [
            "keep Directus's: directus-sync pull, then commit",
            f"keep git's:      run again with --discard-live {ids(items)}",
        ],
    )
    DESTRUCTION = Record(
        id="unapproved-destruction",
        what=lambda items: f"{_counted(items, 'would', 'would')} be removed, and nobody approved it",
        steps=_approve,
    )

    @property
    def id(self) -> str:
        """The id of the error."""
        return self.value.id

    def refuses(self, change: ResourceChange, mover: Mover, *, discarded: bool, approved: bool) -> bool:
        """Return whether the rule refuses the item.

        Unlike a field, an item that somebody removed in Directus is not added again without asking: a right may have
        been removed in an emergency.
        """
        match self:
            case ResourceRule.CONFLICT:
                return mover is Mover.BOTH and not discarded
            case ResourceRule.UNCAPTURED:
                return mover is Mover.SERVER and not discarded
            case ResourceRule.DESTRUCTION:
                return change.action is Action.REMOVE and change.kind.cost is not None and not approved
