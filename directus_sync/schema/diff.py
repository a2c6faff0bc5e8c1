"""The server's schema diff as data: what would be added, changed and removed. Pure; judges nothing."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from directus_sync.schema import export
from directus_sync.schema.snapshot import Snapshot


class Absent(Enum):
    """The value of a property that is not there, which differs from one that is null."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


class Action(Enum):
    """What an apply would do to an item."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"

    @property
    def sign(self) -> str:
        """The mark in a plan."""
        return {"add": "+", "change": "~", "remove": "-"}[self.value]


class Kind(Enum):
    """What sort of item it is, named as the sections of a snapshot are."""

    COLLECTION = "collections"
    FIELD = "fields"
    SYSTEM_FIELD = "systemFields"
    RELATION = "relations"

    @property
    def noun(self) -> str:
        """The word for one such item."""
        return {
            "collections": "collection",
            "fields": "field",
            "systemFields": "index",
            "relations": "relation",
        }[self.value]


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

    malformed: Directus would take the entry for something else than it is; see `_malformed`.
    before, after: the whole item for an add or a removal, else None.
    """

    action: Action
    kind: Kind
    collection: str
    field: str | None = None
    related: str | None = None
    edits: tuple[Edit, ...] = ()
    before: Mapping[str, Any] | None = dataclasses.field(default=None, repr=False)
    after: Mapping[str, Any] | None = dataclasses.field(default=None, repr=False)
    malformed: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """The name of the item's entry in its section of a snapshot."""
        return (self.collection,) if self.field is None else (self.collection, self.field)

    @property
    def rebuilt(self) -> bool:
        """Tell whether a field turns from a column into an alias or back, and so is dropped and made anew."""
        return self.action is Action.CHANGE and any(
            edit.path == ("type",) and "alias" in (edit.before, edit.after) for edit in self.edits
        )

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

    def count(self, action: Action) -> int:
        """Return how many items an apply would add, change or remove."""
        return sum(change.action is action for change in self.changes)


NO_DIFFERENCE: Final = SchemaDiff()


def from_server(answer: tuple[str, Mapping[str, Any]] | None) -> SchemaDiff:
    """Read the answer of /schema/diff: (hash, diff), or None when nothing differs."""
    if answer is None:
        return NO_DIFFERENCE
    digest, raw = answer
    changes = [_change(kind, entry) for kind in Kind for entry in raw.get(kind.value, ())]
    return SchemaDiff(tuple(_paired(changes)), digest, raw)


def with_whole_values(raw: Mapping[str, Any], live: Snapshot, wanted: Snapshot) -> dict[str, Any]:
    """Return the diff with a change inside a value of a collection's `meta` as a change of that value.

    A key that is added inside `meta.translations`, say, is a valid edit, and Directus's own description of it makes its
    apply drop or create the whole collection (see `_malformed`). As an edit of the whole value it applies it.
    """
    entries = [_with_whole_values(entry, live, wanted) for entry in raw.get("collections", ())]
    return {**raw, "collections": entries}


def tells_live(raw: Mapping[str, Any], wanted: Snapshot) -> bool:
    """Tell whether the server's schema follows from what is wanted: it only lacks something, or has other values.

    Not where an item is told of twice, as of rows that only Directus's own tables can have, nor of what is in a list,
    which the guard judges as a whole: JavaScript may have read the rest of it otherwise.
    """
    return not raw.get(Kind.SYSTEM_FIELD.value) and all(
        len({_key(entry) for entry in entries}) == len(entries)
        and all(_adds(entry) or _changes_values(entry["diff"], section.get(_key(entry))) for entry in entries)
        for section, entries in ((wanted.section(kind.value), raw.get(kind.value, ())) for kind in Kind)
    )


def told(wanted: Snapshot, raw: Mapping[str, Any]) -> Snapshot:
    """Return the server's schema, which follows from a diff (`tells_live`)."""
    sections = {kind.value: dict(wanted.section(kind.value)) for kind in Kind}
    for kind in Kind:
        section = sections[kind.value]
        for entry in raw.get(kind.value, ()):
            if _adds(entry):
                section.pop(_key(entry), None)
            else:
                section[_key(entry)] = _with_former_values(section[_key(entry)], entry["diff"])
    return dataclasses.replace(wanted, content=b"", sections=sections)


def between(live: Snapshot, wanted: Snapshot) -> tuple[Change, ...]:
    """Return what would make `live` equal `wanted`, as Directus would see it, without asking one."""
    changes = []
    for kind in Kind:
        ours, theirs = live.section(kind.value), wanted.section(kind.value)
        for key in sorted(ours.keys() | theirs.keys()):
            change = _between(kind, key, ours.get(key), theirs.get(key))
            if change is not None:
                changes.append(change)
    return tuple(changes)


