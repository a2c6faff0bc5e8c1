"""Reads the folder of resource files to items. Refuses files of another form; does not compare with the schema."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from directus_sync.errors import InvalidResources
from directus_sync.resources.access_kinds import ROLE
from directus_sync.resources.grouping import RESERVED, key_of
from directus_sync.resources.items import Resource, Row, ordered
from directus_sync.resources.kinds import Place
from directus_sync.resources.shapes import SHAPES, checked
from directus_sync.resources.studio_kinds import (
    DASHBOARD,
    FLOW,
    OPERATION,
    PANEL,
    PRESET,
    SETTING,
    SETTINGS,
    STUDIO,
    TRANSLATION,
)
from directus_sync.settings import resource_files
from directus_sync.yaml_files import tree
from directus_sync.yaml_files.tree import FileKind, Node

FILE_KIND: Final = FileKind(InvalidResources, "write it as docs/resources.md shows")
# The only file outside the folders of kinds.
TOP: Final = "settings.yaml"

# A kind, a row, and the node that it was read from.
ReadRow = tuple[str, Row, Node]


def contents(folder: Path) -> dict[Path, bytes]:
    """Return the content of the folder's files, by path. Raises InvalidResources."""
    return {path: tree.content(path, FILE_KIND) for path in resource_files(folder)}


def parse(folder: Path, files: Mapping[Path, bytes], roles: Mapping[str, str]) -> tuple[Resource, ...]:
    """Return the items that the files define. roles: their ids by their names in the access files.

    Raises InvalidResources with file and line.
    """
    names: dict[Place, str] = {(ROLE, key): name for name, key in roles.items()}
    rows: list[ReadRow] = []
    for path, content in files.items():
        root = tree.parse(content, path, FILE_KIND)
        inside = _READERS.get(path.parent.name) if path.parent.parent == folder else None
        read = _settings if path == folder / TOP else inside
        if read is None:
            raise FILE_KIND.fault("this file does not belong here", str(path))
        rows += read(path.stem, root, roles, names)
    return _grouped(rows, names)


def _grouped(rows: list[ReadRow], names: Mapping[Place, str]) -> tuple[Resource, ...]:
    found: dict[tuple[str, str], list[tuple[Row, Node]]] = defaultdict(list)
    seen: dict[Place, Node] = {}
    for name, row, node in rows:
        kind = STUDIO.by_name[name]
        if kind.stored and seen.setdefault((name, row["id"]), node) is not node:
            raise node.fault(f"has the id of {seen[name, row['id']].where}; give it one of its own")
        if kind.stored and RESERVED & set(names[name, row["id"]]):
            raise node.fault(f"has a name with one of {' '.join(sorted(RESERVED))}, which ids use; give it another one")
        found[name, key_of(kind, row.get("id"), row, names)].append((row, node))
    return tuple(
        Resource(kind, key, ordered(row for row, _ in group), group[0][1].where) for (kind, key), group in found.items()
    )


def _settings(_name: str, root: Node, _roles: Mapping[str, str], _names: dict[Place, str]) -> Iterator[ReadRow]:
    for name, node in root.pairs():
        if name not in SETTINGS.singles:
            what = "belongs to each environment" if name in SETTINGS.not_captured else "is not a setting of Directus"
            raise node.fault(f"{what}; this file can have: {', '.join(SETTINGS.singles)}")
        # A setting with Directus's initial value is not an item.
        if (value := checked(name, node)) != SETTINGS.singles[name]:
            yield SETTING, {"field": name, "value": value}, node


def _presets(collection: str, root: Node, roles: Mapping[str, str], _names: dict[Place, str]) -> Iterator[ReadRow]:
    parts = root.record((), ("default", "bookmarks", "roles"))
    yield from _lists(collection, None, parts)
    for name, node in parts["roles"].pairs() if "roles" in parts else ():
        if name not in roles:
            raise node.fault("is not a role of snapshots/access/access.yaml")
        yield from _lists(collection, roles[name], node.record((), ("default", "bookmarks")))


def _lists(collection: str, role: str | None, parts: Mapping[str, Node]) -> Iterator[ReadRow]:
    named = [(None, parts["default"])] if "default" in parts else []
    bookmarks = [*parts["bookmarks"].pairs()] if "bookmarks" in parts else []
    for bookmark, node in (*named, *bookmarks):
        for each in _each(node):
            row = {"collection": collection, "role": role, "bookmark": bookmark}
            yield PRESET, {**row, **SHAPES[PRESET].read(each)}, each


def _each(node: Node) -> list[Node]:
    """Return the rows below a name. It is a list if Directus has several rows of that name."""
    return node.items() if node.is_list else [node]


def _dashboard(name: str, root: Node, _roles: Mapping[str, str], names: dict[Place, str]) -> Iterator[ReadRow]:
    parts = root.record(("id", "name"), ("icon", "color", "note", "panels"))
    key = parts["id"].uuid()
    names[DASHBOARD, key] = name
    yield DASHBOARD, {**SHAPES[DASHBOARD].read(root, "panels"), "id": key}, root
    for title, node in parts["panels"].pairs() if "panels" in parts else ():
        for each in _each(node):
            yield PANEL, {"dashboard": key, "name": title or None, **SHAPES[PANEL].read(each)}, each


def _flow(name: str, root: Node, _roles: Mapping[str, str], names: dict[Place, str]) -> Iterator[ReadRow]:
    shape = SHAPES[FLOW]
    parts = root.record(shape.required, (*shape.defaults, "operation", "operations"))
    key = parts["id"].uuid()
    names[FLOW, key] = name
    operations = dict(parts["operations"].pairs()) if "operations" in parts else {}
    required, more = SHAPES[OPERATION].required, ("position", "key", "name", "options", "resolve", "reject")
    ids = {title: node.record(required, more)["id"].uuid() for title, node in operations.items()}
    names.update({(OPERATION, each): title for title, each in ids.items()})
    first = _named(parts.get("operation"), ids)
    yield FLOW, {**shape.read(root, "operation", "operations"), "id": key, "operation": first}, root
    for title, node in operations.items():
        said = dict(node.pairs())
        links = {link: _named(said.get(link), ids) for link in ("resolve", "reject")}
        own = said["key"].text() if "key" in said else title
        row = SHAPES[OPERATION].read(node, "key", *links)
        yield OPERATION, {**row, "id": ids[title], "flow": key, "key": own, **links}, node


def _named(node: Node | None, ids: Mapping[str, str]) -> str | None:
    if node is None or node.value is None:
        return None
    if node.value not in ids:
        raise node.fault("names an operation that this flow does not have")
    return ids[node.value]


def _translations(language: str, root: Node, _roles: Mapping[str, str], _names: dict[Place, str]) -> Iterator[ReadRow]:
    for key, node in root.pairs():
        if not isinstance(node.value, str):
            raise node.fault("must be a text; quote it")
        yield TRANSLATION, {"language": language, "key": key, "value": node.value}, node


_Reader = Callable[[str, Node, Mapping[str, str], dict[Place, str]], Iterator[ReadRow]]
_READERS: Final[Mapping[str, _Reader]] = {
    "presets": _presets,
    "dashboards": _dashboard,
    "flows": _flow,
    "translations": _translations,
}
