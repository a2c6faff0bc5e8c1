"""The server's schema diff as data: what would be added, changed and removed. Pure; the guard judges it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from directus_sync.schema.snapshot import Snapshot


class Absent(Enum):
    """The value of a missing property. A property that is null is not missing."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


# A property of collections that each environment sets for itself: Directus 12 uses it to enforce its licence.
STATUS_PATH: Final = ("meta", "status")


class Action(Enum):
    """What an apply would do to an item."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"

    @property
    def sign(self) -> str:
        """The mark in a plan."""
        return {"add": "+", "change": "~", "remove": "-"}[self.value]


class ItemKind(Enum):
    """The kind of an item. The values are the names of a snapshot's sections."""

    COLLECTION = "collections"
    FIELD = "fields"
    SYSTEM_FIELD = "systemFields"
    RELATION = "relations"

    @property
    def noun(self) -> str:
        """The word for one item of this kind."""
        return "index" if self is ItemKind.SYSTEM_FIELD else self.value.removesuffix("s")


@dataclass(frozen=True)
class Edit:
    """One property that would change. path: within the item; before: on the server; after: in the snapshot."""

    path: tuple[str | int, ...]
    before: object
    after: object

    @property
    def name(self) -> str:
        """The path as a person writes it: schema.max_length."""
        return ".".join(str(step) for step in self.path)


@dataclass(frozen=True)
class Change:
    """One item that differs between server and snapshot.

    replaces_item: Directus's apply would drop or create the whole item instead of changing it; see `_replaces_item`.
    before, after: the whole item if it is added or removed, else None.
    """

    action: Action
    kind: ItemKind
    collection: str
    field: str | None = None
    edits: tuple[Edit, ...] = ()
    before: Mapping[str, Any] | None = dataclasses.field(default=None, repr=False)
    after: Mapping[str, Any] | None = dataclasses.field(default=None, repr=False)
    replaces_item: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """The name of the item's entry in its section of a snapshot."""
        return (self.collection,) if self.field is None else (self.collection, self.field)

    @property
    def edited(self) -> frozenset[tuple[str | int, ...]]:
        """The paths of the properties that change."""
        return frozenset(edit.path for edit in self.edits)

    @property
    def recreated(self) -> bool:
        """Return whether a field turns from a column into an alias or back. Directus drops it and creates it again."""
        return self.action is Action.CHANGE and any(
            edit.path == ("type",) and "alias" in (edit.before, edit.after) for edit in self.edits
        )

    @property
    def makes(self) -> bool:
        """Return whether the change creates a table, column or foreign key."""
        return self.action is Action.ADD and bool((self.after or {}).get("schema"))

    @property
    def id(self) -> str:
        """The item as a person writes it: `events`, `events.notes`."""
        return self.collection if self.field is None else f"{self.collection}.{self.field}"


@dataclass(frozen=True)
class SchemaDiff:
    """All changes that would make the server equal the snapshot. digest, raw: what an apply sends."""

    changes: tuple[Change, ...] = ()
    digest: str = ""
    raw: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)

    def __bool__(self) -> bool:
        return bool(self.changes)


NO_DIFFERENCE: Final = SchemaDiff()


def from_server(answer: tuple[str, Mapping[str, Any]]) -> SchemaDiff:
    """Read the answer of /schema/diff: (hash, diff)."""
    digest, raw = answer
    changes = [_change(kind, entry) for kind in ItemKind for entry in raw.get(kind.value, ())]
    return SchemaDiff(tuple(_paired(changes)), digest, raw)


def with_whole_values(raw: Mapping[str, Any], live: Snapshot, wanted: Snapshot) -> dict[str, Any]:
    """Return the diff with each edit inside a value of a collection's `meta` turned into an edit of the whole value.

    For example, adding a key inside `meta.translations` is a valid edit. But Directus describes it in a form for which
    its own apply drops or creates the whole collection (see `_replaces_item`). It applies an edit of the whole value
    correctly.
    """
    entries = [_with_whole_values(entry, live, wanted) for entry in raw.get("collections", ())]
    return {**raw, "collections": entries}


