"""Reads the folder of access files. Refuses files of another form; does not compare with the schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from directus_sync.errors import InvalidAccess
from directus_sync.resources.access.model import (
    ACTIONS,
    FIELDLESS,
    TENANT,
    Access,
    AccessRule,
    CollectionAccess,
    Grant,
    Policy,
    Role,
)
from directus_sync.resources.access_kinds import EVERY_FIELD, POLICY, PUBLIC, ROLE
from directus_sync.resources.conditions import Filter
from directus_sync.resources.items import Row
from directus_sync.resources.shapes import SHAPES
from directus_sync.settings import access_files
from directus_sync.yaml_files import tree
from directus_sync.yaml_files.tree import FileKind, Node

FILE_KIND: Final = FileKind(InvalidAccess, "write it as docs/access.md shows")
# The only file outside the folder `collections`.
TOP: Final = "access.yaml"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
# The words of a collection's file that are not policies.
_ROWS: Final = "rows"
_ALL_ROWS: Final = "all"
_RESERVED: Final = frozenset({PUBLIC, TENANT, _ROWS})
# How to read the columns of a role or policy that are not texts.
_FORMS: Final[Mapping[str, Callable[[Node], object]]] = {
    "id": Node.uuid,
    # An empty list allows every address, as null does.
    "ip_access": lambda node: sorted(node.texts()) or None,
    **dict.fromkeys(("enforce_tfa", "admin_access", "app_access"), Node.flag),
}


def contents(folder: Path) -> dict[Path, bytes]:
    """Return the content of the folder's files, by path. Raises InvalidAccess."""
    return {path: tree.content(path, FILE_KIND) for path in access_files(folder)}


def read(folder: Path) -> Access:
    """Read every file of the folder. Raises InvalidAccess with file and line."""
    return parse(folder, contents(folder))


def parse(folder: Path, files: Mapping[Path, bytes]) -> Access:
    """Read the content of a folder's files. Raises InvalidAccess with file and line."""
    nodes = {path: tree.parse(content, path, FILE_KIND) for path, content in files.items()}
    roles, policies = _top(nodes.pop(folder / TOP))
    collections = {path.stem: _collection(path, node, policies) for path, node in nodes.items()}
    return Access(folder, roles, policies, collections)


def role_ids(folder: Path, changed: bytes | None = None) -> dict[str, str]:
    """Return the ids of the roles by their names. changed: the next content of access.yaml, whose roles count too.

    Raises InvalidAccess with file and line.
    """
    path = folder / TOP
    contents = (tree.content(path, FILE_KIND), *([changed] if changed is not None else []))
    found = (_top(tree.parse(content, path, FILE_KIND))[0] for content in contents)
    return {role.name: str(role.row["id"]) for roles in found for role in roles.values()}


def _top(root: Node) -> tuple[dict[str, Role], dict[str, Policy]]:
    parts = root.record(("policies",), ("roles",))
    named = _named(parts["policies"])
    policies = {name: Policy(name, node.where, *_columns(POLICY, node, "member")) for name, node in named}
    roles = {name: _role(name, node, policies) for name, node in _named(parts["roles"])} if "roles" in parts else {}
    _require_distinct([*roles.values(), *policies.values()])
    for role in roles.values():
        if (parent := role.row["parent"]) is not None and parent not in roles:
            raise InvalidAccess(f"there is no role {parent}", where=role.where, next="name a role of this file")
    return roles, policies


def _named(node: Node) -> Iterator[tuple[str, Node]]:
    for name, child in node.pairs():
        if not _NAME.fullmatch(name) or name in _RESERVED:
            raise child.fault(
                "is not a name: lower-case letters, digits, - and _; and not " + ", ".join(sorted(_RESERVED))
            )
        yield name, child


def _role(name: str, node: Node, policies: Mapping[str, Policy]) -> Role:
    row, attached = _columns(ROLE, node, "policies")
    for policy in attached:
        if policy not in policies:
            raise dict(node.pairs())["policies"].fault(f"names {policy}, which is not a policy of this file")
    return Role(name, node.where, row, attached)


