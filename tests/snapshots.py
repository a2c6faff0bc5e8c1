"""Edits snapshots, to look as if changed by a second developer, an older image or by hand."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from directus_sync.schema.diff import ABSENT, Action, Change, ItemKind
from directus_sync.schema.snapshot import Snapshot
from directus_sync.yaml_files import plain_yaml

Document = dict[str, Any]
Edit = Callable[[Document], object]

# Inserts a row into each table that accepts one without any values.
A_ROW_EACH = """
DO $$
DECLARE found name;
BEGIN
  FOR found IN SELECT collection FROM directus_collections ORDER BY collection LOOP
    BEGIN
      EXECUTE format('INSERT INTO %I DEFAULT VALUES', found);
    EXCEPTION WHEN not_null_violation OR undefined_table THEN
    END;
  END LOOP;
END $$"""


def load(content: bytes | str) -> Any:
    """Parse a large YAML document."""
    return pickle.loads(_read(content.encode() if isinstance(content, str) else content))


# Nearly all calls read the committed snapshot. Unpickling a copy takes a tenth of the time of parsing.
@lru_cache(maxsize=4)
def _read(content: bytes) -> bytes:
    return pickle.dumps(plain_yaml.load(content))


def dump(document: Document) -> str:
    """Return a document as YAML."""
    return str(yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False))


def edited(path: Path, *edits: Edit) -> Path:
    """Change a snapshot file in place."""
    document = load(path.read_bytes())
    for edit in edits:
        edit(document)
    path.write_text(dump(document), encoding="utf-8")
    return path


def with_firmware(document: Document) -> None:
    """Add the field `firmware` to devices."""
    (model,) = (entry for entry in document["fields"] if (entry["collection"], entry["field"]) == ("devices", "model"))
    firmware = copy.deepcopy(model)
    firmware["field"] = firmware["meta"]["field"] = firmware["schema"]["name"] = "firmware"
    firmware["meta"].update(sort=99, required=False)
    firmware["schema"]["is_nullable"] = True
    document["fields"].append(firmware)


def without_collections(*names: str) -> Edit:
    """Remove collections, with everything that refers to them."""

    def edit(document: Document) -> None:
        for section in ("collections", "fields", "relations"):
            document[section] = [
                entry
                for entry in document[section]
                if entry["collection"] not in names and entry.get("related_collection") not in names
            ]

    return edit


def without_field(collection: str, field: str) -> Edit:
    """Remove a field, with its relation."""

    def edit(document: Document) -> None:
        for section in ("fields", "relations"):
            document[section] = [
                entry for entry in document[section] if (entry["collection"], entry["field"]) != (collection, field)
            ]

    return edit


def without_relation(collection: str, field: str) -> Edit:
    """Remove a relation, but keep its field as a plain column."""

    def edit(document: Document) -> None:
        for entry in document["fields"]:
            if (entry["collection"], entry["field"]) == (collection, field):
                entry["schema"].update(foreign_key_table=None, foreign_key_column=None)
        document["relations"] = [
            entry for entry in document["relations"] if (entry["collection"], entry["field"]) != (collection, field)
        ]

    return edit


def set_property(section: str, path: str, value: object, **keys: str) -> Edit:
    """Set a property, such as `meta.note`, of the only entry with these keys."""

    def edit(document: Document) -> None:
        target, last = _target(document, section, path, keys)
        target[last] = value

    return edit


def drop_property(section: str, path: str, **keys: str) -> Edit:
    """Remove a property of the only entry with these keys."""

    def edit(document: Document) -> None:
        target, last = _target(document, section, path, keys)
        del target[last]

    return edit


def _target(document: Document, section: str, path: str, keys: dict[str, str]) -> tuple[Document, str]:
    found = [e for e in document[section] if all(e.get(key) == value for key, value in keys.items())]
    assert len(found) == 1, f"{section} has {len(found)} entries with {keys}"
    target: Any = found[0]
    *steps, last = path.split(".")
    for step in steps:
        target = target[int(step)] if isinstance(target, list) else target[step]
    return target, last


def put(entry: Any, path: Iterable[str | int], value: object) -> None:
    """Set the value at a path; remove it if the value is ABSENT."""
    *way, last = path
    for step in way:
        entry = entry[step]
    if value is not ABSENT:
        if isinstance(entry, list) and last == len(entry):
            entry.append(value)
        else:
            entry[last] = value
    else:
        del entry[last]


def after(before: Snapshot, changes: Iterable[Change]) -> Snapshot:
    """Return the snapshot with these changes applied, even if no file could contain the result."""
    sections: dict[str, dict[tuple[str, ...], Any]] = {
        name: copy.deepcopy(dict(entries)) for name, entries in before.sections.items()
    }
    for change in changes:
        section = sections[change.kind.value]
        if change.after is not None:
            section[change.key] = change.after
        elif change.action is Action.REMOVE:
            del section[change.key]
            if change.kind is ItemKind.RELATION and (field := sections["fields"].get(change.key)):
                # Directus exports a field without its relation like this.
                field["schema"].update(foreign_key_table=None, foreign_key_column=None)
        else:
            for edit in change.edits:
                put(section[change.key], edit.path, edit.after)
    return replace(before, sections=sections)
