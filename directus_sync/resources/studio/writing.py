"""Rewrites the resource files that differ from the database. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from directus_sync.errors import InvalidResources
from directus_sync.resources import editing, judging
from directus_sync.resources.grouping import file_name
from directus_sync.resources.items import Contents, Items, Resource, Row
from directus_sync.resources.shapes import SHAPES
from directus_sync.resources.studio import reading
from directus_sync.resources.studio_kinds import DASHBOARD, FLOW, OPERATION, PANEL, PRESET, SETTING, STUDIO, TRANSLATION
from directus_sync.yaml_files import plain_yaml

_FOLDERS = {
    PRESET: "presets", DASHBOARD: "dashboards", PANEL: "dashboards", FLOW: "flows", OPERATION: "flows",
    TRANSLATION: "translations",
}  # fmt: skip


def rewritten(
    folder: Path, old: Contents, live: Items, differing: Iterable[str], roles: Mapping[str, str]
) -> dict[Path, bytes | None]:
    """Return the new content of the files that change, by path; None removes a file.

    old: the content of all files. live: the items of the database, under the names that the files give them.
    differing: the ids of the items that differ from the files.

    Raises InvalidResources if files cannot express an item.
    """
    of_file: dict[Path, list[Resource]] = defaultdict(list)
    for item in live.values():
        of_file[_path(folder, item.id)].append(item)
    names = {key: name for name, key in roles.items()}
    after: dict[Path, bytes | None] = dict(old)
    for path in dict.fromkeys(_path(folder, name) for name in differing):
        before = old.get(path, b"")
        said = plain_yaml.load_file(before)
        wanted = _document(of_file[path], said if isinstance(said, dict) else {}, names)
        after[path] = editing.document(before.decode(), wanted).encode() if wanted else None
    written = reading.parse(folder, {path: content for path, content in after.items() if content is not None}, roles)
    judging.require_lossless(STUDIO, written, live, folder, InvalidResources)
    return {path: content for path, content in after.items() if content != old.get(path)}


def _path(folder: Path, name: str) -> Path:
    kind, _, key = name.partition(":")
    if kind == SETTING:
        return folder / reading.TOP
    return folder / _FOLDERS[kind] / f"{file_name(key.partition('/')[0])}.yaml"


def _document(items: Iterable[Resource], old: Mapping[str, Any], roles: Mapping[str, str]) -> dict[str, Any]:
    """Return the new entries of a file. old: its entries so far."""
    found = sorted(items, key=lambda item: (item.kind != DASHBOARD, item.kind != FLOW, item.key))
    operations = {item.rows[0]["id"]: item.key.rpartition("/")[2] for item in found if item.kind == OPERATION}
    document: dict[str, Any] = {}
    for item in found:
        row = item.rows[0]
        if item.kind in {SETTING, TRANSLATION}:
            document[row["field" if item.kind == SETTING else "key"]] = row["value"]
        elif item.kind == PRESET:
            _write(document, old, _place_of(row, roles), item)
        elif item.kind == PANEL:
            _write(document, old, ("panels", row["name"] or ""), item)
        elif item.kind == OPERATION:
            name = operations[row["id"]]
            own = {"key": row["key"]} if row["key"] != name else {}
            links = {link: operations[row[link]] for link in ("resolve", "reject") if row[link] is not None}
            _write(document, old, ("operations", name), item, own | links)
        else:
            first = row.get("operation")
            start = {"operation": operations[first]} if first in operations else {}
            document |= SHAPES[item.kind].write(row, old) | start
    return document


def _place_of(row: Row, roles: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keys that lead to a preset in its file."""
    place = ("default",) if row["bookmark"] is None else ("bookmarks", row["bookmark"])
    return place if row["role"] is None else ("roles", roles[row["role"]], *place)


def _write(
    document: dict[str, Any], old: Any, place: tuple[str, ...], item: Resource, more: Mapping[str, Any] | None = None
) -> None:
    *above, last = place
    for key in above:
        document = document.setdefault(key, {})
        old = old.get(key) if isinstance(old, dict) else None
    before = old.get(last) if isinstance(old, dict) else None
    rows = [SHAPES[item.kind].write(row, before) | dict(more or {}) for row in item.rows]
    document[last] = rows[0] if len(rows) == 1 else rows