def comparable(kind: Kind, entry: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the properties that Directus compares; of a column that numbers its rows by itself, none."""
    if entry is None:
        return None
    kept = export.picked(kind.value, entry)
    schema = entry.get("schema")
    if kind is Kind.FIELD and schema and schema.get("is_primary_key") and schema.get("has_auto_increment"):
        del kept["schema"]
    return kept


def same(one: object, other: object) -> bool:
    """Tell whether two values are equal to Directus, to which true is not 1 as it is to Python."""
    # Most are, and the checks below would take them twice as long.
    if one is None or isinstance(one, str):
        return one == other
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def _key(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return (entry["collection"], entry["field"]) if "field" in entry else (entry["collection"],)


def _adds(entry: Mapping[str, Any]) -> bool:
    first = entry["diff"][0]
    return first["kind"] == "N" and not first.get("path")


def _changes_values(diffs: Iterable[Mapping[str, Any]], entry: Mapping[str, Any] | None) -> bool:
    try:
        return all(
            diff["kind"] == "E"
            and "lhs" in diff
            and all(isinstance(step, str) for step in diff["path"])
            and same(_holder(entry, diff["path"])[diff["path"][-1]], diff["rhs"])
            for diff in diffs
        )
    except (KeyError, TypeError):
        return False


def _with_former_values(entry: Mapping[str, Any], diffs: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    former = copy.deepcopy(entry)
    for diff in diffs:
        _holder(former, diff["path"])[diff["path"][-1]] = diff["lhs"]
    return former


def _holder(entry: Any, path: Sequence[str]) -> Any:
    """Return the mapping in which the last step of a path is taken."""
    for step in path[:-1]:
        entry = entry[step]
    return entry


def _between(
    kind: Kind, key: tuple[str, ...], live: Mapping[str, Any] | None, wanted: Mapping[str, Any] | None
) -> Change | None:
    before, after = comparable(kind, live), comparable(kind, wanted)
    if same(before, after):
        return None
    related = (wanted or live or {}).get("related_collection")
    action = Action.ADD if before is None else Action.REMOVE if after is None else Action.CHANGE
    edits = tuple(_unequal((), before, after)) if before is not None and after is not None else ()
    return Change(action, kind, key[0], key[1] if len(key) > 1 else None, related, edits, before, after)


def _unequal(path: tuple[str | int, ...], before: object, after: object) -> Iterable[Edit]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted(before.keys() | after.keys()):
            yield from _unequal((*path, name), before.get(name, ABSENT), after.get(name, ABSENT))
    elif not same(before, after):
        yield Edit(path, before, after)


def _paired(changes: Iterable[Change]) -> Iterable[Change]:
    """Join the removal and the addition of one field into one change.

    Directus describes a field that turns from a column into an alias, or back, as both. Apart they would be
    judged wrongly: only one of them loses something, and neither may go without the other.
    """
    changes = list(changes)
    fields = [change for change in changes if change.kind is Kind.FIELD]
    added = {change.id: change for change in fields if change.action is Action.ADD}
    removed = {change.id: change for change in fields if change.action is Action.REMOVE}
    turned = {
        name
        for name in added.keys() & removed.keys()
        if "alias" in {(added[name].after or {}).get("type"), (removed[name].before or {}).get("type")}
    }
    for change in changes:
        if change.kind is not Kind.FIELD or change.id not in turned:
            yield change
        elif change.action is Action.REMOVE:
            before, after = change.before or {}, added[change.id].after or {}
            edit = Edit(("type",), before.get("type"), after.get("type"))
            yield dataclasses.replace(change, action=Action.CHANGE, edits=(edit,), before=before, after=after)


def _change(kind: Kind, entry: Mapping[str, Any]) -> Change:
    diffs = entry["diff"]
    first = diffs[0]
    whole = not first.get("path")
    action = {"N": Action.ADD, "D": Action.REMOVE}.get(first["kind"], Action.CHANGE) if whole else Action.CHANGE
    return Change(
        action=action,
        kind=kind,
        collection=entry["collection"],
        field=entry.get("field"),
        related=entry.get("related_collection"),
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
    inside = _malformed(Kind.COLLECTION, diffs[0]) and len(diffs[0]["path"]) > len(top) and top[0] == "meta"
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


def _malformed(kind: Kind, first: Mapping[str, Any]) -> bool:
    """Tell whether Directus would delete or create the whole item for a difference inside it.

    Its apply looks at the kind of an entry's first difference only. For a collection that begins with a removed
    property it drops the table (https://github.com/directus/directus/issues/27877); for a field it does the same
    with the column, unless the property lies below `meta`; a relation loses its foreign key. Present in 11.17.4,
    api/src/utils/apply-diff.ts.
    """
    path = first.get("path")
    if first["kind"] not in {"N", "D"} or not path:
        return False
    return kind is not Kind.FIELD or len(path) < 2 or path[0] != "meta"
