"""Renames where names have every odd character, and where rows hold what Directus never writes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.checkout import Checkout
from tests.conftest import Database, Tool

ENTRIES = 'rename_collection("entries", "registrations")', 'rename_collection("registrations", "entries")'
DEEP = 5000

# As Directus has them, without a server to make them.
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


def identifier(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def literal(text: str) -> str:
    return "'{}'".format(text.replace("'", "''"))


ODD = ['quo"te 50% :a Q?x#y', "back\\slash apo'strophe", "é" * 31 + "x"]


def test_names_with_odd_characters_are_renamed(deployed: Tool, tmp_path: Path) -> None:
    operations = []
    for name in ODD:
        field, new, new_field = f"{name[:20]} f", f"{name[:-1]}z", f"{name[:20]} g"
        deployed.database.execute(
            MADE.format(
                table=identifier(name),
                column=identifier(field),
                key=identifier(f"{name[:10]}_key"),
                collection=literal(name),
                field=literal(field),
            )
        )
        operations.append(f"rename_collection({name!r}, {new!r})")
        operations.append(f"rename_field({new!r}, {field!r}, {new_field!r})")
    Checkout.with_revision(tmp_path, "\n    op.".join(operations), "get_bind()").upgrade(deployed)
    for name in ODD:
        assert_was_renamed(deployed.database, f"{name[:-1]}z", f"{name[:20]} g")


def assert_was_renamed(database: Database, new: str, new_field: str) -> None:
    assert database.rows(f"SELECT {identifier(new_field)} FROM {identifier(new)}") == [("kept",)]
    assert database.rows("SELECT field FROM directus_fields WHERE collection = %s ORDER BY id", new) == [
        ("id",), (new_field,),
    ]  # fmt: skip
    assert database.rows("SELECT permissions FROM directus_permissions WHERE collection = %s", new) == [
        ({new_field: {"_nnull": True}},)
    ]
    assert database.rows("SELECT fields FROM directus_sync.seeded_rows WHERE collection = %s", new) == [
        ({new_field: "kept"},)
    ]


def test_printed_sql_has_a_name_with_a_colon_as_it_is(deployed: Tool, tmp_path: Path) -> None:
    operation = 'rename_collection("a :b", "c")'
    checkout = Checkout.with_revision(tmp_path, operation, operation)
    printed = checkout.alembic(deployed, "upgrade", f"{checkout.base}:pre@head", "--sql")
    assert printed.code == 0, printed.text
    assert "WHERE collection = 'a :b'" in printed.out


# Too deep, too many digits, and no number of JavaScript's.
NOT_REWRITTEN = {
    77: ("filter", f'{"[" * DEEP}"entries"{"]" * DEEP}'),
    78: ("layout_options", f'{{"collection": "entries", "n": {"9" * 5000}}}'),
    79: ("layout_options", '{"collection": "entries", "n": 1e400}'),
}


def test_presets_that_cannot_be_rewritten_are_named_and_stop_nothing(deployed: Tool, tmp_path: Path) -> None:
    for preset, (column, value) in NOT_REWRITTEN.items():
        deployed.database.execute(
            f"INSERT INTO directus_presets (id, collection, {column}) VALUES ({preset}, 'entries', {literal(value)})"
        )
    done = Checkout.with_revision(tmp_path, *ENTRIES).upgrade(deployed)
    assert "look at directus_presets.filter, it may name the old one: 77" in done.err
    assert "look at directus_presets.layout_options, it may name the old one: 78, 79" in done.err
    for preset, (column, value) in NOT_REWRITTEN.items():
        kept = f"SELECT {column}::text, collection FROM directus_presets WHERE id = {preset}"
        assert deployed.database.rows(kept) == [(value, "registrations")]


def test_more_revisions_than_are_read_at_once_are_all_rewritten(deployed: Tool, tmp_path: Path) -> None:
    deployed.database.execute(
        "WITH a AS (INSERT INTO directus_activity (action, collection, item) VALUES ('update', 'vehicles', '1')"
        " RETURNING id) INSERT INTO directus_revisions (activity, collection, item, data)"
        " SELECT a.id, 'vehicles', n::text, json_build_object('make', 'Toyota', 'model', 'Hilux')"
        " FROM a, generate_series(1, 1200) n"
    )
    renames = 'rename_field("vehicles", "make", "brand")', 'rename_field("vehicles", "brand", "make")'
    done = Checkout.with_revision(tmp_path, *renames).upgrade(deployed)
    assert "directus_revisions.data, 1200 rows" in done.err
    found = deployed.database.rows("SELECT DISTINCT data::text FROM directus_revisions WHERE collection = 'vehicles'")
    assert [json.loads(text) for (text,) in found] == [{"brand": "Toyota", "model": "Hilux"}]


def test_the_recorded_base_keeps_its_texts(deployed: Tool, tmp_path: Path) -> None:
    """`1e3` is a text to PyYAML without quotes, and a number to Directus."""
    deployed.database.execute(
        "UPDATE directus_sync.snapshot_history SET snapshot ="
        " convert_to(replace(convert_from(snapshot, 'UTF8'), 'icon: category', 'icon: ''1e3'''), 'UTF8')"
    )
    Checkout.with_revision(tmp_path, *ENTRIES).upgrade(deployed)
    base = bytes(
        deployed.database.value("SELECT snapshot FROM directus_sync.snapshot_history ORDER BY id DESC LIMIT 1")
    )
    assert b"icon: '1e3'" in base
