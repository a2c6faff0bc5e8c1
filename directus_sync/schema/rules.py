"""The guard's rules for refusing an item. Each record has an id, a condition, a message and the next steps.

The tables of the documentation are generated from these records. Every refusal has exit code 4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from directus_sync.errors import CatalogExpectsIt
from directus_sync.schema import approvals
from directus_sync.schema.diff import ABSENT, Action, ItemKind
from directus_sync.schema.plan import Hazard, Mover, PlanItem, Remains
from directus_sync.text.quoting import identifier, literal
from directus_sync.text.wording import count, listed

Items = Sequence[PlanItem]

_UNFIT: Final = frozenset({
    Hazard.NOT_NULL, Hazard.UNIQUE, Hazard.REQUIRED, Hazard.SHARED_DEFAULT, Hazard.CAST, Hazard.REFERENCE, Hazard.INDEX,
})  # fmt: skip
_LOSSY: Final = frozenset({Hazard.COLUMN, Hazard.RETYPE})


@dataclass(frozen=True)
class Record:
    """One rule.

    id: of the error. meaning, remedy: a line each, for the documentation.
    refuses: the condition. what: the error's first sentence, for the refused items. steps: what to do next.
    detail: what an item's line has besides its name and its number of rows.
    """

    id: str
    meaning: str
    remedy: str
    refuses: Callable[[PlanItem], bool]
    what: Callable[[Items], str]
    steps: Callable[[Items], list[str]]
    detail: Callable[[PlanItem], str] = lambda _: ""


def ids(items: Items) -> str:
    """Return the ids as the value of an option in a shell: events,events.notes."""
    return approvals.pasted(item.id for item in items)


def counted(items: Items) -> str:
    """Return the number of items with their noun: 1 field, 3 items."""
    nouns = {item.change.kind.noun for item in items}
    return count(len(items), nouns.pop() if len(nouns) == 1 else "item")


def _with_verb(items: Items, one: str, many: str) -> str:
    return f"{counted(items)} {one if len(items) == 1 else many}"


def _what_is_uncaptured(items: Items) -> str:
    if all(item.change.action is Action.REMOVE for item in items):
        return f"{_with_verb(items, 'exists', 'exist')} in Directus and in no snapshot"
    return f"{_with_verb(items, 'was', 'were')} made or changed in Directus and never captured"


def _is_incomplete_on_the_server(item: PlanItem) -> bool:
    change = item.change
    return change.action is Action.CHANGE and bool(change.edits) and change.edits[0].before is ABSENT


def _what_is_incomplete(items: Items) -> str:
    lacking, issue = f"{_with_verb(items, 'lacks', 'lack')} a property", "(directus issue 27877)"
    if all(map(_is_incomplete_on_the_server, items)):
        return f"{lacking} in Directus, so Directus would create the whole item {issue}"
    if all(item.change.action is Action.ADD for item in items):
        return f"{lacking} that Directus writes, so Directus would never equal the file"
    return f"{lacking}, so Directus would delete the whole item {issue}"


def _complete(items: Items) -> list[str]:
    lacking = [item for item in items if _is_incomplete_on_the_server(item)]
    steps = []
    if len(lacking) < len(items):
        steps.append("snapshots are not edited by hand: restore the file from git, or directus-sync pull --overwrite")
    return steps + [step for item in lacking for step in _bring_back(item)]


def _bring_back(item: PlanItem) -> list[str]:
    if item.remains is Remains.FOLDER:
        return [f"{item.id} is a folder in Directus, and a table in the file: give one of them another name"]
    if item.remains is Remains.FIELDS:
        return [
            f"the table {item.id} was renamed or dropped by SQL: rename it back, or restore it from a backup;",
            f"or delete what is left of {item.id} in Directus, then run again to create it without rows",
        ]
    key = item.change.edits[0].after
    if item.change.kind is not ItemKind.RELATION or not isinstance(key, Mapping) or "column" not in key:
        return [f"restore what was dropped from {item.id} by SQL, then run again"]
    names = ("table", "constraint_name", "column", "foreign_key_table", "foreign_key_column")
    table, name, column, other, target = (identifier(key.get(name)) for name in names)
    made = f"{name} FOREIGN KEY ({column}) REFERENCES {other} ({target}) ON DELETE {key.get('on_delete')}"
    row = "(many_collection, many_field) = ({}, {})".format(*map(literal, item.change.key[:2]))
    return [
        f"if the foreign key of {item.id} was dropped by SQL: ALTER TABLE {table} ADD CONSTRAINT {made}",
        f"if its column was dropped, too: DELETE FROM public.directus_relations WHERE {row};"  # noqa: S608 - for people
        " then run again to make both",
    ]


def _rename_back(items: Items) -> list[str]:
    names = [(*item.change.key[:2], column) for item in items for column in item.look_alikes]
    return [
        *(
            f"if it was renamed, rename it back: ALTER TABLE {table} RENAME COLUMN {column} TO {field}"
            for table, field, column in (map(identifier, each) for each in names)
        ),
        "and rename the field in a pre revision: op.rename_field, docs/renames.md",
        f"if it was dropped, make it again: run again with --discard-live {ids(items)}",
    ]


def _approve(items: Items) -> list[str]:
    return [
        "if this checkout is out of date, update it: git pull",
        "if you mean it, say so in snapshots/removals.yaml and commit; the attic keeps a copy of the rows:",
        *approvals.example(list(dict.fromkeys(item.id for item in items))),
        f"or approve it once: run again with --allow-destroy {ids(items)}",
    ]


def _what_does_not_fit(items: Items) -> str:
    if all(item.at_risk & _UNFIT == {Hazard.INDEX} for item in items):
        return f"{counted(items)} cannot be indexed, because values are longer than an index takes"
    if all(item.change.kind is ItemKind.RELATION for item in items):
        return f"{counted(items)} cannot be made, because rows refer to nothing"
    if any(risk.hazard in {Hazard.CAST, Hazard.REFERENCE} for item in items for risk in item.verdict.risks):
        return f"{counted(items)} cannot become what the file says, because rows do not fit"
    return f"{counted(items)} cannot become required or unique: values are empty or equal"


def _fit(items: Items) -> list[str]:
    relations = [item for item in items if item.change.kind is ItemKind.RELATION]
    new = [item for item in items if item.change.action is Action.ADD and item not in relations]
    long = [item for item in items if item.at_risk & _UNFIT == {Hazard.INDEX}]
    others = [item for item in items if item not in relations and item not in new and item not in long]
    cast = any(risk.hazard is Hazard.CAST for item in others for risk in item.verdict.risks)
    which = "rows that do not fit" if cast else "empty or equal values"
    steps = [
        (others, f"change the {which} in {ids(others)}, then run again"),
        (long, f"shorten the values in {ids(long)}, then run again; or index their hash in a post revision"),
        (new, f"make {ids(new)} optional and not unique, push, fill it in; then change it back, push again"),
        (relations, f"empty {ids(relations)} in rows that refer to nothing, or add the missing rows, then run again"),
    ]
    return [step for concerned, step in steps if concerned]


class SchemaRule(Enum):
    """The rules, in order. An item is refused by the first that applies; the first in a plan gives the error its id."""

    INCOMPLETE = Record(
        id="incomplete-entry",
        meaning="An entry lacks a property, so Directus would delete or create the whole item.",
        remedy="restore the file from git, or pull",
        refuses=lambda item: item.change.replaces_item,
        what=_what_is_incomplete,
        steps=_complete,
        # The line of a change lists its properties anyway.
        detail=lambda item: (
            listed([edit.name for edit in item.change.edits], 4) if item.change.action is Action.ADD else ""
        ),
    )
    RENAMED = Record(
        id="rename-not-captured",
        meaning="A revision renamed something in this database, and the file still has the old name.",
        remedy="`directus-sync pull --overwrite`, then commit",
        refuses=lambda item: item.renamed and item.change.action is Action.REMOVE,
        what=lambda items: (
            f"{_with_verb(items, 'was', 'were')} renamed by a revision, and the file still has the old name"
        ),
        steps=lambda _: ["capture the new name: directus-sync pull --overwrite, then commit it with the revision"],
    )
    RENAMED_BY_SQL = Record(
        id="renamed-by-sql",
        meaning="A column was dropped or renamed by SQL, and a push would create it again without its values.",
        remedy="rename the column back, and rename the field in a revision",
        refuses=lambda item: bool(item.look_alikes) and not item.discarded,
        what=lambda items: f"{counted(items)} would be created empty, perhaps after a rename by SQL",
        steps=_rename_back,
        detail=lambda item: f"the table has {', '.join(item.look_alikes)}, which Directus does not know",
    )
    CONFLICT = Record(
        id="conflict",
        meaning="Git and Directus changed the same thing.",
        remedy="choose: `directus-sync pull --overwrite`, or `--discard-live`",
        refuses=lambda item: item.overrides_live_work and item.verdict.mover is Mover.BOTH,
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
        refuses=lambda item: item.overrides_live_work,
        what=_what_is_uncaptured,
        steps=lambda items: [
            "keep them: directus-sync pull, then commit",
            f"lose them: run again with --discard-live {ids(items)}",
        ],
    )
    NOT_REBUILDABLE = Record(
        id="not-rebuildable",
        meaning="The file has something that Directus would make differently.",
        remedy="take what Directus makes, or make it in a revision",
        refuses=lambda item: bool(item.verdict.faults),
        what=lambda items: f"Directus would not make {counted(items)} as the file says",
        steps=lambda items: [
            f"take what Directus makes: change {ids(items)} on a development database, then directus-sync pull",
            "or keep it: make it in a post revision, without an entry in Directus",
            "or if somebody edited the file by hand, restore it from git",
        ],
        detail=lambda item: "; ".join(item.verdict.faults),
    )
    UNFIT = Record(
        id="rows-do-not-fit",
        meaning="A field becomes required, unique, indexed or of another type, or a relation is made; rows do not fit.",
        remedy="change those rows",
        refuses=lambda item: bool(item.at_risk & _UNFIT),
        what=_what_does_not_fit,
        steps=_fit,
        detail=lambda item: ", ".join(item.keys),
    )
    NEEDED = Record(
        id="view-in-the-way",
        meaning="PostgreSQL does not drop or change a table or column while a view, a policy or a trigger needs it.",
        remedy="drop what needs it in a `pre` revision, and make it again in a `post` revision",
        refuses=lambda item: bool(item.needed_by),
        what=lambda items: f"PostgreSQL would not drop or change {counted(items)}, because something needs it",
        steps=lambda items: [
            f'drop it in a pre revision: make pre m="drop what needs {items[0].id}"',
            'make it again, if it is still wanted, in a post revision: make post m="..."',
        ],
        detail=lambda item: f"needed by {', '.join(item.needed_by)}",
    )
    DESTRUCTION = Record(
        id="unapproved-destruction",
        meaning="Git removes something or narrows a field, and nobody approved the loss of its rows.",
        remedy="update the checkout, or approve it in `snapshots/removals.yaml`",
        refuses=lambda item: not item.approved and (item.change.action is Action.REMOVE or bool(item.at_risk & _LOSSY)),
        what=lambda items: f"{counted(items)} would be removed or narrowed, and nobody approved it",
        steps=_approve,
    )
    CATALOG_EXPECTS_IT = Record(
        id=CatalogExpectsIt.id,
        meaning="A push would drop, or a pull would forget, something that `catalog.yaml` lists.",
        remedy="drop it in a revision; or `directus-sync deploy` puts it back",
        refuses=lambda item: any(found.expected for found in item.dropped_with),
        what=lambda items: f"dropping {counted(items)} would also drop something that catalog.yaml lists",
        steps=lambda _: [
            'delete it in its revision (make accept-edits), drop it in a new one: make post m="drop ..."',
            "then take it out of catalog.yaml: directus-sync pull --overwrite on a database without it, and commit",
        ],
        detail=lambda item: f"takes along {', '.join(found.name for found in item.dropped_with if found.expected)}",
    )

    @property
    def id(self) -> str:
        """The id of the error."""
        return self.value.id
