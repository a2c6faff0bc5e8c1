"""What a column has in this database that no snapshot shows, and that Directus would make otherwise elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.schema import defaults, rebuilding
from directus_sync.schema.columns import Column
from directus_sync.schema.snapshot import Snapshot

_COLUMNS: Final = """
SELECT c.relname::text, a.attname::text, replace(format_type(a.atttypid, a.atttypmod), 'public.', ''),
  pg_get_expr(d.adbin, d.adrelid)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname, a.attnum"""


def faults(connection: Connection, captured: Snapshot) -> Iterator[tuple[str, str]]:
    """Return item and phrase of each: a spatial reference, a precision of seconds, an expression as a default."""
    for table, name, data_type, expression in database.query(connection, _COLUMNS):
        entry = captured.section("fields").get((table, name)) or {}
        schema = entry.get("schema") or {}
        if not schema or schema.get("has_auto_increment") or any(rebuilding.of_field(entry, captured)):
            continue
        made = Column.of(entry.get("type"), schema).made
        if data_type != made:
            yield f"{table}.{name}", f"{data_type} here, and {made} by Directus"
        default = schema.get("default_value")
        literal = expression is None or expression.startswith("'")
        if isinstance(default, str) and literal is defaults.is_function(default):
            here, there = ("a text", "an expression") if literal else ("an expression", "a text")
            yield f"{table}.{name}", f"the default {default} is {here} here, and {there} by Directus"