def without_others_changes(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the diff without the changes that git must not make.

    Each environment sets `meta.status` of a collection itself. An index on one of Directus's own columns that is not in
    the file belongs to the version of Directus, or to the person who made it.
    """
    entries = [
        {**entry, "diff": [diff for diff in entry["diff"] if tuple(diff.get("path", ())) != STATUS_PATH]}
        for entry in raw.get("collections", ())
    ]
    indexes = [entry for entry in raw.get("systemFields", ()) if not _drops_index(entry)]
    return {**raw, "collections": [entry for entry in entries if entry["diff"]], "systemFields": indexes}


def unlisted_indexes(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """Return those of Directus's own columns that have an index which is not in the file."""
    dropped = filter(_drops_index, raw.get("systemFields", ()))
    return tuple(f"{entry['collection']}.{entry['field']}" for entry in dropped)


def _drops_index(entry: Mapping[str, Any]) -> bool:
    return any(edit.path == ("schema", "is_indexed") and not edit.after for edit in _edits(entry["diff"]))


def _paired(changes: Iterable[Change]) -> Iterable[Change]:
    """Join the removal and the addition of one field into one change.

    Directus describes a field that turns from a column into an alias, or back, as a removal and an addition. They must
    be judged together: only the removal loses data, and neither can be sent without the other.
    """
    changes = list(changes)
    fields = [change for change in changes if change.kind is ItemKind.FIELD]
    added = {change.key: change.after or {} for change in fields if change.action is Action.ADD}
    turned = {}
    for change in fields:
        if change.action is Action.REMOVE and change.key in added:
            before, after = change.before or {}, added[change.key]
            edit = Edit(("type",), before.get("type"), after.get("type"))
            joined = dataclasses.replace(change, action=Action.CHANGE, edits=(edit,), before=before, after=after)
            if joined.recreated:
                turned[change.key] = joined
    for change in changes:
        if change.kind is not ItemKind.FIELD or change.key not in turned:
            yield change
        elif change.action is Action.REMOVE:
            yield turned[change.key]


def _change(kind: ItemKind, entry: Mapping[str, Any]) -> Change:
    diffs = entry["diff"]
    first = diffs[0]
    whole = {} if first.get("path") else {"N": Action.ADD, "D": Action.REMOVE}
    action = whole.get(first["kind"], Action.CHANGE)
    return Change(
        action=action,
        kind=kind,
        collection=entry["collection"],
        field=entry.get("field"),
        edits=tuple(_edits(diffs)) if action is Action.CHANGE else (),
        before=first.get("lhs") if action is Action.REMOVE else None,
        after=first.get("rhs") if action is Action.ADD else None,
        replaces_item=_replaces_item(kind, first),
    )


def _with_whole_values(entry: Mapping[str, Any], live: Snapshot, wanted: Snapshot) -> Mapping[str, Any]:
    diffs = entry["diff"]
    top = tuple(diffs[0].get("path", ()))[:2]
    found = [snapshot.section("collections").get((entry["collection"],), {}) for snapshot in (live, wanted)]
    values = [(item.get("meta") or {}).get(top[-1], ABSENT) if top else ABSENT for item in found]
    inside = _replaces_item(ItemKind.COLLECTION, diffs[0]) and len(diffs[0]["path"]) > len(top) and top[0] == "meta"
    if not inside or ABSENT in values:
        return entry
    whole = {"kind": "E", "path": list(top), "lhs": values[0], "rhs": values[1]}
    return {**entry, "diff": [whole, *(diff for diff in diffs if tuple(diff.get("path", ()))[:2] != top)]}


def _edits(diffs: Iterable[Mapping[str, Any]]) -> Iterable[Edit]:
    for diff in diffs:
        path = tuple(diff.get("path", ()))
        if diff["kind"] == "A":
            item = diff["item"]
            yield Edit((*path, diff["index"]), item.get("lhs", ABSENT), item.get("rhs", ABSENT))
        else:
            yield Edit(path, diff.get("lhs", ABSENT), diff.get("rhs", ABSENT))


def _replaces_item(kind: ItemKind, first: Mapping[str, Any]) -> bool:
    """Return whether Directus would delete or create the whole item for a difference inside it.

    Directus's apply looks only at the kind of an entry's first difference. For a removed property it drops the table of
    a collection (https://github.com/directus/directus/issues/27877), the foreign key of a relation, or the column of a
    field, unless the property is below `meta`. Present in 11.17.4, api/src/utils/apply-diff.ts.
    """
    path = first.get("path")
    if first["kind"] not in {"N", "D"} or not path:
        return False
    return kind is not ItemKind.FIELD or len(path) < 2 or path[0] != "meta"
