"""Renames with odd characters in names, and with rows that Directus never writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from migrations.operations import RenameCollection, RenameField
from tests.checkout import Checkout
from tests.conftest import Database, Tool, quoted
from tests.databases import identifier
from tests.migrations.renaming import invoke, logged, transaction

ENTRIES = RenameCollection("entries", "registrations")
DEEP = 5000

# The rows that Directus would make, written without Directus.
MADE = """
CREATE TABLE {table} (id serial PRIMARY KEY, {column} text);
ALTER TABLE {table} ADD CONSTRAINT {key} UNIQUE ({column});
INSERT INTO {table} ({column}) VALUES ('kept');
INSERT INTO directus_collections (collection) VALUES ({collection});
INSERT INTO directus_fields (collection, field) VALUES ({collection}, 'id'), ({collection}, {field});
INSERT INTO directus_sync.seeded_rows (collection, item, fields)
  VALUES ({collection}, '1', jsonb_build_object({field}::text, 'kept'));
INSERT INTO directus_permissions (collection, action, permissions, policy)
  SELECT {collection}, 'read', jsonb_build_object({field}::text, jsonb_build_object('_nnull', true))::json, id
  FROM directus_policies LIMIT 1;
"""


ODD = ['quo"te 50% :a Q?x#y', "back\\slash apo'strophe", "é" * 31 + "x"]


def rows(connection: sa.Connection, sql: str, **parameters: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(sa.text(sql.replace(" :a", " \\:a")), parameters)]


def test_names_with_odd_characters_are_renamed(unchanged: Database) -> None:
    with transaction(unchanged) as connection:
        for name in ODD:
            field, new, new_field = f"{name[:20]} f", f"{name[:-1]}z", f"{name[:20]} g"
            made = MADE.format(
                table=identifier(name),
                column=identifier(field),
                key=identifier(f"{name[:10]}_key"),
                collection=quoted(name),
                field=quoted(field),
            )
            connection.exec_driver_sql(made.replace("%", "%%"), ())
            invoke(connection, RenameCollection(name, new), RenameField(new, field, new_field))
            assert rows(connection, f"SELECT {identifier(new_field)} FROM {identifier(new)}") == [("kept",)]
            fields = "SELECT field FROM directus_fields WHERE collection = :name ORDER BY id"
            assert rows(connection, fields, name=new) == [("id",), (new_field,)]
            permissions = "SELECT permissions FROM directus_permissions WHERE collection = :name"
            assert rows(connection, permissions, name=new) == [({new_field: {"_nnull": True}},)]
            seeded = "SELECT fields FROM directus_sync.seeded_rows WHERE collection = :name"
            assert rows(connection, seeded, name=new) == [({new_field: "kept"},)]


def test_a_name_with_a_colon_is_unchanged_in_printed_sql(deployed: Tool, tmp_path: Path) -> None:
    operation = 'rename_collection("a :b", "c")'
    checkout = Checkout.with_revision(tmp_path, operation, operation)
    printed = checkout.alembic(deployed, "upgrade", f"{checkout.base}:pre@head", "--sql")
    assert printed.code == 0, printed.text
    assert "WHERE collection = 'a :b'" in printed.out


# Too deep, too many digits, and too large for a number in JavaScript.
NOT_REWRITTEN = {
    77: ("filter", f'{"[" * DEEP}"entries"{"]" * DEEP}'),
    78: ("layout_options", f'{{"collection": "entries", "n": {"9" * 5000}}}'),
    79: ("layout_options", '{"collection": "entries", "n": 1e400}'),
}


def test_presets_that_cannot_be_rewritten_are_logged_and_left_alone(unchanged: Database) -> None:
    with logged() as said, transaction(unchanged) as connection:
        for preset, (column, value) in NOT_REWRITTEN.items():
            row = f"{preset}, 'entries', {quoted(value)}"
            connection.exec_driver_sql(f"INSERT INTO directus_presets (id, collection, {column}) VALUES ({row})")
        invoke(connection, ENTRIES)
        for preset, (column, value) in NOT_REWRITTEN.items():
            kept = f"SELECT CAST({column} AS text), collection FROM directus_presets WHERE id = {preset}"
            assert rows(connection, kept) == [(value, "registrations")]
    text = "\n".join(said)
    assert "look at directus_presets.filter, it may contain the old name: 77" in text
    assert "look at directus_presets.layout_options, it may contain the old name: 78, 79" in text


REVISIONS = (
    "WITH a AS (INSERT INTO directus_activity (action, collection, item) VALUES ('update', 'vehicles', '1')"
    " RETURNING id) INSERT INTO directus_revisions (activity, collection, item, data)"
    " SELECT a.id, 'vehicles', n::text, json_build_object('make', 'Toyota', 'model', 'Hilux')"
    " FROM a, generate_series(1, 1200) n"
)


def test_more_revisions_than_one_batch_are_all_rewritten(unchanged: Database) -> None:
    with logged() as said, transaction(unchanged) as connection:
        connection.exec_driver_sql(REVISIONS)
        invoke(connection, RenameField("vehicles", "make", "brand"))
        found = "SELECT DISTINCT CAST(data AS text) FROM directus_revisions WHERE collection = 'vehicles'"
        assert [json.loads(text) for (text,) in rows(connection, found)] == [{"brand": "Toyota", "model": "Hilux"}]
    assert any("directus_revisions.data, 1200 rows" in line for line in said)


def test_the_recorded_base_keeps_its_quotes(unchanged: Database) -> None:
    """Without quotes, `1e3` is a text to PyYAML but a number to Directus."""
    with transaction(unchanged) as connection:
        connection.exec_driver_sql(
            "UPDATE directus_sync.snapshot_history SET snapshot ="
            " convert_to(replace(convert_from(snapshot, 'UTF8'), 'icon: category', 'icon: ''1e3'''), 'UTF8')"
        )
        invoke(connection, ENTRIES)
        ((base,),) = rows(connection, "SELECT snapshot FROM directus_sync.snapshot_history ORDER BY id DESC LIMIT 1")
    assert b"icon: '1e3'" in bytes(base)
