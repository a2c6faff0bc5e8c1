"""Small files that once made a push fail halfway: each is pushed completely, or refused before anything is sent."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest

from tests import snapshots
from tests.conftest import ROOT, RunningDirectus, Serving, Tool
from tests.snapshots import Document, Edit, drop_property, edited, set_property, without_collections, without_field

SMALL: Final = ROOT / "tests" / "fixtures" / "cases" / "small.yaml"
INTEGER: Final = {"data_type": "integer", "max_length": None, "numeric_precision": 32, "numeric_scale": 0}
TEXT: Final = {"data_type": "text", "max_length": None}
DECIMAL: Final = {"data_type": "numeric", "max_length": None, "numeric_precision": 10, "numeric_scale": 5}
NO_DIGITS: Final = {"numeric_precision": None, "numeric_scale": None}


def retype(kind: str, **schema: object) -> Edit:
    """Change the type of the column zz.a."""

    def edit(document: Document) -> None:
        entry = document["fields"][1]
        entry["type"] = kind
        entry["schema"].update(schema)

    return edit


def more_columns(document: Document) -> None:
    """Add fields without the `special` that Directus gives to JSON."""
    for name, kind, data_type in (("j", "json", "json"), ("b", "boolean", "boolean")):
        entry = copy.deepcopy(document["fields"][1])
        entry["field"] = entry["meta"]["field"] = entry["schema"]["name"] = name
        entry["type"], entry["schema"]["data_type"], entry["schema"]["max_length"] = kind, data_type, None
        document["fields"].append(entry)


def nested_groups(document: Document) -> None:
    """Put zz into a folder inside a folder, and a table into zz. Each child is listed before its parent."""
    table, key = document["collections"][0], document["fields"][0]
    for name, group in (("kid", "zz"), ("g2", "g1"), ("g1", None)):
        entry = copy.deepcopy(table)
        entry["collection"] = entry["meta"]["collection"] = name
        entry["meta"]["group"] = group
        if name == "kid":
            entry["schema"]["name"] = name
        else:
            del entry["schema"]
        document["collections"].append(entry)
    table["meta"]["group"] = "g2"
    kid = copy.deepcopy(key)
    kid["collection"] = kid["meta"]["collection"] = kid["schema"]["table"] = "kid"
    kid["schema"]["default_value"] = "nextval('kid_id_seq'::regclass)"
    document["fields"].append(kid)


def with_column_named(name: str) -> Edit:
    """Rename the column zz.a."""

    def edit(document: Document) -> None:
        entry = document["fields"][1]
        entry["field"] = entry["meta"]["field"] = entry["schema"]["name"] = name

    return edit


def with_another_column(**schema: object) -> Edit:
    """Add a column like zz.a."""

    def edit(document: Document) -> None:
        document["fields"].append(copy.deepcopy(document["fields"][1]))
        document["fields"][-1]["field"] = document["fields"][-1]["meta"]["field"] = "code"
        document["fields"][-1]["schema"].update({"name": "code", **schema})

    return edit


def shared_index(document: Document) -> None:
    """Index zz.a_b, and b of another table zz_a: both indexes would get one name."""
    with_column_named("a_b")(document)
    document["fields"][1]["schema"]["is_indexed"] = True
    for section in ("collections", "fields"):
        document[section] += snapshots.load(snapshots.dump({section: document[section]}).replace("zz", "zz_a"))[section]
    entry = document["fields"][3]
    entry["field"] = entry["meta"]["field"] = entry["schema"]["name"] = "b"


def reference_of_another_type(document: Document) -> None:
    """Let a UUID refer to a numeric key."""
    reference("zz", "id", "uuid", data_type="uuid", max_length=None)(document)


def reference(table: str, key: str, kind: str, **schema: object) -> Edit:
    """Let zz.a refer to the key of a table."""
    return lambda document: _refer(document, table, key, kind, schema)


def _refer(document: Document, table: str, key: str, kind: str, own: dict[str, object]) -> None:
    retype(kind, **own, foreign_key_table=table, foreign_key_column=key)(document)
    names = {"table": "zz", "column": "a", "foreign_key_table": table, "foreign_key_column": key}
    schema = {**names, "constraint_name": "zz_a_foreign", "on_update": "NO ACTION", "on_delete": "SET NULL"}
    meta = dict.fromkeys(
        ("junction_field", "one_allowed_collections", "one_collection_field", "one_field", "sort_field")
    )
    meta |= {"many_collection": "zz", "many_field": "a", "one_collection": table, "one_deselect_action": "nullify"}
    entry = {"collection": "zz", "field": "a", "related_collection": table, "schema": schema, "meta": meta}
    document["relations"].append(entry)


def with_table_named(name: str) -> Edit:
    """Rename the table zz."""

    def edit(document: Document) -> None:
        document.update(snapshots.load(snapshots.dump(document).replace("zz", name)))

    return edit


def system_index(field: str, **schema: bool) -> Edit:
    """Index a column of Directus's own table directus_users."""
    entry = {"collection": "directus_users", "field": field, "schema": {"is_indexed": True, **schema}}
    return lambda document: document["systemFields"].append(entry)


