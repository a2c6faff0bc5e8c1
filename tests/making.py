"""Collections, fields and relations as somebody makes them in Directus, over its API."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.conftest import RunningDirectus

Values = dict[str, Any]

COUNTED: Values = {"is_primary_key": True, "has_auto_increment": True}


def key(name: str = "id", kind: str = "integer", **schema: Any) -> Values:
    """Return the field of a primary key; without auto increment unless it is a number."""
    made = COUNTED if kind in {"integer", "bigInteger"} else {"is_primary_key": True, "has_auto_increment": False}
    special = {"special": ["uuid"]} if kind == "uuid" else {}
    return {"field": name, "type": kind, "meta": {"interface": "input", **special}, "schema": {**made, **schema}}


def column(name: str, kind: str, *special: str, **schema: Any) -> Values:
    """Return a field with a column, to be given to `collection`."""
    meta = {"special": list(special)} if special else {}
    return {"field": name, "type": kind, "schema": schema, "meta": meta}


def collection(running: RunningDirectus, name: str, *fields: Values, **meta: Any) -> None:
    """Make a collection with a table; a folder, where it has no fields."""
    schema: Values | None = {} if fields else None
    _send(running, "POST", "/collections", collection=name, schema=schema, meta=meta, fields=list(fields))


def field(running: RunningDirectus, owner: str, name: str, kind: str, /, **parts: Any) -> None:
    """Make a field; an alias has no column."""
    schema: Values = {} if kind == "alias" else {"schema": {}}
    _send(
        running,
        "POST",
        f"/fields/{quote(owner, safe='')}",
        **{"field": name, "type": kind, "meta": {}} | schema | parts,
    )


def relation(running: RunningDirectus, owner: str, name: str, related: str | None, /, **parts: Any) -> None:
    """Make a relation: a foreign key that is set to null, unless the parts say otherwise."""
    schema: Values = {"schema": {"on_delete": "SET NULL"}} if related else {}
    body = {"collection": owner, "field": name, "related_collection": related, "meta": {}, **schema, **parts}
    _send(running, "POST", "/relations", **body)


def _send(running: RunningDirectus, method: str, path: str, **body: Any) -> None:
    answer = running.http.request(method, path, json=body)
    assert answer.status_code == 200, f"{method} {path}: {answer.text}"
