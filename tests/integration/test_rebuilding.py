"""Tables made by SQL, tracked and captured: another database gets equal ones, or the push is refused unsent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from directus_sync.postgres import database
from directus_sync.probes import hidden_properties
from directus_sync.schema import snapshot
from directus_sync.schema.snapshot import Snapshot
from tests import small
from tests.conftest import Database, Serving, Tool
from tests.snapshots import edited, set_property, without_collections

TYPES: Final = [
    *("integer", "bigint", "real", "numeric(8,3)", "varchar(40)", "text", "boolean", "date", "time", "uuid"),
    *("timestamp", "timestamptz", "public.geometry(Point,4326)", "public.geometry(MultiLineString,4326)"),
]
DEFAULTS: Final = {
    "text": ["'x'", "''", "'it''s'", "''''", "'''x'''", r"E'a\\b'", r"E'a\nb'", "' null '"],
    "varchar(40)": ["'it''s'", "'%s $1'"],
    "integer": ["0", "-1", "'5'"],
    "bigint": ["9007199254740991"],
    "numeric(10,5)": ["0.1", "0.12345678", "'NaN'"],
    "boolean": ["true", "false"],
    "date": ["'2026-06-06'", "'infinity'"],
    "timestamptz": ["CURRENT_TIMESTAMP", "'2026-06-06T00:00:00+02'"],
    "uuid": ["gen_random_uuid()"],
}
# Column definitions, and tables with different keys, that Directus can rebuild.
MADE: Final = [
    *TYPES,
    *(f"{data_type} DEFAULT {default}" for data_type, texts in DEFAULTS.items() for default in texts),
    *(f"text {more}" for more in ("NOT NULL", "UNIQUE", "NOT NULL DEFAULT 'x'")),
    "integer CONSTRAINT made_{}_foreign REFERENCES public.other (id)",
    "integer CONSTRAINT made_{}_foreign REFERENCES public.other (id) ON DELETE CASCADE",
]
MADE_TABLES: Final = [
    *(f"id {key} PRIMARY KEY" for key in ("bigserial", "uuid", "text", "varchar(20)", "date", "integer DEFAULT 5")),
    *(f"id {kind} GENERATED ALWAYS AS IDENTITY PRIMARY KEY" for kind in ("integer", "bigint")),
]
NOT_MADE: Final = [
    *("smallint", "double precision", "numeric", "char(3)", "varchar", "bytea", "interval", "inet", "text[]", "jsonb"),
    *("int4range", "point", "public.mood", "timetz", "public.whole", "bit(3)", "xml", "money"),
    *(f"text DEFAULT {default}" for default in ("'a::b'", "'what?'", "'now()'", "lower('A')", "'a' || 'b'")),
    *(f"integer DEFAULT {default}" for default in ("1 + 1", "nextval('public.numbers')")),
    *(f"bigint DEFAULT {default}" for default in ("9007199254740993", "9223372036854775807")),
    *(f"date DEFAULT {default}" for default in ("CURRENT_DATE", "now()")),
    *(f"timestamptz DEFAULT {default}" for default in ("now()", "clock_timestamp()")),
    "public.geography(Point,4326)",
    "text GENERATED ALWAYS AS (upper(z)) STORED",
    "integer REFERENCES public.other (id)",
    "text CONSTRAINT not_made_{}_foreign REFERENCES public.other (code)",
]
NOT_MADE_TABLES: Final = ["id char(3) PRIMARY KEY", "a integer, b integer, PRIMARY KEY (a, b)", "x text"]
# The snapshot does not show these properties.
UNSEEN: Final = [
    *("time(0)", "timestamptz(3)", "public.geometry(Polygon,3857)"),
    *(f"text DEFAULT {default}" for default in ("CURRENT_USER", "'CURRENT_TIMESTAMP'")),
    *('text COLLATE "C"', "text STORAGE EXTERNAL", "integer UNIQUE NULLS NOT DISTINCT"),
]
# By text of the note, the statement that causes it.
OPTIONS: Final = {
    "unseen.z as it is here: with the index hashed (hash (z)) here, which no snapshot": (
        "CREATE INDEX hashed ON public.unseen USING hash (z)"
    ),
    "unseen.z as it is here: with the index partly (btree (z) WHERE (id > 5)) here": (
        "CREATE INDEX partly ON public.unseen (z) WHERE id > 5"
    ),
    "unseen as it is here: with fillfactor=90 here": "ALTER TABLE public.unseen SET (fillfactor = 90)",
    "unseen as it is here: with row security here": "ALTER TABLE public.unseen ENABLE ROW LEVEL SECURITY",
    "unseen as it is here: with the statistics kinds": "CREATE STATISTICS public.kinds ON id, z FROM public.unseen",
    "unseen as it is here: inheriting from above here": (
        "CREATE TABLE public.above (z text); ALTER TABLE public.unseen INHERIT public.above"
    ),
}
PREPARED: Final = """
CREATE TYPE public.mood AS ENUM ('sad', 'ok');
CREATE DOMAIN public.whole AS integer CHECK (VALUE > 0);
CREATE SEQUENCE public.numbers;
CREATE TABLE public.other (id serial PRIMARY KEY, code text UNIQUE);"""
# Tracks all tables and columns that Directus does not track yet, as its API does for a user.
TRACKED: Final = """
INSERT INTO public.directus_collections (collection) SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
  AND relname !~ '^(directus_|(spatial_ref_sys|positions|last_positions|recompute_requests)$)'
