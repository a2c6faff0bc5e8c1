"""A model of Directus 11.17.4: its answers to /schema/diff and the effect of /schema/apply.

It follows Directus's get-snapshot-diff.js and apply-diff.js, and the package deep-diff. test_directus.py compares it
with captured answers in tests/fixtures.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

Entry = Mapping[str, Any]
Key = tuple[str, ...]
Sections = Mapping[str, Mapping[Key, Entry]]
Raw = dict[str, list[dict[str, Any]]]


def compared(section: str, entry: Entry) -> Entry:
    """Return the part of an entry that Directus compares: all, except the column of an auto-incremented key."""
    schema = entry.get("schema") or {}
    if section == "fields" and schema.get("is_primary_key") and schema.get("has_auto_increment"):
        return {key: value for key, value in entry.items() if key != "schema"}
    return entry


def answer(live: Sections, wanted: Sections) -> Raw:
    """Return the `diff` that Directus would answer."""
    raw: Raw = {section: list(_entries(section, live[section], wanted[section])) for section in live}
    dropped = {entry["collection"] for entry in raw["collections"] if entry["diff"][0]["kind"] == "D"}
    for section in ("fields", "relations"):
        raw[section] = [entry for entry in raw[section] if entry["collection"] not in dropped]
    return raw


def applied(live: Sections, raw: Raw) -> dict[str, dict[Key, Entry]]:
    """Return the schema after an apply of this diff. An apply reads only the first difference of each entry."""
    for section, entries in raw.items():
        for entry in entries:
            first = entry["diff"][0]
            created = first["kind"] == "N" and "path" in first and not in_meta(section, first)
            assert not created, f"Directus would create {entry['collection']} a second time"
    whole = {section: [_as_whole(section, entry) for entry in entries] for section, entries in raw.items()}
    return patched(live, whole)


def patched(live: Sections, raw: Raw) -> dict[str, dict[Key, Entry]]:
    """Return the schema after all differences of this diff."""
    after = {section: dict(entries) for section, entries in live.items()}
    for section, entries in raw.items():
        for entry in entries:
            _patch(after, section, entry)
    return after


def in_meta(section: str, difference: Mapping[str, Any]) -> bool:
    """Return whether a difference is below `meta` of a field. Only such properties may be added or removed."""
    path = difference.get("path", [])
    return section == "fields" and len(path) > 1 and path[0] == "meta"


def differences(before: object, after: object, path: tuple[str | int, ...] = ()) -> Iterator[dict[str, Any]]:
    """Yield the differences that the package deep-diff finds, in its order."""
    at = {"path": list(path)} if path else {}
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key, value in before.items():
            if key in after:
                yield from differences(value, after[key], (*path, key))
            else:
                yield {"kind": "D", "path": [*path, key], "lhs": value}
        yield from ({"kind": "N", "path": [*path, key], "rhs": after[key]} for key in after if key not in before)
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(len(after) - 1, len(before) - 1, -1):
            yield {"kind": "A", **at, "index": index, "item": {"kind": "N", "rhs": after[index]}}
        for index in range(len(before) - 1, len(after) - 1, -1):
            yield {"kind": "A", **at, "index": index, "item": {"kind": "D", "lhs": before[index]}}
        for index in range(min(len(before), len(after)) - 1, -1, -1):
            yield from differences(before[index], after[index], (*path, index))
    elif _differ(before, after):
        yield {"kind": "E", **at, "lhs": before, "rhs": after}


def _differ(before: object, after: object) -> bool:
    return isinstance(before, bool) is not isinstance(after, bool) or before != after


def _named(section: str, entry: Entry, found: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("collection", "field", "related_collection")
    return {**{name: entry[name] for name in names if name in entry}, "diff": found}


def _entries(section: str, live: Mapping[Key, Entry], wanted: Mapping[Key, Entry]) -> Iterator[dict[str, Any]]:
    added = [key for key in wanted if key not in live]
    for key, before in live.items():
        after = wanted.get(key)
        if after is before:
            continue
        if section == "systemFields":
            found = list(differences(before, after if after is not None else _unindexed(before)))
        elif after is None:
            found = [{"kind": "D", "lhs": compared(section, before)}]
        elif before.get("type") != after.get("type") and "alias" in (before.get("type"), after.get("type")):
            found = [{"kind": "D", "lhs": compared(section, before)}]
            added.append(key)
        else:
            same_column = {} if compared(section, before) is before else {"schema": None}
            found = list(differences({**before, **same_column}, {**after, **same_column}))
        if found:
            yield _named(section, before, found)
    for key in added:
        if section == "systemFields":
            yield _named(section, wanted[key], list(differences(_unindexed(wanted[key]), wanted[key])))
        else:
            yield _named(section, wanted[key], [{"kind": "N", "rhs": wanted[key]}])


def _unindexed(entry: Entry) -> Entry:
    return {**entry, "schema": {"is_indexed": False}}


def _as_whole(section: str, entry: dict[str, Any]) -> dict[str, Any]:
    first = entry["diff"][0]
    gone = first["kind"] == "D" and not in_meta(section, first)
    return {**entry, "diff": [{"kind": "D"}]} if gone else entry


def _patch(after: dict[str, dict[Key, Entry]], section: str, entry: Mapping[str, Any]) -> None:
    key = (entry["collection"], entry["field"]) if "field" in entry else (entry["collection"],)
    first = entry["diff"][0]
    if first["kind"] == "D" and "path" not in first:
        _drop(after, section, key)
    elif first["kind"] == "N" and "path" not in first:
        after[section][key] = first["rhs"]
    else:
        before = after[section].get(key) or _unindexed({"collection": key[0], "field": key[-1]})
        changed = copy.deepcopy(dict(before))
        for difference in entry["diff"]:
            _make(changed, difference)
        after[section][key] = changed
        if section == "systemFields" and not changed["schema"]["is_indexed"]:
            del after[section][key]


def _drop(after: dict[str, dict[Key, Entry]], section: str, key: Key) -> None:
    after[section].pop(key, None)
    below = {"collections": ("fields", "relations"), "fields": ("relations",)}
    for part in below.get(section, ()):
        for name, entry in list(after[part].items()):
            leads_there = section == "collections" and entry.get("related_collection") == key[0]
            if name[: len(key)] == key or leads_there:
                del after[part][name]


def _make(entry: Any, difference: Mapping[str, Any]) -> None:
    """Apply one difference as the package deep-diff does."""
    *way, last = difference["path"]
    for step in way:
        entry = entry[step]
    item = difference
    if difference["kind"] == "A":
        entry, last, item = entry[last], difference["index"], difference["item"]
    if item["kind"] == "D":
        del entry[last]
    elif isinstance(entry, list) and last >= len(entry):
        # The differences run from the last index to the first, so the gaps are filled later.
        entry += [None] * (last - len(entry)) + [item["rhs"]]
    else:
        entry[last] = item["rhs"]
