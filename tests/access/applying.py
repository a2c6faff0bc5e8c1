"""The project's access files as the rows that Directus keeps, as SQL."""

from __future__ import annotations

import json
from typing import Any

from psycopg import sql

from directus_sync.resources import access
from directus_sync.schema import snapshot
from tests.conftest import ROOT, SNAPSHOT

FOLDER = ROOT / "snapshots" / "access"
TABLES = {
    "role": "directus_roles",
    "policy": "directus_policies",
    "attach": "directus_access",
    "permission": "directus_permissions",
}


def statements() -> str:
    """Return SQL that makes a database say what the files say."""
    loaded = access.load(FOLDER, snapshot.read(SNAPSHOT))
    return ";".join(_insert(TABLES[item.kind], dict(row)) for item in loaded.items for row in item.rows)


def _insert(table: str, row: dict[str, Any]) -> str:
    values = [_value(name, value) for name, value in row.items()]
    return (
        sql.SQL("INSERT INTO public.{} ({}) VALUES ({})")
        .format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(map(sql.Literal, values)),
        )
        .as_string()
    )


def _value(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return ",".join(value)
    return json.dumps(value) if isinstance(value, dict) else value
