"""Rewrites the entries of access files that differ from the database. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from directus_sync.errors import InvalidAccess
from directus_sync.resources import editing, judging
from directus_sync.resources.access import compiling, reading
from directus_sync.resources.access.folding import Folding, in_order
from directus_sync.resources.access.model import ACTIONS, Access
from directus_sync.resources.access_kinds import ACCESS, ATTACHMENT, PERMISSION, POLICY, PUBLIC, ROLE
from directus_sync.resources.items import Contents, Items
from directus_sync.resources.shapes import SHAPES
from directus_sync.schema.snapshot import Snapshot
from directus_sync.yaml_files import plain_yaml

_EMPTY = b"policies: {}\n"


def rewritten(
    folder: Path, old: Contents, live: Items, differing: Iterable[str], schema: Snapshot
) -> dict[Path, bytes]:
    """Return the new content of the files that change, by path.

    old: the content of all files. live: the items of the database, under the names that the files give them.
    differing: the ids of the items that differ from the files.

    Raises InvalidAccess if files cannot express an item.
    """
    before = {folder / reading.TOP: _EMPTY, **old}
    access = reading.parse(folder, before)
    after = dict(before)
    ids = sorted(differing)
    after[folder / reading.TOP] = _top(before[folder / reading.TOP].decode(), access, live, ids).encode()
    by_file: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for name in ids:
        kind, _, key = name.partition(":")
        if kind == PERMISSION:
            policy, collection, action = key.split("/")
            by_file[collection][policy].add(action)
    for collection, policies in by_file.items():
        path = folder / "collections" / f"{collection}.yaml"
        content = before.get(path, b"").decode()
        after[path] = _collection(content, access, collection, policies, live, schema).encode()
    compiled = compiling.compiled(reading.parse(folder, after), schema)
    judging.require_lossless(ACCESS, compiled, live, folder, InvalidAccess)
    return {path: content for path, content in after.items() if content != old.get(path)}


def _collection(
    content: str, access: Access, name: str, changed: Mapping[str, set[str]], live: Items, schema: Snapshot
) -> str:
    """Return the new text of a collection's file. changed: by policy, the actions that differ."""
    found = access.collections.get(name)
    folding = Folding(found, name, schema)
    old: Any = plain_yaml.load_file(content.encode()) or {}
    wanted: dict[str, dict[str, Any] | None] = {}
    for policy, actions in sorted(changed.items()):
        said: dict[str, Any] = dict(old.get(policy) or {})
        member = access.member(policy) if policy in access.policies else ()
        for action in sorted(actions, key=ACTIONS.index):
            item = live.get(f"{PERMISSION}:{policy}/{name}/{action}")
            before = said.pop(action, None)
            if item is not None:
                said[action] = in_order(folding.action(item, member), before)
        wanted[policy] = said or None
    return editing.entries(content, wanted)


def _top(content: str, access: Access, live: Items, differing: Iterable[str]) -> str:
    roles: set[str] = set()
    policies: set[str] = set()
    for name in differing:
        kind, _, key = name.partition(":")
        if kind == POLICY:
            policies.add(key)
        elif kind in {ROLE, ATTACHMENT}:
            roles.add(key.partition("/")[0])
    if PUBLIC in roles:
        raise InvalidAccess(
            "a policy was attached to everybody who is not logged in, which is not allowed in files: "
            + ", ".join(name for name in differing if name.startswith(f"{ATTACHMENT}:{PUBLIC}/")),
            where="Directus",
            next="remove it in Directus, or by directus-sync push --only access --discard-live with that id;\n"
            "write what the public may do into the collections' files, under `public`",
        )
    old: Any = plain_yaml.load_file(content.encode())
    for key, names, entry in (("policies", policies, _policy), ("roles", roles, _role)):
        said = old.get(key) or {}
        entries = {**said, **{name: entry(access, live, name, said.get(name, {})) for name in sorted(names)}}
        if names:
            content = editing.entries(content, {key: {name: e for name, e in entries.items() if e is not None}})
    return content


def _policy(access: Access, live: Items, key: str, old: Mapping[str, Any]) -> dict[str, Any] | None:
    item = live.get(f"{POLICY}:{key}")
    if item is None:
        return None
    member = access.policies[key].member if key in access.policies else ()
    row = item.rows[0]
    if row["admin_access"]:
        raise InvalidAccess(
            f"policy {key} was given admin_access in Directus, which is not allowed in files",
            where="Directus",
            next="remove it in Directus; the policies of administrators are not in files",
        )
    return SHAPES[POLICY].write(row, old) | ({"member": list(member)} if member else {})


def _role(_access: Access, live: Items, key: str, old: Mapping[str, Any]) -> dict[str, Any] | None:
    item = live.get(f"{ROLE}:{key}")
    if item is None:
        return None
    row = item.rows[0]
    prefix = f"{ATTACHMENT}:{key}/"
    attached = sorted(
        (found.rows[0]["sort"], name.removeprefix(prefix)) for name, found in live.items() if name.startswith(prefix)
    )
    parent = next((i.key for i in live.values() if i.kind == ROLE and i.rows[0]["id"] == row["parent"]), None)
    policies = {"policies": [name for _, name in attached]} if attached else {}
    return SHAPES[ROLE].write({**row, "parent": parent}, old) | policies
