"""Why the guard refuses an item: one record a rule, with its id, its condition, its words and what to do next.

The tables of the documentation are generated from these records. Every refusal has exit code 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from directus_sync.errors import CatalogExpectsIt, count
from directus_sync.schema import approvals
from directus_sync.schema.diff import ABSENT, Action
from directus_sync.schema.plan import Hazard, Item, Mover, Taken, Verdict

Items = Sequence[Item]

_UNFIT: Final = frozenset({Hazard.NOT_NULL, Hazard.UNIQUE, Hazard.REQUIRED})
_LOSSY: Final = frozenset({Hazard.COLUMN, Hazard.RETYPE})


@dataclass(frozen=True)
class Case:
    """What a rule looks at.

    at_risk: the hazards that concern rows which exist; taken: what PostgreSQL would drop with the item.
    discarded: somebody gave --discard-live for it; approved: its destruction is approved.
    """

    verdict: Verdict
    at_risk: frozenset[Hazard]
    taken: tuple[Taken, ...]
    discarded: bool
    approved: bool

    @property
    def overrides_live_work(self) -> bool:
        """Tell whether the change would undo what the server has, and nobody discarded that."""
        added = self.verdict.change.action is Action.ADD
        return not added and self.verdict.mover is not Mover.GIT and not self.discarded


@dataclass(frozen=True)
class Record:
    """One rule.

    id: of the error. meaning, remedy: a line each, for the documentation.
    refuses: the condition. what: the error's first sentence, for the refused items. steps: what to do next.
    detail: what an item's line says beyond its name and its rows.
    """

    id: str
    meaning: str
    remedy: str
    refuses: Callable[[Case], bool]
    what: Callable[[Items], str]
    steps: Callable[[Items], list[str]]
    detail: Callable[[Item], str] = lambda _: ""


def ids(items: Items) -> str:
    """Return the items as an option takes them: events,events.notes."""
    return ",".join(dict.fromkeys(item.id for item in items))


def counted(items: Items) -> str:
    """Return how many items there are: 1 field, 3 items."""
    nouns = {item.verdict.change.kind.noun for item in items}
    return count(len(items), nouns.pop() if len(nouns) == 1 else "item")


def _with_verb(items: Items, one: str, many: str) -> str:
    return f"{counted(items)} {one if len(items) == 1 else many}"


def _what_is_uncaptured(items: Items) -> str:
    if all(item.verdict.change.action is Action.REMOVE for item in items):
        return f"{_with_verb(items, 'exists', 'exist')} in Directus and in no snapshot"
    return f"{_with_verb(items, 'was', 'were')} made or changed in Directus and never captured"


def _is_incomplete_on_the_server(item: Item) -> bool:
    edits = item.verdict.change.edits
    return bool(edits) and edits[0].before is ABSENT


def _what_is_incomplete(items: Items) -> str:
    if all(map(_is_incomplete_on_the_server, items)):
        return (
            f"{_with_verb(items, 'lacks', 'lack')} a property in Directus, which would create the whole item for it"
            " (directus issue 27877)"
        )
    return (
        f"{_with_verb(items, 'lacks', 'lack')} a property, and Directus would delete the whole item for it"
        " (directus issue 27877)"
    )


def _complete(items: Items) -> list[str]:
    lacking = [item for item in items if _is_incomplete_on_the_server(item)]
    steps = []
    if len(lacking) < len(items):
        steps.append("snapshots are not edited by hand: restore the file from git, or directus-sync pull --overwrite")
    if lacking:
        steps.append(
            f"if its table or foreign key was dropped by SQL: delete what is left of {ids(lacking)} in Directus,"
            " then run again, which creates it again"
        )
    return steps


def _approve(items: Items) -> list[str]:
    names = list(dict.fromkeys(item.id for item in items))
    return [
        "if this checkout is out of date, update it: git pull",
        "if you mean it, say so in snapshots/removals.yaml and commit; the attic keeps a copy of the rows:",
        *approvals.example(names),
        f"or approve it once: run again with --allow-destroy {ids(items)}",
    ]


def _faults(item: Item) -> str:
    return "; ".join(item.verdict.faults)


def _takes_along(item: Item) -> str:
    return f"takes along {', '.join(found.name for found in item.taken if found.expected)}"


class Rule(Enum):
    """The rules. The first that refuses an item names it, and the first of a plan names the error."""

    INCOMPLETE = Record(
        id="incomplete-entry",
        meaning="An entry lacks a property, and Directus would delete or create the whole item for it.",
        remedy="restore the file from git, or pull",
        refuses=lambda case: case.verdict.change.malformed,
        what=_what_is_incomplete,
        steps=_complete,
    )
    CONFLICT = Record(
        id="conflict",
        meaning="Git and Directus changed the same thing.",
        remedy="choose: `directus-sync pull --overwrite`, or `--discard-live`",
        refuses=lambda case: case.overrides_live_work and case.verdict.mover is Mover.BOTH,
        what=lambda items: f"{counted(items)} changed both in git and in Directus",
        steps=lambda items: [
            "keep Directus's: directus-sync pull --overwrite, make git's change again in Directus, pull, commit",
            f"keep git's:       run again with --discard-live {ids(items)}",
        ],
    )
    UNCAPTURED = Record(
        id="uncaptured-live-work",
        meaning="Something was made or changed in Directus, and no snapshot has it.",
        remedy="pull and commit, or `--discard-live`",
        refuses=lambda case: case.overrides_live_work,
        what=_what_is_uncaptured,
        steps=lambda items: [
            "keep them: directus-sync pull, then commit",
            f"lose them: run again with --discard-live {ids(items)}",
        ],
    )
    NOT_REBUILDABLE = Record(
        id="not-rebuildable",
        meaning="The file has something that Directus does not make as it is written.",
        remedy="take what Directus makes, or make it in a revision",
        refuses=lambda case: bool(case.verdict.faults),
        what=lambda items: f"Directus would not make {counted(items)} as the file says",
        steps=lambda items: [
            f"take what Directus makes: change {ids(items)} on a development database, then directus-sync pull",
            "or keep it: make it in a post revision, without an entry in Directus",
        ],
        detail=_faults,
    )
    UNFIT = Record(
        id="rows-do-not-fit",
        meaning="A field becomes required or unique, and rows are in the way.",
        remedy="change those rows",
        refuses=lambda case: bool(case.at_risk & _UNFIT),
        what=lambda items: f"{counted(items)} cannot become required or unique, because rows are empty or equal",
        steps=lambda items: [f"change the rows that are empty or equal in {ids(items)}, then run again"],
    )
    DESTRUCTION = Record(
        id="unapproved-destruction",
        meaning="Git removes something or narrows a field, and nobody approved that its rows are lost.",
        remedy="update the checkout, or approve it in `snapshots/removals.yaml`",
        refuses=lambda case: (
            not case.approved and (case.verdict.change.action is Action.REMOVE or bool(case.at_risk & _LOSSY))
        ),
        what=lambda items: f"{counted(items)} would be removed or narrowed, and nobody approved it",
        steps=_approve,
    )
    EXPECTED = Record(
        id=CatalogExpectsIt.id,
        meaning="A push would drop, or a pull would forget, something that `catalog.yaml` lists.",
        remedy="drop it in a revision; or `directus-sync deploy` puts it back",
        refuses=lambda case: any(found.expected for found in case.taken),
        what=lambda items: f"{counted(items)} would silently take along what catalog.yaml lists",
        steps=lambda _: [
            'take it out of the revision that makes it, and drop it in a new one: make post m="drop ..."',
            "then take it out of catalog.yaml: directus-sync pull --overwrite on a database without it, and commit",
        ],
        detail=_takes_along,
    )

    @property
    def id(self) -> str:
        """The id of the error."""
        return self.value.id

    def refuses(self, case: Case) -> bool:
        """Tell whether the rule refuses the item."""
        return self.value.refuses(case)
