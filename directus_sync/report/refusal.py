"""Turns a refused plan into the error that says what is in the way, item by item, and both ways out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from directus_sync import errors
from directus_sync.errors import RefusedPlan
from directus_sync.schema.diff import ABSENT, Action, Kind
from directus_sync.schema.guard import Item, Plan, Rule

ITEMS_SHOWN: Final = 20

_ERRORS: Final[dict[Rule, type[RefusedPlan]]] = {
    Rule.INCOMPLETE: errors.IncompleteEntry,
    Rule.CONFLICT: errors.Conflict,
    Rule.UNCAPTURED: errors.UncapturedLiveWork,
    Rule.TYPE: errors.TypeWouldChange,
    Rule.DESTRUCTION: errors.UnapprovedDestruction,
    Rule.UNFIT: errors.RowsDoNotFit,
    Rule.EXPECTED: errors.CatalogExpectsIt,
}


def error(plan: Plan, operation: str) -> RefusedPlan:
    """Return the error for a plan that has refused items. operation: what was asked, and of which server."""
    groups = {rule: [item for item in plan.refused if item.rule is rule] for rule in Rule}
    present = {rule: items for rule, items in groups.items() if items}
    first, *others = present
    where = [operation, *_listed(present[first])]
    for rule in others:
        where += [f"and {_WHAT[rule](present[rule])}:", *_listed(present[rule])]
    steps = [step for rule, items in present.items() for step in _NEXT[rule](items)]
    what = f"{_WHAT[first](present[first])}; nothing was sent"
    return _ERRORS[first](what, where="\n".join(where), next="\n".join(dict.fromkeys(steps)))


def shortened(lines: Sequence[str]) -> list[str]:
    """Return the first lines, and how many there are beyond them."""
    more = len(lines) - ITEMS_SHOWN
    return [*lines[:ITEMS_SHOWN], f"and {more} more"] if more > 0 else list(lines)


def _listed(items: Sequence[Item]) -> list[str]:
    return shortened([_line(item) for item in items])


def _line(item: Item) -> str:
    change = item.verdict.change
    details = [change.kind.noun] if change.kind is not Kind.COLLECTION else []
    if change.action is Action.CHANGE:
        edits = item.verdict.edits or change.edits
        details.append(", ".join(dict.fromkeys(edit.name for edit in edits[:4])))
    if item.verdict.risks:
        details.append(f"{item.rows} row{'' if item.rows == 1 else 's'}")
    if item.verdict.remade and item.rule is Rule.TYPE:
        details.append(f"{item.verdict.remade.data_type} in the file, and {item.verdict.remade.made} by Directus")
    if item.rule is Rule.EXPECTED:
        details.append(f"takes along {', '.join(found.name for found in item.taken if found.expected)}")
    return f"{item.id} ({'; '.join(details)})" if details else item.id


def _ids(items: Sequence[Item]) -> str:
    return ",".join(dict.fromkeys(item.id for item in items))


def _counted(items: Sequence[Item]) -> str:
    nouns = {item.verdict.change.kind.noun for item in items}
    noun = nouns.pop() if len(nouns) == 1 else "item"
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"


def _verb(items: Sequence[Item], one: str, many: str) -> str:
    return one if len(items) == 1 else many


def _uncaptured(items: Sequence[Item]) -> str:
    if all(item.verdict.change.action is Action.REMOVE for item in items):
        return f"{_counted(items)} {_verb(items, 'exists', 'exist')} in Directus and in no snapshot"
    return f"{_counted(items)} {_verb(items, 'was', 'were')} made or changed in Directus and never captured"


def _lost_on_the_server(item: Item) -> bool:
    return bool(item.verdict.change.edits) and item.verdict.change.edits[0].before is ABSENT


def _incomplete(items: Sequence[Item]) -> str:
    if all(map(_lost_on_the_server, items)):
        return (
            f"{_counted(items)} {_verb(items, 'lacks', 'lack')} a property in Directus, which would take that for"
            " the whole item (directus issue 27877)"
        )
    return (
        f"{_counted(items)} {_verb(items, 'lacks', 'lack')} a property, and Directus would delete the whole item"
        " for it (directus issue 27877)"
    )


def _incomplete_steps(items: Sequence[Item]) -> list[str]:
    lost = [item for item in items if _lost_on_the_server(item)]
    steps = []
    if len(lost) < len(items):
        steps.append("snapshots are not edited by hand: restore the file from git, or directus-sync pull --overwrite")
    if lost:
        steps.append(
            "if its table or foreign key was dropped by hand: delete what is left of it in Directus"
            f" ({_ids(lost)}), then run again, which makes it anew"
        )
    return steps


def _destruction_steps(items: Sequence[Item]) -> list[str]:
    names = list(dict.fromkeys(item.id for item in items))
    example = [line for name in names[:3] for line in (f"  - item: {name}", "    reason: why it may go")]
    return [
        "if this checkout is behind, take the newest: git pull",
        "if that is meant, say so in snapshots/removals.yaml and commit it; a copy goes to the attic:",
        *example,
        f"or, this once: rerun with --allow-destroy {_ids(items)}",
    ]


_WHAT: Final[dict[Rule, Callable[[Sequence[Item]], str]]] = {
    Rule.INCOMPLETE: _incomplete,
    Rule.CONFLICT: lambda items: f"{_counted(items)} changed both in git and in Directus",
    Rule.UNCAPTURED: _uncaptured,
    Rule.TYPE: lambda items: (
        f"{_counted(items)} would be made of another type, since Directus makes no column of the one in the file"
    ),
    Rule.DESTRUCTION: lambda items: f"{_counted(items)} would be removed or narrowed, and nobody approved it",
    Rule.UNFIT: lambda items: f"{_counted(items)} can't become required or unique, because of rows that don't fit",
    Rule.EXPECTED: lambda items: (
        f"{_counted(items)} would silently take along what catalog.yaml says the database must contain"
    ),
}

_NEXT: Final[dict[Rule, Callable[[Sequence[Item]], list[str]]]] = {
    Rule.INCOMPLETE: _incomplete_steps,
    Rule.CONFLICT: lambda items: [
        "keep the server's: directus-sync pull --overwrite, make git's change again in Directus, pull, commit",
        f"keep git's:        rerun with --discard-live {_ids(items)}",
    ],
    Rule.UNCAPTURED: lambda items: [
        "keep them: directus-sync pull, then commit",
        f"lose them: rerun with --discard-live {_ids(items)}",
    ],
    Rule.TYPE: lambda items: [
        f"let Directus have its type: ALTER TABLE on a development database for {_ids(items)}, then directus-sync pull",
        "or keep the column's own: make it in a post revision, and no field of it in Directus",
    ],
    Rule.DESTRUCTION: _destruction_steps,
    Rule.EXPECTED: lambda _: [
        'take it out of the revision that makes it, and drop it in a new one: make post m="drop ..."',
        "then take it out of catalog.yaml: directus-sync pull --overwrite on a database without it, and commit",
    ],
    Rule.UNFIT: lambda items: [f"change the rows that are empty or equal in {_ids(items)}, then run again"],
}