def _columns(kind: str, node: Node, names: str) -> tuple[Row, tuple[str, ...]]:
    """Return the columns of a role or policy, and the list of names. names: the key of that list."""
    shape = SHAPES[kind]
    parts = node.record(shape.required, (*shape.defaults, names))
    row = {
        name: None
        if child.value is None and shape.defaults.get(name, "") is None
        else _FORMS.get(name, Node.text)(child)
        for name, child in parts.items()
        if name != names
    }
    return {**shape.defaults, **row}, parts[names].texts() if names in parts else ()


def _require_distinct(things: list[Role | Policy]) -> None:
    seen: dict[tuple[type, str], str] = {}
    for thing in things:
        other = seen.setdefault((type(thing), thing.row["id"]), thing.name)
        if other != thing.name:
            raise InvalidAccess(
                f"{thing.name} has the id of {other}", where=thing.where, next="give it an id of its own"
            )


def _collection(path: Path, root: Node, policies: Mapping[str, Policy]) -> CollectionAccess:
    tenant: str | None = None
    named: dict[str, tuple[Filter, str]] = {}
    granted: list[tuple[str, Node]] = []
    for name, node in root.pairs():
        if name == TENANT:
            tenant = _path(node)
        elif name == _ROWS:
            named = {key: (child.mapping(), child.where) for key, child in _named(node)}
        elif name != PUBLIC and name not in policies:
            raise node.fault("is neither a policy of access.yaml nor public, tenant or rows")
        else:
            granted.append((name, node))
    # Read the grants last, because the names that they use may be defined below them.
    names = {*named, *([TENANT] if tenant is not None else [])}
    grants = [grant for name, node in granted for grant in _grants(name, node, names)]
    return CollectionAccess(path.stem, path, tenant, named, tuple(grants))


def _path(node: Node) -> str:
    value = node.value
    if not isinstance(value, str) or (any(not part for part in value.split(".")) and value):
        raise node.fault("must be a path such as event_id.organization_id, or '' if the collection is the tenant")
    return value


def _grants(policy: str, node: Node, names: set[str]) -> Iterator[Grant]:
    for action, child in node.pairs():
        if action not in ACTIONS:
            raise child.fault(f"is not an action; the actions are {', '.join(ACTIONS)}")
        several = child.is_list and child.items() and child.items()[0].is_mapping
        rules = tuple(_rule(action, part, names) for part in (child.items() if several else [child]))
        yield Grant(policy, action, rules, child.where)


def _rule(action: str, node: Node, names: set[str]) -> AccessRule:
    default = () if action == "create" else (TENANT,)
    if node.is_mapping:
        may_have = {"create": ("validation",), "update": (_ROWS, "validation")}.get(action, (_ROWS,))
        parts = node.record(() if action in FIELDLESS else ("fields",), may_have)
        fields = EVERY_FIELD if action in FIELDLESS else _fields(parts["fields"])
        rows = _rows(parts[_ROWS], names) if _ROWS in parts else default
        validation = parts["validation"].mapping() if "validation" in parts else None
    else:
        if action in FIELDLESS and node.value is not True:
            raise node.fault("must be true, or a mapping with rows")
        fields, rows, validation = EVERY_FIELD if action in FIELDLESS else _fields(node), default, None
    if rows == (TENANT,) and TENANT not in names:
        raise node.fault("has no rows, and the file has no tenant to use instead")
    return AccessRule(node.where, fields, rows, validation)


def _fields(node: Node) -> tuple[str, ...]:
    return EVERY_FIELD if node.value == "*" else tuple(sorted(node.texts()))


def _rows(node: Node, names: set[str]) -> tuple[str | Filter, ...] | None:
    if node.value == _ALL_ROWS:
        return None
    parts = tuple(part.mapping() if part.is_mapping else part.text() for part in node.items())
    for part in parts:
        if isinstance(part, str) and part not in names:
            raise node.fault(f"names {part}, which this file does not define")
    if not parts:
        raise node.fault(f"is empty; write {_ALL_ROWS} for every row, or leave out the action")
    return parts
