"""Finds entries of a snapshot that lack a property which this Directus writes for every entry of their kind. Pure.

Directus takes a missing property for the removal of the whole item (`_malformed` in diff.py). A newer Directus leaves
the property out of its diff, and still removes the item. So this module looks in the file, not in the server's diff.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from directus_sync.schema.diff import ABSENT, Action, Change, Edit, ItemKind
from directus_sync.schema.properties import Properties
from directus_sync.schema.snapshot import Snapshot
from directus_sync.schema.snapshot_checks import SCHEMA_TYPES

Key = tuple[str, ...]

# The row's number in the database, which a snapshot does not have.
_UNWRITTEN: Final = frozenset({"id"})


def with_incomplete(
    changes: Iterable[Change], wanted: Snapshot, live: Snapshot, columns: Properties
) -> tuple[Change, ...]:
    """Return the changes. The change of an incomplete entry has `replaces_item`, and is added if there is none yet.

    columns: of Directus's tables, by section. They are used if the server has no entry to compare with.
    """
    lacking = dict(_lacking(wanted, live, columns))
    marked = [_marked(change, lacking.pop((change.kind, change.key), ())) for change in changes]
    added = [
        Change(Action.CHANGE, kind, key[0], key[1] if len(key) > 1 else None, edits=edits, replaces_item=True)
        for (kind, key), edits in lacking.items()
    ]
    return (*marked, *added)


def _marked(change: Change, lacking: tuple[Edit, ...]) -> Change:
    if not lacking or change.action is Action.REMOVE:
        return change
    others = tuple(edit for edit in change.edits if edit.path not in {own.path for own in lacking})
    return dataclasses.replace(change, edits=(*lacking, *others), replaces_item=True)


def _lacking(
    wanted: Snapshot, live: Snapshot, columns: Properties
) -> Iterator[tuple[tuple[ItemKind, Key], tuple[Edit, ...]]]:
    for kind in (ItemKind.COLLECTION, ItemKind.FIELD, ItemKind.RELATION):
        there = live.section(kind.value)
        meta = _keys_of(there.values(), "meta") or columns.get(kind.value, {}).keys() - _UNWRITTEN
        schema = frozenset(SCHEMA_TYPES[kind.value])
        schema = schema & _keys_of(there.values(), "schema") or schema
        for key, entry in wanted.section(kind.value).items():
            before = there.get(key, {})
            edits = tuple(
                Edit((part, name), (before.get(part) or {}).get(name, ABSENT), ABSENT)
                for part, names in (("meta", meta), ("schema", schema))
                # Directus writes `meta` for every entry, and `schema` for items that have one.
                if part == "meta" or entry.get(part) is not None
                for name in sorted(names - (entry.get(part) or {}).keys())
                if name in (before.get(part) or names)
            )
            if edits:
                yield (kind, key), edits


def _keys_of(entries: Iterable[Mapping[str, Any]], part: str) -> frozenset[str]:
    return frozenset(name for entry in entries for name in entry.get(part) or ())
