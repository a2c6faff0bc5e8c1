"""Compares two snapshots as Directus does, without a running Directus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from directus_sync.schema.diff import ABSENT, STATUS_PATH, Action, Change, Edit, ItemKind
from directus_sync.schema.snapshot import Snapshot
from directus_sync.schema.snapshot_checks import SCHEMA_TYPES


def between(live: Snapshot, wanted: Snapshot) -> tuple[Change, ...]:
    """Return the changes that would make `live` equal `wanted`."""
    changes = []
    for kind in ItemKind:
        ours, theirs = live.section(kind.value), wanted.section(kind.value)
        for key in sorted(ours.keys() | theirs.keys()):
            before, after = comparable(kind, ours.get(key)), comparable(kind, theirs.get(key))
            if same(before, after):
                continue
            action = Action.ADD if before is None else Action.REMOVE if after is None else Action.CHANGE
            edits = tuple(_unequal((), before, after)) if action is Action.CHANGE else ()
            changes.append(Change(action, kind, key[0], key[1] if len(key) > 1 else None, edits, before, after))
    return tuple(changes)


def comparable(kind: ItemKind, entry: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the properties that Directus compares (11.17.4, api/src/utils/sanitize-schema.ts).

    It does not compare the column of an auto-increment key.
    """
    if entry is None:
        return None
    kept = {key: value for key, value in entry.items() if key != "schema"}
    if kind is ItemKind.COLLECTION and isinstance(meta := kept.get("meta"), Mapping) and STATUS_PATH[1] in meta:
        kept["meta"] = {name: value for name, value in meta.items() if name != STATUS_PATH[1]}
    schema = entry.get("schema")
    if schema is not None:
        kept["schema"] = {key: schema[key] for key in SCHEMA_TYPES[kind.value] if key in schema}
    if kind is ItemKind.FIELD and schema and schema.get("is_primary_key") and schema.get("has_auto_increment"):
        del kept["schema"]
    return kept


def same(one: object, other: object) -> bool:
    """Return whether Directus finds two values equal. In Python, True equals 1; in JavaScript it does not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def _unequal(path: tuple[str | int, ...], before: object, after: object) -> Iterable[Edit]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted(before.keys() | after.keys()):
            yield from _unequal((*path, name), before.get(name, ABSENT), after.get(name, ABSENT))
    elif not same(before, after):
        yield Edit(path, before, after)