ON CONFLICT DO NOTHING;
INSERT INTO public.directus_fields (collection, field) SELECT relname, attname FROM pg_class c
JOIN pg_attribute ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
JOIN public.directus_collections ON collection = relname
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
  AND NOT EXISTS (SELECT FROM public.directus_fields f WHERE (f.collection, f.field) = (relname, attname));
INSERT INTO public.directus_relations (many_collection, many_field, one_collection)
SELECT relname, attname, 'other' FROM pg_constraint JOIN pg_class c ON c.oid = conrelid
JOIN pg_attribute ON attrelid = c.oid AND attnum = conkey[1]
WHERE contype = 'f' AND confrelid = 'public.other'::regclass
  AND NOT EXISTS (SELECT FROM public.directus_relations WHERE (many_collection, many_field) = (relname, attname))"""
COLUMNS: Final = """
SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull,
  regexp_replace(coalesce(pg_get_expr(adbin, adrelid), ''), '^(NULL::|nextval).*', '')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0
LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname ~ '^made'
ORDER BY relname, attnum"""


def make_by_sql(database: Database) -> None:
    statements = [PREPARED]
    for table, columns in (("made", MADE), ("not_made", NOT_MADE), ("unseen", UNSEEN)):
        listed = [f"x{n:02} {column.replace('{}', f'x{n:02}')}" for n, column in enumerate(columns)]
        statements.append(f"CREATE TABLE public.{table} ({', '.join(['id serial PRIMARY KEY', 'z text', *listed])})")
    for table, tables in (("made", MADE_TABLES), ("not_made", NOT_MADE_TABLES)):
        statements += [f"CREATE TABLE public.{table}_{n} ({columns})" for n, columns in enumerate(tables)]
    database.execute(";".join([*statements, TRACKED, *OPTIONS.values()]))


def fields(table: str, columns: list[str]) -> set[str]:
    return {f"{table}.x{number:02}" for number in range(len(columns))}


# A relation's id is the id of its field.
REFUSED: Final = fields("not_made", NOT_MADE) | {"not_made_0.id", "not_made_1", "not_made_2"}


def test_captured_tables_are_rebuilt_elsewhere_or_refused(serve: Serving, tmp_path: Path) -> None:
    snapshot_file = tmp_path / "schema.yaml"
    with serve("bootstrapped") as running:
        make_by_sql(running.database)
        running.forget()
        columns = running.database.rows(COLUMNS)
        pulled = running.tool.done("pull", "--snapshot", snapshot_file)
        revision = tmp_path / "post_0001_index.py"
        revision.write_text("CREATE INDEX hashed ON public.unseen USING hash (z)", encoding="utf-8")
        with database.connect(running.tool.settings, "test") as connection:
            found = dict(hidden_properties.faults(connection, snapshot.read(snapshot_file), [revision]))
        assert "with the index partly" in found["unseen.z"]
    noted = {line.split()[6] for line in pulled.err.splitlines() if "would not get" in line}
    assert noted == REFUSED | fields("unseen", UNSEEN) | {"unseen", "unseen.z"}
    assert [said for said in OPTIONS if said not in pulled.err] == [], pulled.err

    with serve("bootstrapped") as running:
        running.tool.refused("not-rebuildable", "push", "--snapshot", snapshot_file)
        items = json.loads(running.tool("diff", "--json", "--snapshot", snapshot_file).out)["items"]
        assert {item["id"] for item in items if item["refused"] == "not-rebuildable"} == REFUSED

        edited(snapshot_file, without_collections("not_made", "unseen", *(f"not_made_{n}" for n in range(3))))
        running.tool.done("push", "--snapshot", snapshot_file)
        assert running.tool("diff", "--snapshot", snapshot_file).code == 0
        assert running.database.rows(COLUMNS) == columns


@pytest.mark.parametrize(
    ("revision", "made"),
    [
        ('"""Add a stage, and its storage."""', False),
        ("ALTER TABLE public.tag ALTER label SET STORAGE EXTERNAL; ALTER TABLE public.tag INHERIT base", True),
        ("CREATE TABLE tag (label text STORAGE EXTERNAL) INHERITS (base)", True),
    ],
)
def test_a_property_counts_as_made_only_by_a_revision_that_names_it(
    bootstrapped: Tool, tmp_path: Path, revision: str, made: bool
) -> None:
    bootstrapped.database.execute(
        "CREATE TABLE base (id integer); CREATE TABLE tag (id integer PRIMARY KEY, label text) INHERITS (base);"
        " ALTER TABLE tag ALTER label SET STORAGE EXTERNAL"
    )
    file = tmp_path / "post_0001_tag.py"
    file.write_text(revision, encoding="utf-8")
    entry = {"collection": "tag", "schema": {"name": "tag"}}
    label = {"collection": "tag", "field": "label", "schema": None}
    captured = Snapshot(
        b"", "file", "11", {"collections": {("tag",): entry}, "fields": {("tag", "label"): label}, "relations": {}}
    )
    with database.connect(bootstrapped.settings, "test") as connection:
        found = [item for item, _ in hidden_properties.faults(connection, captured, [file])]
    assert found == ([] if made else ["tag", "tag.label"])


def test_an_altered_column_keeps_its_default(serve: Serving, tmp_path: Path) -> None:
    snapshot_file = small.file(tmp_path)
    with serve("bootstrapped", "", small.pushed) as running:
        running.database.execute(
            "ALTER TABLE public.devices ADD greeting varchar(20) DEFAULT 'it''s';"
            " INSERT INTO public.directus_fields (collection, field) VALUES ('devices', 'greeting')"
        )
        running.forget()
        assert running.tool("pull", "--snapshot", snapshot_file).code == 0
        longer = snapshot_file.read_bytes().replace(b"max_length: 20\n", b"max_length: 30\n")
        snapshot_file.write_bytes(longer)

        pushed = running.tool("push", "--snapshot", snapshot_file)

        assert (pushed.code, pushed.out) == (0, "Pushed 1 change\n"), pushed.text
        default = "SELECT column_default FROM information_schema.columns WHERE column_name = 'greeting'"
        assert running.database.value(default) == "'it''s'::character varying"


@pytest.mark.parametrize("data_type", ["json", "xml", "point"])
def test_push_refuses_unique_on_types_without_equality(serve: Serving, tmp_path: Path, data_type: str) -> None:
    snapshot_file = small.file(tmp_path)
    with serve("bootstrapped", "", small.pushed) as running:
        running.database.execute(
            f"ALTER TABLE public.devices ADD made {data_type};"
            " INSERT INTO public.directus_fields (collection, field) VALUES ('devices', 'made')"
        )
        running.forget()
        assert running.tool("pull", "--snapshot", snapshot_file).code == 0
        unique = set_property("fields", "schema.is_unique", True, collection="devices", field="made")
        refused = running.tool.refused("not-rebuildable", "push", "--snapshot", edited(snapshot_file, unique))
        assert "devices.made" in refused.err
