"""The server's schema diff as data: what would be added, changed and removed. Pure; judges nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from directus_sync.schema.snapshot import Snapshot


class Absent(Enum):
    """The value of a property that is missing, which differs from one that is null."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


# A property of collections that belongs to each environment: Directus 12 keeps a licence by it.
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
    """What sort of item it is, named as the sections of a snapshot are."""

    COLLECTION = "collections"
    FIELD = "fields"
    SYSTEM_FIELD = "systemFields"
    RELATION = "relations"

    @property
    def noun(self) -> str:
        """The word for one such item."""
        return "index" if self is ItemKind.SYSTEM_FIELD else self.value.removesuffix("s")


@dataclass(frozen=True)
class Edit:
    """One property that would change: `path` within the item, its value on the server, and in the snapshot."""

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

    malformed: Directus's apply would drop or create the whole item for it; see `_malformed`.
    before, after: the whole item for an add or a removal, else None.
    """

    action: Action
    kind: ItemKind
    collection: str
    field: str | None = None
    edits: tuple[Edit, ...] = ()
    before: Mapping[str, Any] | None = dataclasses.field(default=None, repr=False)
    after: Mapping[str, Any] | None = dataclasses.field(default=None, repr=False)
    malformed: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """The name of the item's entry in its section of a snapshot."""
        return (self.collection,) if self.field is None else (self.collection, self.field)

    @property
    def edited(self) -> frozenset[tuple[str | int, ...]]:
        """The paths of the properties that change."""
        return frozenset(edit.path for edit in self.edits)

    @property
    def rebuilt(self) -> bool:
        """Tell whether a field turns from a column into an alias or back: Directus drops it and creates it again."""
        return self.action is Action.CHANGE and any(
            edit.path == ("type",) and "alias" in (edit.before, edit.after) for edit in self.edits
        )

    @property
    def makes(self) -> bool:
        """Tell whether it makes something in PostgreSQL."""
        return self.action is Action.ADD and bool((self.after or {}).get("schema"))

    @property
    def id(self) -> str:
        """The item as a person writes it: `events`, `events.notes`."""
        return self.collection if self.field is None else f"{self.collection}.{self.field}"


@dataclass(frozen=True)
class SchemaDiff:
    """Everything that would make the server equal the snapshot; `digest` and `raw` are what an apply sends."""

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
    """Return the diff with a change inside a value of a collection's `meta` as a change of that value.

    Adding a key inside `meta.translations`, for instance, is a valid edit. But Directus describes it in a form that
    makes its own apply drop or create the whole collection (see `_malformed`). It applies an edit of the whole value
    correctly.
    """
    entries = [_with_whole_values(entry, live, wanted) for entry in raw.get("collections", ())]
    return {**raw, "collections": entries}


def of_git(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the diff without what is not git's to change.

    The property `meta.status` of a collection belongs to each environment. An index on a column of Directus's own that
    the file lacks belongs to the version of Directus, or to whoever made it.
    """
    entries = [
        {**entry, "diff": [diff for diff in entry["diff"] if tuple(diff.get("path", ())) != STATUS_PATH]}
        for entry in raw.get("collections", ())
    ]
    indexes = [entry for entry in raw.get("systemFields", ()) if not _drops_index(entry)]
    return {**raw, "collections": [entry for entry in entries if entry["diff"]], "systemFields": indexes}


def unlisted_indexes(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns of Directus's own that have an index which the file lacks."""
    dropped = filter(_drops_index, raw.get("systemFields", ()))
    return tuple(f"{entry['collection']}.{entry['field']}" for entry in dropped)


def _drops_index(entry: Mapping[str, Any]) -> bool:
    return any(edit.path == ("schema", "is_indexed") and not edit.after for edit in _edits(entry["diff"]))


def _paired(changes: Iterable[Change]) -> Iterable[Change]:
    """Join the removal and the addition of one field into one change.

    Directus describes a field that turns from a column into an alias, or back, as both. They must be judged together:
    only one of them loses data, and neither may be sent without the other.
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
            if joined.rebuilt:
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
        malformed=_malformed(kind, first),
    )


def _with_whole_values(entry: Mapping[str, Any], live: Snapshot, wanted: Snapshot) -> Mapping[str, Any]:
    diffs = entry["diff"]
    top = tuple(diffs[0].get("path", ()))[:2]
    found = [snapshot.section("collections").get((entry["collection"],), {}) for snapshot in (live, wanted)]
    values = [(item.get("meta") or {}).get(top[-1], ABSENT) if top else ABSENT for item in found]
    inside = _malformed(ItemKind.COLLECTION, diffs[0]) and len(diffs[0]["path"]) > len(top) and top[0] == "meta"
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


def _malformed(kind: ItemKind, first: Mapping[str, Any]) -> bool:
    """Tell whether Directus would delete or create the whole item for a difference inside it.

    Its apply looks only at the kind of an entry's first difference. If that is a removed property, it drops the table
    of a collection (https://github.com/directus/directus/issues/27877), the column of a field, unless the property is
    below `meta`, and the foreign key of a relation. Present in 11.17.4, api/src/utils/apply-diff.ts.
    """
    path = first.get("path")
    if first["kind"] not in {"N", "D"} or not path:
        return False
    return kind is not ItemKind.FIELD or len(path) < 2 or path[0] != "meta"
