"""Detects in one query whether anything changed since the last deploy, or the last pull after it. Starts no Node."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import psycopg2
from psycopg2.errors import UndefinedColumn, UndefinedTable

from directus_sync import __version__
from directus_sync.catalog import UNFINISHED
from directus_sync.directus import installation
from directus_sync.postgres import database, lock
from directus_sync.postgres.database import Connection
from directus_sync.resources import families
from directus_sync.revisions.branches import BRANCHES, VERSIONS, checkout_head
from directus_sync.revisions.revision_files import head_path, paths
from directus_sync.settings import Settings

# Hashed: everything in the schema public that no extension owns; the rows in which Directus keeps its schema, access
# and what the Studio shows; which extensions are enabled; and the ids of the latest bases, because a push or pull after
# the deploy records a new base.
# Chunks of hypertables are in another schema. Column types are hashed as OIDs: to print the type of a geometry, each
# new session loads PostGIS, which takes a tenth of a boot with nothing to do. Names are not quoted, because this text
# is never parsed.
_PARTS: Final = f"""
member AS MATERIALIZED (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
relation AS MATERIALIZED (
  SELECT c.oid, c.relname, c.relkind, c.reloptions, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity,
    c.relacl
  FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace
    AND c.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_class'::regclass)),
part AS (
  SELECT concat_ws(' ', 'extension', extname, extversion) AS text FROM pg_extension
  UNION ALL
  SELECT concat_ws(' ', 'relation', relname, relkind, reloptions, relpersistence, relrowsecurity, relforcerowsecurity,
    relacl)
  FROM relation WHERE relkind <> 'i'
  UNION ALL
  SELECT concat_ws(' ', 'child', child.relname, parent.relname)
  FROM pg_inherits i JOIN relation child ON child.oid = i.inhrelid JOIN relation parent ON parent.oid = i.inhparent
  UNION ALL
  SELECT concat_ws(' ', 'column', r.relname, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull,
    a.attidentity, a.attgenerated, a.attcollation, pg_get_expr(d.adbin, d.adrelid), a.attacl)
  FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE r.relkind <> 'i' AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT concat_ws(' ', 'constraint', r.relname, c.conname, pg_get_constraintdef(c.oid), c.convalidated)
  FROM relation r JOIN pg_constraint c ON c.conrelid = r.oid
  UNION ALL
  SELECT concat_ws(' ', 'index', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready)
  FROM relation r JOIN pg_index i ON i.indrelid = r.oid
  UNION ALL
  SELECT concat_ws(' ', 'trigger', r.relname, pg_get_triggerdef(t.oid), t.tgenabled)
  FROM relation r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
  UNION ALL
  SELECT concat_ws(' ', 'disabled', r.relname, c.conname, t.tgfoid::regproc, t.tgenabled)
  FROM relation r JOIN pg_trigger t ON t.tgrelid = r.oid JOIN pg_constraint c ON c.oid = t.tgconstraint
  WHERE t.tgisinternal AND t.tgenabled <> 'O'
  UNION ALL
  SELECT concat_ws(' ', 'rule', r.relname, pg_get_ruledef(w.oid), w.ev_enabled)
  FROM relation r JOIN pg_rewrite w ON w.ev_class = r.oid
  UNION ALL
  SELECT concat_ws(' ', 'policy', r.relname, p.polname, p.polcmd, p.polpermissive, p.polroles::regrole[],
    coalesce(pg_get_expr(p.polqual, p.polrelid), '-'), pg_get_expr(p.polwithcheck, p.polrelid))
  FROM relation r JOIN pg_policy p ON p.polrelid = r.oid
  UNION ALL
  SELECT concat_ws(' ', 'comment', r.relname, d.objsubid, d.description)
  FROM relation r JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = r.oid
  UNION ALL
  SELECT concat_ws(' ', 'sequence', r.relname, s.seqtypid, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache,
    s.seqcycle, d.refobjid::regclass, d.refobjsubid)
  FROM relation r JOIN pg_sequence s ON s.seqrelid = r.oid
  LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.deptype IN ('a', 'i')
  UNION ALL
  SELECT concat_ws(' ', 'function', pg_get_functiondef(p.oid)) FROM pg_proc p
  WHERE p.pronamespace = 'public'::regnamespace AND p.prokind <> 'a'
    AND p.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_proc'::regclass)
  UNION ALL
  SELECT concat_ws(' ', 'type', t.typname, t.typtype, format_type(t.typbasetype, t.typtypmod), t.typnotnull,
    t.typdefault, (SELECT string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
    (SELECT string_agg(concat(conname, pg_get_constraintdef(oid)), ' ' ORDER BY conname) FROM pg_constraint
      WHERE contypid = t.oid))
  FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd', 'r')
    AND t.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_type'::regclass)
  UNION ALL SELECT concat_ws(' ', 'hypertable', t::text) FROM timescaledb_information.dimensions t
  WHERE t.hypertable_schema = 'public'
  UNION ALL SELECT concat_ws(' ', 'directus_collections', t::text) FROM public.directus_collections t
  UNION ALL SELECT concat_ws(' ', 'directus_fields', t::text) FROM public.directus_fields t
  UNION ALL SELECT concat_ws(' ', 'directus_relations', t::text) FROM public.directus_relations t
  UNION ALL SELECT concat_ws(' ', 'directus_migrations', version) FROM public.directus_migrations
  UNION ALL SELECT concat_ws(' ', 'directus_extensions', folder, source, enabled) FROM public.directus_extensions
  UNION ALL SELECT concat_ws(' ', kind, value) FROM ({families.select()}) AS resource(kind, key, value)
  UNION ALL SELECT concat_ws(' ', 'base', max(id)) FROM directus_sync.snapshot_history
  UNION ALL SELECT concat_ws(' ', 'base of resources', max(id)) FROM directus_sync.resource_history)"""  # noqa: S608

_HASH: Final = (
    """encode(sha256(convert_to(string_agg(text, chr(10) ORDER BY text COLLATE "C"){only}, 'UTF8')), 'hex')"""
)
_WHOLE: Final = _HASH.format(only="")
_CONTENT: Final = _HASH.format(only=" FILTER (WHERE NOT starts_with(text, 'base '))")

_READ: Final = f"{database.PRINTING} WITH {_PARTS} SELECT {_WHOLE}, {_CONTENT} FROM part"  # noqa: S608 - constants
_UNMOVED: Final = f"""
{database.PRINTING} WITH {_PARTS}
SELECT (SELECT notes FROM directus_sync.deploys d
  WHERE d.id = (SELECT max(id) FROM directus_sync.deploys) AND d.inputs = %(inputs)s
    AND d.fingerprint = (SELECT {_WHOLE} FROM part)
    AND %(heads)s = ARRAY(SELECT version_num::text FROM directus_sync.alembic_version ORDER BY 1)
    AND (d.pulled OR NOT %(pulled)s)
    AND NOT EXISTS (SELECT FROM relation WHERE starts_with(relname, '{UNFINISHED}'))
    AND NOT {lock.IN_USE})"""  # noqa: S608 - constants

_WORK_AHEAD: Final = f"""
SELECT NOT {lock.IN_USE} AND (SELECT inputs FROM directus_sync.deploys ORDER BY id DESC LIMIT 1)
  IS DISTINCT FROM %(inputs)s"""  # noqa: S608 - constants

_RECORD_PULL: Final = f"""
{database.PRINTING} WITH {_PARTS}
UPDATE directus_sync.deploys SET pulled = true
WHERE id = (SELECT max(id) FROM directus_sync.deploys) AND inputs = %(inputs)s
  AND fingerprint = (SELECT {_WHOLE} FROM part)"""  # noqa: S608 - constants


@dataclass(frozen=True)
class Fingerprint:
    """Hashes of a database. whole: of everything; content: without the bases, which the tool itself records."""

    whole: str
    content: str


@dataclass(frozen=True)
class Unmoved:
    """Nothing changed. notes: the notes of the last deploy about differences that it left alone."""

    notes: tuple[str, ...]


def is_conclusive(settings: Settings) -> bool:
    """Return whether the database alone can show that nothing changed.

    With DIRECTUS_URL it cannot: the Directus there may have another version by now, and must be asked.
    """
    return settings.directus_url is None


def inputs(settings: Settings) -> str:
    """Return a hash of everything that a deploy reads, except the database and Directus."""
    digest = hashlib.sha256()
    texts = (__version__, settings.excluded_tables, settings.project_name or "")
    # Hash the names, too: an access file is named after its collection, and a resource file's folder after its kind.
    named = [(_name(path, settings.snapshot.parent), path) for path in settings.files]
    files = [content for name, path in named for content in (name.encode(), _content(path))]
    for branch in BRANCHES:
        for path in (head_path(VERSIONS, branch), *paths(VERSIONS, branch)):
            files += [path.name.encode(), _content(path)]
    for content in (*(text.encode() for text in texts), *files):
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def _name(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else path.name


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        # The command that needs the file reports the error.
        return repr(error).encode()


def with_version(inputs: str, directus: str) -> str:
    """Return what a deploy records as its inputs. directus: the version of Directus that it worked with."""
    return f"{inputs} {directus}"


def read(connection: Connection) -> Fingerprint | None:
    """Return the fingerprint of this database, or None if it lacks a table or column of Directus or of this tool.

    Directus creates and changes its tables one by one: an interrupted bootstrap leaves some without their newer
    columns.
    """
    try:
        ((whole, content),) = database.query(connection, _READ)
    except (UndefinedTable, UndefinedColumn):
        return None
    return Fingerprint(whole, content)


def unmoved(connection: Connection, settings: Settings) -> Unmoved | None:
    """Compare checkout and database with what the last deploy recorded; return None if anything changed.

    Also None if another session holds the lock, because it may be changing things, and if `is_conclusive` is false.
    """
    if not is_conclusive(settings):
        return None
    notes = _notes(connection, with_version(inputs(settings), installation.version(settings)))
    return None if notes is None else Unmoved(tuple(notes))


def is_pulled(connection: Connection, inputs: str) -> bool:
    """Return whether nothing changed since a deploy with these inputs and a later pull that had nothing to write."""
    return _notes(connection, inputs, pulled=True) is not None


def record_pull(connection: Connection, inputs: str) -> None:
    """Record that a pull had nothing to write, if nothing changed since a deploy with these inputs."""
    # A pull may come before the deploy that creates the table or its column.
    with suppress(psycopg2.ProgrammingError), connection.cursor() as cursor:
        cursor.execute(_RECORD_PULL, {"inputs": inputs})


def expects_work(connection: Connection, inputs: str) -> bool:
    """Return whether a deploy with these inputs has work: the last one had other inputs, and nobody holds the lock.

    Also True if a table is missing.
    """
    try:
        ((found,),) = database.query(connection, _WORK_AHEAD, {"inputs": inputs})
    except psycopg2.ProgrammingError:
        return True
    return bool(found)


def _notes(connection: Connection, inputs: str, *, pulled: bool = False) -> Sequence[str] | None:
    heads = sorted(checkout_head(branch) for branch in BRANCHES)
    parameters = {"inputs": inputs, "heads": heads, "pulled": pulled}
    try:
        ((notes,),) = database.query(connection, _UNMOVED, parameters)
    except psycopg2.ProgrammingError:
        # A table is missing: the database is new, or somebody dropped it.
        return None
    return cast("Sequence[str] | None", notes)
