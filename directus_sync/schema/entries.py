"""One item in base, file and server: who changed which property, and which rows a change puts at risk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from directus_sync.schema.columns import Column, is_lossy, may_not_cast, newly_indexed
from directus_sync.schema.comparison import comparable, same
from directus_sync.schema.defaults import NEW_UUID
from directus_sync.schema.diff import ABSENT, Action, Change, Edit, ItemKind
from directus_sync.schema.plan import Hazard, Mover, Risk
from directus_sync.schema.snapshot import Snapshot


class ItemVersions:
    """One item in base, file and server."""

    def __init__(self, change: Change, base: Snapshot | None, wanted: Snapshot, live: Snapshot) -> None:
        self._change = change
        self._base = base
        self._live = live
        self.base = _entry(change, base)
        self.wanted = _entry(change, wanted)
        self.live = _entry(change, live)
        # Not from self.live: it omits auto-increment columns. Directus does not compare them, but it does drop them.
        self.has_column = bool(live.schema(change.kind.value, change.key))

    @property
    def untouched(self) -> bool:
        """Return whether the item, with its fields and relations, is on the server as in the base."""
        return same(_with_parts(self._change, self._base), _with_parts(self._change, self._live))

    def mover(self, edit: Edit) -> Mover:
        """Return who changed one property."""
        if self._change.kind is ItemKind.SYSTEM_FIELD:
            return Mover.GIT  # The file lists an index that Directus lacks. Dropping one is never work to keep.
        if self.base is None:
            return Mover.SERVER if self._base is None else Mover.BOTH
        # A list is judged as a whole, because an insertion on either side shifts its indexes.
        path = edit.path[: next((n for n, step in enumerate(edit.path) if isinstance(step, int)), None)]
        base, wanted, live = (_value(entry, path) for entry in (self.base, self.wanted, self.live))
        return Mover.GIT if same(base, live) else Mover.SERVER if same(base, wanted) else Mover.BOTH


def _entry(change: Change, snapshot: Snapshot | None) -> Mapping[str, Any] | None:
    if snapshot is None:
        return None
    return comparable(change.kind, snapshot.section(change.kind.value).get(change.key))


def _with_parts(change: Change, snapshot: Snapshot | None) -> dict[tuple[str, ...], object]:
    if snapshot is None:
        return {}
    collection, name = change.collection, change.field
    parts = {
        ItemKind.COLLECTION: (ItemKind.COLLECTION, ItemKind.FIELD, ItemKind.RELATION),
        ItemKind.FIELD: (ItemKind.FIELD, ItemKind.RELATION),
    }
    return {
        (kind.value, *key): comparable(kind, entry)
        for kind in parts.get(change.kind, (change.kind,))
        for key, entry in snapshot.section(kind.value).items()
        if key[0] == collection and (name is None or key[1:] == (name,))
    }


def alters(change: Change, live: Snapshot) -> bool:
    """Return whether Directus would drop the item's table or column, or alter the column."""
    entry = live.section(change.kind.value).get(change.key) or {}
    schema = entry.get("schema")
    if change.kind not in {ItemKind.COLLECTION, ItemKind.FIELD} or not schema:
        return False
    if change.action is Action.REMOVE or change.recreated:
        return True
    return change.kind is ItemKind.FIELD and Column.of(entry.get("type"), schema).altered(change.edited)


def _value(entry: Mapping[str, Any] | None, path: Iterable[str | int]) -> object:
    found: Any = entry
    for step in path:
        found = found.get(step, ABSENT) if isinstance(found, Mapping) else ABSENT
    return found


def risks(change: Change, versions: ItemVersions, live: Snapshot) -> Iterator[Risk]:
    """Return the risks whose rows must be counted before the change is sent."""
    if change.action is Action.ADD:
        yield from _addition(change, versions, live)
    elif versions.has_column and change.kind is ItemKind.FIELD:
        yield from _of_column(change, versions)
    elif versions.has_column and change.kind is ItemKind.COLLECTION and change.action is Action.REMOVE:
        yield Risk(Hazard.TABLE, change.collection)


def _addition(change: Change, versions: ItemVersions, live: Snapshot) -> Iterator[Risk]:
    schema = (versions.wanted or {}).get("schema")
    if not schema or (change.collection,) not in live.section("collections"):
        return
    if change.kind is ItemKind.RELATION:
        refers = (str(schema.get("foreign_key_table")), str(schema.get("foreign_key_column")))
        yield Risk(Hazard.REFERENCE, change.collection, change.field, refers=refers)
    if change.kind is not ItemKind.FIELD or schema.get("has_auto_increment"):
        return
    default = schema.get("default_value")
    if schema.get("is_nullable") is False and default is None:
        yield Risk(Hazard.REQUIRED, change.collection, change.field)
    if schema.get("is_unique") and default is not None and default != NEW_UUID:
        yield Risk(Hazard.SHARED_DEFAULT, change.collection, change.field)


def _of_column(change: Change, versions: ItemVersions) -> Iterator[Risk]:
    before, after = ((entry or {}).get("schema") or {} for entry in (versions.live, versions.wanted))
    if change.action is Action.REMOVE or change.recreated or (before and not after):
        yield Risk(Hazard.COLUMN, change.collection, change.field)
        return
    old = Column.of((versions.live or {}).get("type"), before)
    new = Column.of((versions.wanted or {}).get("type"), after)
    if is_lossy(change.edited, old, new):
        yield Risk(Hazard.RETYPE, change.collection, change.field, new.made)
        if may_not_cast(old, new):
            yield Risk(Hazard.CAST, change.collection, change.field, new.made)
    if before.get("is_nullable") and after.get("is_nullable") is False:
        yield Risk(Hazard.NOT_NULL, change.collection, change.field)
    if not before.get("is_unique") and after.get("is_unique"):
        yield Risk(Hazard.UNIQUE, change.collection, change.field)
    if newly_indexed(before, after) and old.is_long and new.is_long:
        yield Risk(Hazard.INDEX, change.collection, change.field)