def no_fields(document: Document) -> None:
    document["fields"] = []


A: Final = {"collection": "zz", "field": "a"}
UPPER: Final = "6F2B5C1E-0D3A-5B8E-9A51-3C0D5F6B7A01"
PUSHED: Final[tuple[tuple[Edit, ...], ...]] = (
    (),
    (more_columns,),
    (nested_groups,),
    # An apostrophe in a default.
    (retype("string", default_value="it''s"),),
)
# The error id, the edits that cause it, and the text that each edit adds to the message.
REFUSED: Final[list[tuple[str, list[tuple[Edit, str]]]]] = [
    ("not-rebuildable", [
        (no_fields, "zz (a table without a field that is its key"),
        (retype("string", max_length=-5), "zz.a (field; no length"),
        (
            retype("timestamp", data_type="timestamp with time zone", default_value="now()", max_length=None),
            "zz.a (field; default now() in the file, and CURRENT_TIMESTAMP by Directus",
        ),
        (
            retype("integer", **INTEGER, is_generated=True, generation_expression="(id * 2)"),
            "zz.a (field; generated as (id * 2) in the file",
        ),
        (retype("csv", **TEXT), "type csv, which Directus takes for text with this `special`"),
        (set_property("fields", "meta.special", ["uuid"], **A), "type string, which Directus takes for uuid with"),
        (set_property("fields", "schema", None, **A), "zz.a (field; no column in the file, and one by Directus"),
        (retype("integer", **{**INTEGER, "data_type": "int4"}), "int4 in the file, and integer by Directus"),
        (retype("integer", **{**INTEGER, "numeric_precision": 16}), "numeric_precision 16 in the file, and 32"),
        (retype("geometry.Point", data_type="geometry(Point,4326)", max_length=None), "and POINT by Directus"),
        (drop_property("collections", "schema", collection="zz"), "a column of zz, which has no table in the file"),
        (retype("unknown", data_type="bytea", max_length=None), "zz.a (field; bytea in the file"),
        (
            retype("integer", **INTEGER, foreign_key_table="zz", foreign_key_column="id"),
            "refers to zz, and the file has no relation for it",
        ),
    ]),
    ("not-rebuildable", [
        (retype("integer", **INTEGER, default_value=3_000_000_000), "which is not a value of type integer"),
        (
            retype("time", data_type="time without time zone", max_length=None, default_value="25:00:00"),
            "default 25:00:00 in the file, which is not a value of type time",
        ),
        (retype("decimal", **DECIMAL, default_value=123456), "default 123456 in the file, which is not a value of"),
        (retype("integer", **INTEGER, default_value=1.5), "default 1.5 in the file, which is not a value of type"),
        (retype("date", data_type="date", max_length=None, default_value="abc"), "default abc in the file, which is"),
        (retype("date", data_type="date", max_length=None, default_value="epoch"), "and 1970-01-01 by PostgreSQL"),
        (retype("uuid", data_type="uuid", max_length=None, default_value=UPPER), f"and {UPPER.lower()} by PostgreSQL"),
        (retype("boolean", data_type="boolean", max_length=None, default_value="maybe"), "default maybe in the file"),
        # knex does not double the quotes inside JSON.
        (retype("json", data_type="json", max_length=None, default_value={"a": "it's"}), "default {'a': \"it's\"} in"),
    ]),
    ("not-rebuildable", [
        (retype("string", max_length=3, default_value="too long"), "default too long is longer than 3"),
        (retype("string", max_length=20_000_000), "length 20000000; PostgreSQL takes up to 10485760"),
        (
            retype("decimal", data_type="numeric", max_length=None, numeric_precision=5, numeric_scale=2046),
            "numeric(5,2046); PostgreSQL takes up to 1000 digits",
        ),
        (retype("json", data_type="json", max_length=None, is_indexed=True), "an index on json"),
        (with_column_named("xmin"), "the name of a column that PostgreSQL has in each table"),
        (with_column_named("a.b"), "a dot in the name"),
        (shared_index, "an index named zz_a_b_index, like that of zz_a.b"),
        (reference_of_another_type, "uuid refers to integer, and PostgreSQL makes no such foreign key"),
        (retype("integer", **INTEGER, is_primary_key=True, is_nullable=False), "a key of 2 columns"),
        (reference("nowhere", "id", "integer", **INTEGER), "refers to nowhere, which is not a collection with a table"),
        (reference("directus_none", "id", "integer", **INTEGER), "directus_none, which is not a collection of"),
        (reference("directus_users", "email", "string"), "refers to directus_users.email; Directus refers to keys"),
        (reference("directus_users", "id", "integer", **INTEGER), "integer refers to uuid, and PostgreSQL makes no"),
    ]),
    ("not-rebuildable", [(with_table_named("constructor"), "a name that every JavaScript object has")]),
    ("incomplete-entry", [
        (drop_property("fields", "meta.searchable", **A), "zz.a (field"),
        (drop_property("fields", "schema.is_indexed", **A), "zz.a (field"),
    ]),
    ("incomplete-entry", [
        (set_property("fields", "meta", None, **A), "zz.a (field; meta.collection, "),
        (set_property("fields", "schema", {}, **A), "zz.a (field; schema.data_type, "),
    ]),
    ("invalid-snapshot", [(set_property("fields", "meta.note", 5, **A), "`meta.note` of zz.a must be a text, not 5")]),
    ("invalid-snapshot", [(system_index("title", is_unique=True), "`schema` of directus_users.title must be")]),
    ("not-rebuildable", [(system_index("tags"), "directus_users.tags (index; schema.is_indexed; an index on json")]),
    ("invalid-snapshot", [
        (set_property("collections", "meta.group", "nowhere", collection="zz"), "schema.yaml:15"),
    ]),
]  # fmt: skip


