"""Reads the catalog from PostgreSQL: the objects that Directus's snapshot does not show. Changes nothing."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from directus_sync.catalog import UNFINISHED, Catalog, Kind, Object, identifier
from directus_sync.catalog.printed import normalized
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection

_TRACKED: Final = """
collection AS (SELECT collection::text AS name FROM public.directus_collections),
field AS (SELECT collection::text, field::text FROM public.directus_fields)"""

# Before the first bootstrap Directus tracks nothing.
_UNTRACKED: Final = """
collection AS (SELECT NULL::text AS name WHERE false),
field AS (SELECT NULL::text AS collection, NULL::text AS field WHERE false)"""

# relation: the relations that can have columns, constraints, indexes and triggers; theirs: Directus's own tables, and
# those that it tracks. attribute.shown: the snapshot shows a column if it has a row in directus_fields.
_RELATIONS: Final = """
relation AS MATERIALIZED (
  SELECT c.oid, c.relname::text AS name, c.relkind AS kind, c.relname ~ '^directus_' AS system,
    c.relkind = 'r' AND (c.relname ~ '^directus_' OR c.relname::text IN (SELECT name FROM collection)) AS theirs
  FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm') AND NOT c.relispartition
    AND NOT EXISTS (
      SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')),
attribute AS MATERIALIZED (
  SELECT r.oid AS relid, r.name AS relation, r.system, a.attnum AS number, a.attname::text AS name,
    r.theirs AND EXISTS (SELECT FROM field f WHERE f.collection = r.name AND f.field = a.attname::text)
    -- Directus creates a collection with its primary key, even if the key has no field and is not in the snapshot.
    OR r.theirs AND NOT r.system AND EXISTS (
      SELECT FROM pg_index i WHERE i.indrelid = r.oid AND i.indisprimary AND i.indnatts = 1 AND i.indkey[0] = a.attnum)
    AS shown
  FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid
  WHERE r.kind = 'r' AND a.attnum > 0 AND NOT a.attisdropped),
ours AS (
  SELECT * FROM attribute a
  WHERE NOT a.system AND NOT a.shown),
backing AS MATERIALIZED (SELECT conindid AS oid FROM pg_constraint WHERE contype IN ('p', 'u', 'x')),
constrained AS (
  SELECT c.*, r.name AS relation,
    -- Shown as a field's is_unique, is_primary_key or foreign_key_table; a foreign key even without a row in
    -- directus_relations. The snapshot shows no name, which Directus chooses, and no option: see Kind.DEFERRABLE.
    c.contype IN ('p', 'u', 'f') AND cardinality(c.conkey) = 1 AND EXISTS (
      SELECT FROM attribute a WHERE a.relid = r.oid AND a.number = c.conkey[1] AND a.shown) AS shown
  FROM pg_constraint c JOIN relation r ON r.oid = c.conrelid
  WHERE c.contype IN ('p', 'u', 'c', 'x', 'f') AND c.conparentid = 0
    -- On Directus's own tables, only constraints of fields that the project added.
    AND (NOT r.system OR EXISTS (
      SELECT FROM attribute a WHERE a.relid = r.oid AND a.number = ANY (c.conkey) AND a.shown))),
indexed AS (
  SELECT i.*, r.name AS relation
  FROM pg_index i JOIN relation r ON r.oid = i.indrelid
  WHERE i.indexrelid NOT IN (SELECT oid FROM backing)
    -- Shown as a field's is_indexed: Directus looks for a non-unique index on this column alone, with any method,
    -- order and predicate. It ignores unique indexes without a constraint, expressions and INCLUDE.
    AND (i.indisunique OR NOT EXISTS (
      SELECT FROM attribute a WHERE a.relid = r.oid AND a.number = ALL (i.indkey) AND a.shown))
    AND (NOT r.system OR EXISTS (
      SELECT FROM pg_depend d JOIN attribute a ON a.relid = d.refobjid AND a.number = d.refobjsubid
      WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND a.relid = r.oid AND a.shown)))"""

# Each selects the identifiers of the name, the text after them, the definition, and whether the object is valid.
_SELECTS: Final = {
    # Without the extensions of a new database: plpgsql everywhere, the toolkit in the image timescaledb-ha.
    Kind.EXTENSION: """
SELECT ARRAY[extname::text], '', '', true FROM pg_extension WHERE extname NOT IN ('plpgsql', 'timescaledb_toolkit')""",
    Kind.TYPE: """
SELECT ARRAY[t.typname::text], '', CASE t.typtype WHEN 'e' THEN
    format('CREATE TYPE public.%I AS ENUM (%s)', t.typname, (
      SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid))
  ELSE format('CREATE DOMAIN public.%I AS %s', t.typname, format_type(t.typbasetype, t.typtypmod))
    || coalesce(' DEFAULT ' || t.typdefault, '') || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END
    || coalesce((
      SELECT string_agg(format(' CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)), '' ORDER BY conname)
      FROM pg_constraint WHERE contypid = t.oid AND contype = 'c'), '') END, true
FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd')
  AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')""",
    # Without the sequences of serial and identity columns.
    Kind.SEQUENCE: """
SELECT ARRAY[c.relname::text], '', format(
    'CREATE SEQUENCE public.%I AS %s START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s', c.relname,
    format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache)
  || CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END, true
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT EXISTS (
  SELECT FROM pg_depend d
  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'e', 'i'))""",
    # Without aggregates ('a'), for which pg_get_functiondef fails.
    Kind.FUNCTION: """
SELECT ARRAY[p.proname::text], '(' || oidvectortypes(p.proargtypes) || ')', pg_get_functiondef(p.oid), true
FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prokind <> 'a'
  AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')""",
    Kind.TABLE: """
SELECT ARRAY[name], '', '', true FROM relation WHERE kind = 'r' AND NOT theirs""",
    # A serial column is printed as serial, because its sequence is created and dropped with it.
    Kind.COLUMN: """
SELECT ARRAY[o.relation, o.name], '',
  CASE WHEN NOT serial.found THEN format_type(a.atttypid, a.atttypmod)
    WHEN a.atttypid = 'int8'::regtype THEN 'bigserial' WHEN a.atttypid = 'int2'::regtype THEN 'smallserial'
    ELSE 'serial' END
  || CASE WHEN a.attcollation <> t.typcollation THEN (
    SELECT format(' COLLATE %I.%I', l.collnamespace::regnamespace, l.collname) FROM pg_collation l
    WHERE l.oid = a.attcollation) ELSE '' END
  || CASE WHEN a.attgenerated = 's' THEN format(' GENERATED ALWAYS AS (%s) STORED', pg_get_expr(d.adbin, d.adrelid))
    WHEN d.adbin IS NOT NULL AND NOT serial.found THEN ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) ELSE '' END
  || CASE a.attidentity WHEN 'a' THEN ' GENERATED ALWAYS AS IDENTITY' WHEN 'd' THEN ' GENERATED BY DEFAULT AS IDENTITY'
    ELSE '' END
  || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END, true
FROM ours o JOIN pg_attribute a ON a.attrelid = o.relid AND a.attnum = o.number JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
CROSS JOIN LATERAL (SELECT EXISTS (
  SELECT FROM pg_depend s WHERE s.classid = 'pg_class'::regclass AND s.refclassid = 'pg_class'::regclass
    AND s.refobjid = a.attrelid AND s.refobjsubid = a.attnum AND s.deptype = 'a' AND EXISTS (
      SELECT FROM pg_class q WHERE q.oid = s.objid AND q.relkind = 'S')) AS found) AS serial""",
    # Without comments on tracked tables and columns, which Directus can write itself.
    Kind.COMMENT: """
SELECT ARRAY[r.name], '', d.description, true
FROM relation r JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = r.oid AND d.objsubid = 0
WHERE NOT r.theirs AND r.kind = 'r'
UNION ALL SELECT ARRAY[o.relation, o.name], '', d.description, true
FROM ours o JOIN pg_description d
  ON d.classoid = 'pg_class'::regclass AND d.objoid = o.relid AND d.objsubid = o.number""",
    Kind.CONSTRAINT: """
SELECT ARRAY[relation, conname::text], '', pg_get_constraintdef(oid), true FROM constrained WHERE NOT shown""",
    # The only property of Directus's constraints that a revision can set and the snapshot does not show.
    Kind.DEFERRABLE: """
SELECT ARRAY[relation, conname::text], '',
  CASE WHEN condeferred THEN 'DEFERRABLE INITIALLY DEFERRED' ELSE 'DEFERRABLE' END, true
FROM constrained WHERE shown AND condeferrable""",
    Kind.VIEW: """
SELECT ARRAY[r.name], '', format('CREATE OR REPLACE VIEW public.%I%s AS%s%s', r.name,
  (SELECT ' WITH (' || array_to_string(reloptions, ', ') || ')' FROM pg_class
    WHERE oid = r.oid AND reloptions IS NOT NULL),
  chr(10), pg_get_viewdef(r.oid)), true FROM relation r WHERE r.kind = 'v'""",
    Kind.MATERIALIZED_VIEW: """
SELECT ARRAY[r.name], '', format('CREATE MATERIALIZED VIEW public.%I AS%s%s', r.name, chr(10), pg_get_viewdef(r.oid)),
  true FROM relation r WHERE r.kind = 'm'""",
    Kind.INDEX: f"""
SELECT ARRAY[i.relation, c.relname::text], '', pg_get_indexdef(i.indexrelid),
  i.indisvalid AND i.indisready AND i.indislive
FROM indexed i JOIN pg_class c ON c.oid = i.indexrelid WHERE NOT starts_with(c.relname, '{UNFINISHED}')""",  # noqa: S608 - a constant
    # Without the trigger that TimescaleDB puts on every hypertable.
    Kind.TRIGGER: """
SELECT ARRAY[r.name, t.tgname::text], '', pg_get_triggerdef(t.oid) || CASE t.tgenabled
    WHEN 'D' THEN format(E';\\nALTER TABLE public.%I DISABLE TRIGGER %I', r.name, t.tgname)
    WHEN 'A' THEN format(E';\\nALTER TABLE public.%I ENABLE ALWAYS TRIGGER %I', r.name, t.tgname)
    WHEN 'R' THEN format(E';\\nALTER TABLE public.%I ENABLE REPLICA TRIGGER %I', r.name, t.tgname) ELSE '' END, true
FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND p.pronamespace::regnamespace::text !~ '^_timescaledb'""",
}

# The view is the same in TimescaleDB 2.17 and 2.19; the tables below it differ.
_HYPERTABLES: Final = """
SELECT ARRAY[r.name], '', string_agg(CASE
    WHEN d.num_partitions IS NOT NULL THEN format('by_hash(%L, %s)', d.column_name, d.num_partitions)
    WHEN d.time_interval IS NOT NULL THEN format('by_range(%L, INTERVAL %L)', d.column_name, d.time_interval)
    ELSE format('by_range(%L, %s)', d.column_name, d.integer_interval) END, E'\\n' ORDER BY d.dimension_number), true
FROM timescaledb_information.dimensions d JOIN relation r ON r.name = d.hypertable_name
WHERE d.hypertable_schema = 'public' GROUP BY r.name"""


# PostgreSQL prints these from parsed trees. The bodies of functions are text, and stay as they were written.
_PARSED: Final = frozenset({
    Kind.TYPE, Kind.COLUMN, Kind.CONSTRAINT, Kind.VIEW, Kind.MATERIALIZED_VIEW, Kind.INDEX, Kind.TRIGGER,
})  # fmt: skip


def read(connection: Connection, settings: str = database.PRINTING) -> Catalog:
    """Return the objects in schema public that Directus's snapshot does not show. Takes two round trips.

    settings: SET LOCAL statements that are sent with the query, and end with it.
    """
    ((directus, timescaledb),) = database.query(
        connection,
        "SELECT to_regclass('public.directus_fields') IS NOT NULL AND"
        " to_regclass('public.directus_collections') IS NOT NULL,"
        " EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'timescaledb')",
    )
    definitions: dict[Object, str] = {}
    invalid: dict[Object, str] = {}
    for section, names, suffix, definition, valid in database.query(
        connection, f"{settings} {_statement(directus, timescaledb)}"
    ):
        item = Object(Kind(section), ".".join(map(identifier, names)) + suffix)
        (definitions if valid else invalid)[item] = normalized(definition) if item.kind in _PARSED else definition
    return Catalog(MappingProxyType(definitions), MappingProxyType(invalid))


def _statement(directus: bool, timescaledb: bool) -> str:
    selects = {**_SELECTS, **({Kind.HYPERTABLE: _HYPERTABLES} if timescaledb else {})}
    parts = (
        f"SELECT '{kind.value}'::text, part.* FROM ({select}) AS part (names, suffix, definition, valid)"  # noqa: S608 - constants
        for kind, select in selects.items()
    )
    return f"WITH {_TRACKED if directus else _UNTRACKED},{_RELATIONS}\n" + "\nUNION ALL ".join(parts)
