"""Creates collections, fields and relations over Directus's API, as a user does in the admin UI."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.conftest import RunningDirectus

Values = dict[str, Any]

COUNTED: Values = {"is_primary_key": True, "has_auto_increment": True}


def key(name: str = "id", kind: str = "integer", **schema: Any) -> Values:
    """Return a primary key field. Integer keys auto-increment."""
    made = COUNTED if kind in {"integer", "bigInteger"} else {"is_primary_key": True, "has_auto_increment": False}
    special = {"special": ["uuid"]} if kind == "uuid" else {}
    return {"field": name, "type": kind, "meta": {"interface": "input", **special}, "schema": {**made, **schema}}


def column(name: str, kind: str, *special: str, **schema: Any) -> Values:
    """Return a field with a column, as an argument for `collection`."""
    meta = {"special": list(special)} if special else {}
    return {"field": name, "type": kind, "schema": schema, "meta": meta}


def collection(running: RunningDirectus, name: str, *fields: Values, **meta: Any) -> None:
    """Create a collection with a table, or a folder if no fields are given."""
    schema: Values | None = {} if fields else None
    _send(running, "POST", "/collections", collection=name, schema=schema, meta=meta, fields=list(fields))


def field(running: RunningDirectus, owner: str, name: str, kind: str, /, **parts: Any) -> None:
    """Create a field. An alias gets no column."""
    schema: Values = {} if kind == "alias" else {"schema": {}}
    _send(
        running,
        "POST",
        f"/fields/{quote(owner, safe='')}",
        **{"field": name, "type": kind, "meta": {}} | schema | parts,
    )


def relation(running: RunningDirectus, owner: str, name: str, related: str | None, /, **parts: Any) -> None:
    """Create a relation. Its foreign key is ON DELETE SET NULL by default."""
    schema: Values = {"schema": {"on_delete": "SET NULL"}} if related else {}
    body = {"collection": owner, "field": name, "related_collection": related, "meta": {}, **schema, **parts}
    _send(running, "POST", "/relations", **body)


def _send(running: RunningDirectus, method: str, path: str, **body: Any) -> None:
    answer = running.http.request(method, path, json=body)
    assert answer.status_code == 200, f"{method} {path}: {answer.text}"