def combined(file: Path, cases: Iterable[tuple[Edit, ...]]) -> Path:
    """Write a file with one table for each case: zz0, zz1 and so on."""
    whole = {**snapshots.load(SMALL.read_bytes()), "collections": [], "fields": [], "relations": []}
    for number, edits in enumerate(cases):
        one = snapshots.load(SMALL.read_bytes())
        for edit in edits:
            edit(one)
        named = snapshots.load(snapshots.dump(one).replace("zz", f"zz{number}"))
        for section in ("collections", "fields", "relations"):
            whole[section] += named[section]
        whole["systemFields"] = named["systemFields"]
    file.write_text(snapshots.dump(whole), encoding="utf-8")
    return file


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return Path(shutil.copy(SMALL, tmp_path / "schema.yaml"))


def test_pushed_files_equal_directus_afterwards(serve: Serving, small: Path) -> None:
    combined(small, PUSHED)
    with serve("bootstrapped") as running:
        pushed = running.tool("push", "--snapshot", small)
        assert pushed.code == 0, pushed.text
        assert running.tool("push", "--snapshot", small).out.startswith("Nothing to push")
        assert running.tool("diff", "--snapshot", small).code == 0
        assert running.database.value("SELECT count(*) FROM zz0") == 0


@pytest.mark.parametrize(("error", "cases"), REFUSED)
def test_push_refuses_a_file_that_directus_cannot_rebuild(
    serve: Serving, small: Path, error: str, cases: list[tuple[Edit, str]]
) -> None:
    combined(small, [(edit,) for edit, _ in cases])
    with serve("bootstrapped") as running:
        before = running.database.contents()
        refused = running.tool("push", "--snapshot", small)
        assert (refused.code, f"error[{error}]" in refused.err) == (4, True), refused.text
        for number, (_, said) in enumerate(cases):
            assert said.replace("zz", f"zz{number}") in refused.err
        assert "  next:  " in refused.err
        assert running.database.contents() == before


