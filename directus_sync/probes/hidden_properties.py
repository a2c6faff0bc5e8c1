"""Finds properties of tables that no snapshot shows, so that another database would not get them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.schema import defaults, rebuilding
from directus_sync.schema.columns import Column
from directus_sync.schema.renames import places
from directus_sync.schema.snapshot import Snapshot

_COLUMNS: Final = """
SELECT c.relname::text, a.attname::text, replace(format_type(a.atttypid, a.atttypmod), 'public.', ''),
  pg_get_expr(d.adbin, d.adrelid)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname, a.attnum"""
# The item, a phrase for what it has, and a word that is in every revision that makes it. Directus shows only that a
# column has an index of its own, not its method, order or predicate; and not how a unique constraint treats nulls.
_OPTIONS: Final = """
WITH held AS (
  SELECT c.*, c.relname::text AS name FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%(tables)s)),
shown AS (
  SELECT h.oid, h.name, a.attnum, a.attname::text AS field, a.attcollation, a.attstorage, a.attcompression, a.atttypid
  FROM held h JOIN pg_attribute a ON a.attrelid = h.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE h.relkind = 'r')
SELECT name, NULL, CASE relkind WHEN 'p' THEN 'a partitioned table' ELSE 'no table' END, 'PARTITION'
FROM held WHERE relkind NOT IN ('r', 'i')
UNION ALL SELECT name, NULL, 'unlogged', 'UNLOGGED' FROM held WHERE relkind = 'r' AND relpersistence = 'u'
UNION ALL SELECT name, NULL, 'with row security', 'ROW LEVEL SECURITY' FROM held WHERE relrowsecurity
UNION ALL SELECT name, NULL, 'with ' || option, split_part(option, '=', 1)
FROM held, unnest(reloptions) AS option WHERE relkind = 'r'
UNION ALL SELECT h.name, NULL, CASE WHEN h.relispartition THEN 'a partition of ' ELSE 'inheriting from ' END
  || p.relname, CASE WHEN h.relispartition THEN 'PARTITION' ELSE 'INHERIT' END
FROM held h JOIN pg_inherits i ON i.inhrelid = h.oid JOIN pg_class p ON p.oid = i.inhparent
UNION ALL SELECT h.name, NULL, 'with the statistics ' || s.stxname, s.stxname::text
FROM held h JOIN pg_statistic_ext s ON s.stxrelid = h.oid
UNION ALL SELECT h.name, NULL, 'with the rule ' || r.rulename, r.rulename::text
FROM held h JOIN pg_rewrite r ON r.ev_class = h.oid WHERE h.relkind = 'r'
UNION ALL SELECT s.name, s.field, 'with the collation ' || l.collname, 'COLLATE'
FROM shown s JOIN pg_type t ON t.oid = s.atttypid JOIN pg_collation l ON l.oid = s.attcollation
WHERE s.attcollation <> t.typcollation
UNION ALL SELECT s.name, s.field, CASE s.attstorage WHEN 'p' THEN 'stored plain' WHEN 'e' THEN 'stored uncompressed'
  WHEN 'm' THEN 'stored in the row' ELSE 'stored compressed' END, 'STORAGE'
FROM shown s JOIN pg_type t ON t.oid = s.atttypid WHERE s.attstorage <> t.typstorage
UNION ALL SELECT s.name, s.field, 'with a compression of its own', 'COMPRESSION'
FROM shown s WHERE s.attcompression <> ''
UNION ALL SELECT s.name, s.field, format('with the index %%s (%%s)', x.relname,
  substring(pg_get_indexdef(x.oid) FROM ' USING (.*)')), x.relname::text
FROM shown s JOIN pg_index i ON i.indrelid = s.oid AND s.attnum = ALL (i.indkey) AND NOT i.indisunique
JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
WHERE m.amname <> 'btree' OR i.indpred IS NOT NULL OR i.indoption[0] <> 0 OR x.reloptions IS NOT NULL
  OR i.indcollation[0] NOT IN (0, s.attcollation)
  OR NOT EXISTS (SELECT FROM pg_opclass o WHERE o.oid = i.indclass[0] AND o.opcdefault)
UNION ALL SELECT s.name, s.field, 'unique with one empty row at most', 'NULLS NOT DISTINCT'
FROM shown s JOIN pg_index i ON i.indrelid = s.oid AND i.indnatts = 1 AND i.indkey[0] = s.attnum
WHERE i.indnullsnotdistinct
ORDER BY 1, 2 NULLS FIRST, 3"""


def faults(connection: Connection, captured: Snapshot, revisions: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Return item and phrase for each hidden property, and for each type or default that looks like another.

    revisions: files. A property that one of them makes is left out.
    """
    yield from _columns(connection, captured)
    tables = [name for (name,) in captured.section("collections")]
    rows = database.query(connection, _OPTIONS, {"tables": tables})
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in revisions] if rows else []
    for table, field, what, word in rows:
        made = any(places.word(table).search(text) and _has(text, word) for text in texts)
        if not made and (field is None or (table, field) in captured.section("fields")):
            yield table if field is None else f"{table}.{field}", f"{what} here, which no snapshot shows"


def _has(text: str, word: str) -> bool:
    """Return whether a text has a whole word, in any case. CREATE TABLE says INHERITS, and ALTER TABLE says INHERIT."""
    return any(places.word(form.lower()).search(text.lower()) for form in (word, f"{word}s"))


def _columns(connection: Connection, captured: Snapshot) -> Iterator[tuple[str, str]]:
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