def test_push_names_texts_that_do_not_fit_a_numeric_column(serve: Serving, small: Path) -> None:
    with serve("bootstrapped") as running:
        edited(small, retype("text", **TEXT))
        assert running.tool("push", "--snapshot", small).code == 0
        running.database.execute("INSERT INTO zz (a) VALUES ('12'), ('twelve'), (NULL), ('1.5')")
        edited(small, retype("integer", **INTEGER))
        for options in ((), ("--allow-destroy", "zz.a")):
            refused = running.tool("push", "--snapshot", small, *options)
            assert refused.code == 4, refused.text
            assert "error[rows-do-not-fit]: 1 field cannot" in refused.err
            assert "schema.numeric_scale; 2 rows; id 2, 4)" in refused.err
            assert _attic_size(running) == 0
        running.database.execute("UPDATE zz SET a = '1' WHERE id IN (2, 4)")
        pushed = running.tool("push", "--snapshot", small)
        assert pushed.code == 0, pushed.text
        assert running.tool("push", "--snapshot", small).out.startswith("Nothing to push")


INDEX_GOES: Final[tuple[tuple[str, Edit], ...]] = (
    ("zz", without_collections("zz")),
    ("zz.a_b", without_field("zz", "a_b")),
    ("", set_property("fields", "schema.is_indexed", False, collection="zz", field="a_b")),
)


@pytest.mark.parametrize("in_batches", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize(("item", "edit"), INDEX_GOES)
def test_an_index_name_is_reused_in_the_push_that_frees_it(
    serve: Serving, small: Path, item: str, edit: Edit, *, in_batches: bool
) -> None:
    with serve("bootstrapped") as running:
        both = edited(small, shared_index).read_bytes()
        assert running.tool("push", "--snapshot", edited(small, without_field("zz_a", "b"))).code == 0
        small.write_bytes(both)
        tool = Tool(running.database) if in_batches else running.tool
        pushed = tool("push", "--snapshot", edited(small, edit), *(["--allow-destroy", item] if item else []))
        assert pushed.code == 0, pushed.text
        assert tool("push", "--snapshot", small).out.startswith("Nothing to push")


def test_one_push_shortens_and_indexes_a_text_of_any_length(serve: Serving, small: Path) -> None:
    with serve("bootstrapped") as running:
        edited(small, retype("text", **TEXT))
        assert running.tool("push", "--snapshot", small).code == 0
        running.database.execute(
            "INSERT INTO zz (a) SELECT string_agg(md5(n::text), '') FROM generate_series(1, 100) AS n"
        )
        short = {"data_type": "character varying", "max_length": 100, **NO_DIGITS, "is_indexed": True}
        edited(small, retype("string", **short))
        refused = running.tool("push", "--snapshot", small)
        assert (refused.code, "error[unapproved-destruction]" in refused.err) == (4, True), refused.text
        pushed = running.tool("push", "--snapshot", small, "--allow-destroy", "zz.a")
        assert pushed.code == 0, pushed.text
        assert running.database.value("SELECT length(a) FROM zz") == 100


def test_push_names_rows_that_a_new_relation_would_leave_without_target(serve: Serving, small: Path) -> None:
    with serve("bootstrapped") as running:
        edited(small, retype("integer", **INTEGER))
        assert running.tool("push", "--snapshot", small).code == 0
        running.database.execute("INSERT INTO zz (a) VALUES (1), (7), (NULL), (9)")
        edited(small, reference_of_another_type, retype("integer", **INTEGER))
        for _ in range(2):
            refused = running.tool("push", "--snapshot", small)
            assert refused.code == 4, refused.text
            assert "error[rows-do-not-fit]: 1 relation cannot be made, because rows refer to nothing" in refused.err
            assert "zz.a (relation; 2 rows; id 2, 4)" in refused.err
            assert "next:  empty zz.a in rows that refer to nothing, or add the missing rows" in refused.err
        running.database.execute("UPDATE zz SET a = NULL WHERE id IN (2, 4)")
        pushed = running.tool("push", "--snapshot", small)
        assert pushed.code == 0, pushed.text
        assert running.tool("push", "--snapshot", small).out.startswith("Nothing to push")


def test_push_refuses_a_unique_field_whose_default_several_rows_would_share(serve: Serving, small: Path) -> None:
    with serve("bootstrapped") as running:
        assert running.tool("push", "--snapshot", small).code == 0
        running.database.execute("INSERT INTO zz (a) VALUES ('one'), ('two')")
        edited(small, with_another_column(is_unique=True, default_value="same"))
        refused = running.tool("push", "--snapshot", small)
        assert (refused.code, "zz.code (field; 2 rows)" in refused.err) == (4, True), refused.text
        assert "next:  make zz.code optional and not unique, push, fill it in; then" in refused.err
        running.database.execute("DELETE FROM zz WHERE a = 'two'")
        assert running.tool("push", "--snapshot", small).code == 0
        assert running.tool("push", "--snapshot", small).out.startswith("Nothing to push")


def test_push_names_shapes_that_do_not_fit_a_polygon_column(serve: Serving, small: Path) -> None:
    """PostGIS raises an error when PostgreSQL asks whether a value would fit."""
    with serve("bootstrapped") as running:
        edited(small, retype("geometry", data_type="GEOMETRY", max_length=None))
        assert running.tool("push", "--snapshot", small).code == 0
        shapes = "'POINT(19 41)', 'POLYGON((0 0, 1 0, 1 1, 0 0))'"
        running.database.execute(
            f"INSERT INTO zz (a) SELECT st_geomfromtext(s, 4326) FROM unnest(ARRAY[{shapes}]) AS s"
        )
        edited(small, retype("geometry.Polygon", data_type="POLYGON"))
        refused = running.tool("push", "--snapshot", small, "--allow-destroy", "zz.a")
        assert (refused.code, "1 row; id 1)" in refused.err) == (4, True), refused.text
        assert "error[rows-do-not-fit]" in refused.err
        running.database.execute("DELETE FROM zz WHERE id = 1")
        assert running.tool("push", "--snapshot", small).code == 0
        assert running.tool("push", "--snapshot", small).out.startswith("Nothing to push")


def test_a_failed_push_leaves_no_attic_copy(serve: Serving, small: Path) -> None:
    with serve("bootstrapped") as running:
        assert running.tool("push", "--snapshot", small).code == 0
        running.database.execute(
            "INSERT INTO zz (a) VALUES ('x');"
            "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS"
            " $$BEGIN RAISE EXCEPTION 'nothing goes today'; END$$;"
            "CREATE EVENT TRIGGER refuse ON sql_drop WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION refuse()"
        )
        edited(small, without_field("zz", "a"))
        for tool in (running.tool, Tool(running.database)):
            failed = tool("push", "--snapshot", small, "--allow-destroy", "zz.a")
            assert (failed.code, "nothing goes today" in failed.err) == (4, True), failed.text
            assert "error[apply-refused]" in failed.err
            assert _attic_size(running) == 0
        running.database.execute("DROP EVENT TRIGGER refuse")
        pushed = running.tool("push", "--snapshot", small, "--allow-destroy", "zz.a")
        assert (pushed.code, _attic_size(running) > 0) == (0, True), pushed.text


def _attic_size(running: RunningDirectus) -> int:
    found = running.database.value(
        "SELECT (SELECT count(*) FROM directus_sync.attic_copies) + count(*) FROM pg_class"
        " WHERE relnamespace = 'attic'::regnamespace"
    )
    return int(found)


def test_push_refuses_to_change_the_column_of_a_key(serve: Serving, small: Path) -> None:
    """Directus would alter the column, and PostgreSQL would say that a key cannot become nullable."""
    with serve("bootstrapped") as running:
        edited(small, typed_key)
        assert running.tool("push", "--snapshot", small).code == 0
        edited(small, lambda document: retype("string", max_length=40)({"fields": document["fields"][::-1]}))
        refused = running.tool("push", "--snapshot", small, "--allow-destroy", "zz.id")
        assert refused.code == 4, refused.text
        assert "error[not-rebuildable]" in refused.err
        assert "Directus can't alter the column of a key: do it in a pre revision" in refused.err
        assert _attic_size(running) == 0


def typed_key(document: Document) -> None:
    key = document["fields"][0]
    key["type"] = "string"
    key["schema"].update(default_value=None, has_auto_increment=False, numeric_precision=None, numeric_scale=None)
    key["schema"].update(data_type="character varying", max_length=255)


NEEDING: Final = """
CREATE VIEW zz_view AS SELECT a FROM zz;
CREATE MATERIALIZED VIEW zz_kept AS SELECT a FROM zz;
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(a) FROM zz; END;
CREATE TABLE zz_child () INHERITS (zz);
CREATE POLICY own ON zz USING (a = current_user);
ALTER TABLE zz ADD g text GENERATED ALWAYS AS (upper(a)) STORED;
CREATE TRIGGER zz_trigger BEFORE UPDATE OF a ON zz FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE RULE zz_rule AS ON INSERT TO zz WHERE NEW.a = 'x' DO ALSO NOTHING;
CREATE PUBLICATION zz_published FOR TABLE zz (id, a);
CREATE TABLE counted (id bigint PRIMARY KEY DEFAULT nextval('zz_id_seq'))"""
OF_COLUMN: Final = (
    "function f(), generated column g, materialized view zz_kept, policy own of zz,"
    " publication of table zz in publication zz_published, rule zz_rule on table zz, trigger zz_trigger, view zz_view"
)
OF_TABLE: Final = (
    "default value for column id of table counted, default value for column id of table zz_child, function f(),"
    " materialized view zz_kept, table zz_child, view zz_view"
)
CHANGES: Final[tuple[tuple[str, Edit, str], ...]] = (
    ("zz", without_collections("zz"), OF_TABLE),
    ("zz.a", retype("string", max_length=300), OF_COLUMN),
    ("zz.a", without_field("zz", "a"), OF_COLUMN),
)


def test_push_names_objects_that_need_a_column_before_it_changes_or_drops_it(serve: Serving, small: Path) -> None:
    with serve("bootstrapped") as running:
        pushed = edited(small, lambda document: document["collections"].append(folder())).read_bytes()
        assert running.tool("push", "--snapshot", small).code == 0
        running.database.execute(NEEDING)
        for item, edit, needing in CHANGES:
            small.write_bytes(pushed)
            edited(small, edit)
            refused = running.tool("push", "--snapshot", small, "--allow-destroy", item)
            assert refused.code == 4, refused.text
            assert "error[view-in-the-way]: PostgreSQL would not drop or change 1 " in refused.err
            assert f"needed by {needing})" in refused.err, refused.err
            assert _attic_size(running) == 0
        running.database.execute(
            "DROP TABLE zz_child; DROP FUNCTION f(); DROP VIEW zz_view; DROP MATERIALIZED VIEW zz_kept"
        )
        running.database.execute("DROP POLICY own ON zz; DROP TRIGGER zz_trigger ON zz; ALTER TABLE zz DROP g")
        running.database.execute("DROP RULE zz_rule ON zz; DROP PUBLICATION zz_published")
        gone = running.tool("push", "--snapshot", small, "--allow-destroy", "zz.a")
        assert gone.code == 0, gone.text


def test_push_names_objects_that_cannot_follow_a_change_of_type(serve: Serving, small: Path) -> None:
    """PostgreSQL rebuilds the column's checks, indexes and statistics, and may not find functions for the new type."""
    with serve("bootstrapped") as running:
        edited(small, retype("text", **TEXT, is_unique=True))
        assert running.tool("push", "--snapshot", small).code == 0
        running.database.execute(
            "ALTER TABLE zz ADD CONSTRAINT digits CHECK (a ~ '^[0-9]*$'); CREATE STATISTICS zz_kinds ON id, a FROM zz"
        )
        edited(small, retype("integer", **INTEGER))
        refused = running.tool("push", "--snapshot", small)
        assert (refused.code, "error[view-in-the-way]" in refused.err) == (4, True), refused.text
        assert "needed by a check, an index or statistics on it: operator does not exist" in refused.err, refused.text
        assert running.database.value("SELECT to_regclass('rehearsed')") is None
        running.database.execute("CREATE TABLE referring (a text REFERENCES zz (a))")
        refused = running.tool("push", "--snapshot", small)
        assert "needed by foreign key referring_a_fkey of referring)" in refused.err, refused.text
        edited(small, retype("string", **{**TEXT, "data_type": "character varying", "max_length": 40, **NO_DIGITS}))
        pushed = running.tool("push", "--snapshot", small)
        assert pushed.code == 0, pushed.text


def folder() -> Document:
    """Return a folder, so that the file is not empty without zz."""
    entry: Document = copy.deepcopy(snapshots.load(SMALL.read_bytes())["collections"][0])
    entry["collection"] = entry["meta"]["collection"] = "other"
    del entry["schema"]
    return entry
