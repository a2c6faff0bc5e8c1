"""Which columns, defaults, keys and names Directus can make as the file has them.

tests/integration tries the same on Directus.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from directus_sync.schema import defaults, rebuilding, references
from directus_sync.schema.diff import Action, Change, Edit, ItemKind, SchemaDiff
from directus_sync.schema.snapshot import Snapshot

PLAIN: dict[str, Any] = {"data_type": "text", "default_value": None, "is_generated": False, "max_length": None}


def field(kind: str, **schema: object) -> dict[str, Any]:
    return {"collection": "t", "field": "x", "type": kind, "meta": {}, "schema": {**PLAIN, **schema}}


def table(committed: Snapshot, *fields: dict[str, Any], relations: tuple[dict[str, Any], ...] = ()) -> Snapshot:
    """Return a snapshot with one collection, t."""
    sections: dict[str, dict[tuple[str, ...], dict[str, Any]]] = {
        "collections": {("t",): {"collection": "t", "meta": {}, "schema": {"name": "t"}}},
        "fields": {("t", entry["field"]): entry for entry in fields},
        "systemFields": {},
        "relations": {("t", entry["field"]): entry for entry in relations},
    }
    return dataclasses.replace(committed, sections=sections)


@pytest.mark.parametrize(
    ("kind", "schema", "fault"),
    [
        ("text", {}, None),
        ("string", {"data_type": "character varying", "max_length": 40}, None),
        ("string", {"data_type": "character varying", "max_length": -5}, "no length in the file, and"),
        ("string", {"data_type": "character varying"}, "no length in the file, and"),
        ("hash", {"data_type": "character varying", "max_length": 60}, "length 60 in the file, and"),
        ("string", {"data_type": "character", "max_length": 3}, "character in the file, and character varying(3)"),
        ("string", {"data_type": "interval"}, "interval in the file"),
        ("unknown", {"data_type": "inet"}, "inet in the file, and no column"),
        ("binary", {"data_type": "bytea"}, "bytea in the file, and no column"),
        ("float", {"data_type": "double precision"}, "double precision in the file, and real"),
        ("integer", {"data_type": "numeric"}, "numeric in the file, and integer"),
        ("json", {"data_type": "jsonb"}, "jsonb in the file, and json"),
        ("geometry.Point", {"data_type": "Point"}, "Point in the file, and POINT by Directus"),
        ("geometry.Point", {"data_type": "POINT"}, None),
        (
            "text",
            {"is_generated": True, "generation_expression": "upper(y)"},
            "generated as upper(y) in the file, and a plain column",
        ),
        ("integer", {"data_type": "smallint", "has_auto_increment": True, "is_primary_key": True}, None),
        ("string", {"has_auto_increment": True, "is_primary_key": True}, "type string, and integer by Directus"),
        ("integer", {"data_type": "integer", "has_auto_increment": True}, "has_auto_increment, which only a key has"),
        ("uuid", {"data_type": "uuid", "is_primary_key": True, "is_nullable": True}, "a key with is_nullable true in"),
        ("integer", {"data_type": "int4"}, "int4 in the file, and integer by Directus"),
        ("geometry.Point", {"data_type": "geometry(Point,4326)"}, "geometry(Point,4326) in the file, and POINT"),
        ("integer", {"data_type": "integer", "numeric_precision": 16}, "numeric_precision 16 in the file, and 32"),
        ("text", {"max_length": 255}, "max_length 255 in the file, and null by Directus"),
        ("integer", {"data_type": "integer", "default_value": -(2**31)}, None),
        ("date", {"data_type": "date", "default_value": "infinity"}, None),
        ("date", {"data_type": "date", "default_value": "20260-02-28"}, None),
        ("time", {"data_type": "time without time zone", "default_value": "24:00:00"}, None),
        (
            "timestamp",
            {"data_type": "timestamp with time zone", "default_value": "2026-06-06 12:30:00+02"},
            None,
        ),
        ("boolean", {"data_type": "boolean", "default_value": False}, None),
        ("boolean", {"data_type": "boolean", "default_value": "maybe"}, "default maybe in the file"),
        ("geometry.Foo", {"data_type": "geometry"}, "type geometry.Foo, which Directus does not know"),
        ("geometry.MultiPolygon", {"data_type": "MULTIPOLYGON"}, None),
        ("string", {"data_type": "character varying", "max_length": 4, "default_value": "it''s"}, None),
        (
            "string",
            {"data_type": "character varying", "max_length": 3, "default_value": "it''s"},
            "default it''s is longer",
        ),
        ("string", {"data_type": "character varying", "max_length": 10485761}, "length 10485761; PostgreSQL takes up"),
        (
            "decimal",
            {"data_type": "numeric", "numeric_precision": 1001, "numeric_scale": 5},
            "numeric(1001,5); PostgreSQL",
        ),
        ("decimal", {"data_type": "numeric", "numeric_precision": 3, "numeric_scale": 5}, None),
        ("json", {"data_type": "json", "is_unique": True}, "an index on json"),
        ("integer", {"data_type": "integer", "foreign_key_table": "u"}, "refers to u, and the file has no relation"),
    ],
)
def test_a_column_that_directus_cannot_make_is_named_with_the_fault(
    committed: Snapshot, kind: str, schema: dict[str, object], fault: str | None
) -> None:
    entry = field(kind, **schema)
    entry["meta"]["special"] = {"hash": ["hash"], "csv": ["cast-csv"]}.get(kind)
    found = list(rebuilding.of_field(entry, table(committed, entry)))
    assert len(found) == (fault is not None)
    assert found == [] or found[0].startswith(str(fault))


@pytest.mark.parametrize(
    ("kind", "special", "taken"),
    [
        *(
            (kind, special, taken)
            for kind, taken in (("csv", "text"), ("hash", "string"))
            for special in (None, [], ["x"])
        ),
        ("csv", ["cast-csv"], None),
        ("hash", ["hash"], None),
        ("string", ["uuid"], "uuid"),
        ("json", ["cast-json"], None),
        ("json", None, None),
        ("timestamp", ["date-created"], None),
        ("dateTime", ["cast-timestamp"], "timestamp"),
        # Directus takes the first item of `special` for the shape.
        ("geometry.Point", [], "geometry"),
        ("geometry.Point", ["geometry.Point"], None),
    ],
)
def test_special_must_fit_the_type_because_directus_derives_the_type_from_it(
    committed: Snapshot, kind: str, special: list[str] | None, taken: str | None
) -> None:
    texts = {"string": "character varying", "hash": "character varying", "csv": "text", "dateTime": MADE["dateTime"]}
    data_type = texts.get(kind) or MADE[kind]
    entry = field(kind, data_type=data_type, max_length=255 if "varying" in data_type else None)
    entry["meta"]["special"] = special
    faults = [f"type {kind}, which Directus takes for {taken} with this `special`"] if taken else []
    assert list(rebuilding.of_field(entry, table(committed, entry))) == faults


def test_a_field_without_a_column_needs_a_special_for_aliases(committed: Snapshot) -> None:
    plain, alias = field("text"), {**field("alias"), "schema": None}
    no_column = {**plain, "schema": None}
    for entry, special, fault in (
        (no_column, None, "no column in the file, and one by Directus"),
        (plain, ["o2m"], "o2m in `special`, which is for fields without a column"),
        (alias, None, "an alias whose `special` has none of alias, files, m2a, m2m, o2a, o2m, translations"),
        (alias, ["alias", "no-data"], None),
    ):
        found = list(rebuilding.of_field({**entry, "meta": {"special": special}}, table(committed, entry)))
        assert [text.partition("; ")[0] for text in found] == ([fault] if fault else [])


MADE = {
    "dateTime": "timestamp without time zone",
    **{kind: kind for kind in ("integer", "boolean", "uuid", "json", "text", "date")},
    **{"bigInteger": "bigint", "decimal": "numeric", "timestamp": "timestamp with time zone"},
    **{
        "time": "time without time zone",
        "geometry": "GEOMETRY",
        "geometry.Point": "POINT",
        "geometry.Polygon": "POLYGON",
        "unknown": "inet",
    },
}
CASTS = {
    ("integer", "boolean"): True,
    ("bigInteger", "boolean"): False,
    ("boolean", "integer"): True,
    ("boolean", "decimal"): False,
    ("integer", "uuid"): False,
    ("uuid", "integer"): False,
    ("json", "integer"): False,
    ("json", "text"): True,
    ("text", "json"): True,
    ("date", "timestamp"): True,
    ("timestamp", "time"): True,
    ("date", "time"): False,
    ("time", "timestamp"): False,
    ("geometry.Point", "geometry.Polygon"): True,
    ("geometry", "json"): False,
    ("text", "geometry"): False,
    ("geometry", "text"): True,
    # Directus does not know this type, so only PostgreSQL knows its casts.
    ("unknown", "integer"): True,
    ("integer", "unknown"): True,
}


@pytest.mark.parametrize(("before", "after"), CASTS)
def test_a_change_to_a_type_without_a_cast_is_a_fault(committed: Snapshot, before: str, after: str) -> None:
    edits = (Edit(("type",), before, after), Edit(("schema", "data_type"), "x", "y"))
    change = Change(Action.CHANGE, ItemKind.FIELD, "t", "x", edits=edits)
    one, other = ({**field(kind), "schema": {**PLAIN, "data_type": MADE[kind]}} for kind in (before, after))
    found = rebuilding.faults(change, table(committed, other), table(committed, one))
    assert any("PostgreSQL has no safe cast from" in text for text in found) is not CASTS[before, after]


@pytest.mark.parametrize("path", [("schema", "max_length"), ("type",)])
def test_a_change_of_the_column_of_a_primary_key_is_a_fault(committed: Snapshot, path: tuple[str, ...]) -> None:
    key = field("string", data_type="character varying", max_length=20, is_primary_key=True)
    change = Change(Action.CHANGE, ItemKind.FIELD, "t", "x", edits=(Edit(path, 1, 2),))
    assert rebuilding.faults(change, table(committed, key), table(committed, key)) == (
        "Directus can't alter the column of a key: do it in a pre revision, then pull",
    )
    note = dataclasses.replace(change, edits=(Edit(("meta", "note"), None, "a"),))
    assert rebuilding.faults(note, table(committed, key), table(committed, key)) == ()


JSON: list[object] = [{}, [], {"a": "it''s", "b": [1, None, True]}, 1]


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        *(("text", text) for text in ("x", "", "it''s", "''", "''x''", "a\\b", "now", "null", "%s $1", "1e3")),
        *(("timestamp", time) for time in ("CURRENT_TIMESTAMP", "2026-06-06 00:00:00+00")),
        *(("date", date) for date in ("2026-06-06", "infinity")),
        *(("uuid", key) for key in ("gen_random_uuid()", "6f2b5c1e-0d3a-5b8e-9a51-3c0d5f6b7a01")),
        *(("integer", number) for number in (0, -1, 2**31 - 1)),
        *(("decimal", number) for number in (0.1, "NaN", 2**53 - 1)),
        *(("json", json) for json in JSON),
        ("boolean", True),
        ("geometry.Point", None),
    ],
)
def test_a_default_that_directus_makes_is_no_fault(kind: str, default: object) -> None:
    assert list(defaults.faults(kind, default)) == []


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        # Directus cuts an expression at its first cast, and a text at its first "::".
        *(("text", text) for text in ("lower('A'", "('a'", "'fe80", "fe80::1", "what?", "now()", "NOW()")),
        *(("timestamp", time) for time in ("now()", "clock_timestamp()", "LOCALTIMESTAMP", "(now() + '1 day'")),
        *(("date", date) for date in ("CURRENT_DATE", "now()")),
        *(("time", time) for time in ("LOCALTIME", "(now())")),
        *(("uuid", key) for key in ("uuid_generate_v4()", "x")),
        *(("integer", number) for number in ("(1 + 1)", "nextval('seq'::regclass)")),
        *(("bigInteger", number) for number in (2**53, -(2**53), 9223372036854776000)),
        *(("json", json) for json in ("x", {"a": "what?"}, {"a": "b::c"}, {"a": [2**60]}, "json_build_object('a', 1)")),
        ("geometry.Point", "st_setsrid(st_makepoint((0)"),
    ],
)
def test_a_default_that_directus_cannot_make_is_a_fault(kind: str, default: object) -> None:
    assert len(list(defaults.faults(kind, default))) == 1


def test_a_foreign_key_needs_directus_s_name_and_must_refer_to_a_primary_key(committed: Snapshot) -> None:
    key = {**field("integer", data_type="integer", is_primary_key=True), "field": "id"}
    code = {**field("text"), "field": "code"}
    relation = {"collection": "t", "field": "x", "related_collection": "t", "meta": {}}
    schema = {"constraint_name": "t_x_foreign", "foreign_key_table": "t", "foreign_key_column": "id"}
    wanted = table(committed, key, code, {**field("integer"), "field": "x"})
    cases: list[tuple[dict[str, str], list[str]]] = [
        ({}, []),
        ({"constraint_name": "t_x_fkey"}, ["foreign key t_x_fkey in the file, and t_x_foreign by Directus"]),
        ({"foreign_key_column": "code"}, ["refers to t.code; Directus refers to keys only"]),
        ({"on_delete": "EXPLODE"}, ["on_delete EXPLODE, which PostgreSQL does not know"]),
        ({"on_delete": "SET NULL", "on_update": "NO ACTION"}, []),
    ]
    for edit, fault in cases:
        assert list(references.faults({**relation, "schema": {**schema, **edit}}, wanted)) == fault
    of_nothing = {**relation, "related_collection": None}
    assert list(references.faults({**of_nothing, "schema": None}, wanted)) == []
    assert list(references.faults({**of_nothing, "schema": schema}, wanted)) == ["a foreign key that refers to nothing"]
    assert list(references.faults({**relation, "schema": None}, wanted)) == [
        "no foreign key in the file, and one by Directus"
    ]
    nowhere = {**relation, "related_collection": "u", "schema": {**schema, "foreign_key_table": "u"}}
    (said,) = references.faults(nowhere, wanted)
    assert said == "refers to u, which is not a collection with a table in the file"


@pytest.mark.parametrize(
    ("kind", "key", "is_made"),
    [
        ("integer", "bigInteger", True),
        ("bigInteger", "decimal", True),
        ("decimal", "float", True),
        ("text", "string", True),
        ("decimal", "integer", False),
        ("float", "decimal", False),
        ("uuid", "string", False),
        ("integer", "text", False),
        # An untested pair of types is no fault.
        ("geometry", "integer", True),
    ],
)
def test_a_foreign_key_needs_a_type_that_postgresql_casts_to_that_of_the_key(
    committed: Snapshot, kind: str, key: str, *, is_made: bool
) -> None:
    wanted = table(committed, {**field(key, is_primary_key=True), "field": "id"}, {**field(kind), "field": "x"})
    schema = {"constraint_name": "t_x_foreign", "foreign_key_table": "t", "foreign_key_column": "id"}
    relation = {"collection": "t", "field": "x", "related_collection": "t", "meta": {}, "schema": schema}
    assert (list(references.faults(relation, wanted)) == []) is is_made


@pytest.mark.parametrize(
    ("column", "other", "faults"),
    [({}, {}, 1), ({"is_primary_key": True}, {}, 0), ({}, {"is_primary_key": True}, 0)],
)
def test_unique_indexes_of_two_columns_must_not_have_the_same_name(
    committed: Snapshot, column: dict[str, bool], other: dict[str, bool], faults: int
) -> None:
    """Directus exports a primary key as unique, but makes no such index for it."""
    mine = {**field("integer", data_type="integer", is_unique=True, **column), "collection": "x", "field": "a_b"}
    theirs = {**field("integer", data_type="integer", is_unique=True, **other), "collection": "x_a", "field": "b"}
    fields: dict[tuple[str, ...], dict[str, Any]] = {("x", "a_b"): mine, ("x_a", "b"): theirs}
    wanted = dataclasses.replace(committed, sections={**committed.sections, "fields": fields})
    assert len(list(rebuilding.of_field(mine, wanted))) == faults


def test_a_relation_needs_its_field_unless_the_table_exists(committed: Snapshot) -> None:
    relation: dict[str, object] = {"collection": "t", "field": "x", "related_collection": None, "schema": None}
    wanted = table(committed, {**field("integer", data_type="integer", is_primary_key=True), "field": "id"})
    fault = "the file does not have the field that it belongs to"
    assert list(references.faults(relation, wanted)) == [fault]
    assert list(references.faults(relation, wanted, has_table=True)) == []
    assert list(references.faults({**relation, "collection": "directus_users"}, wanted)) == []


@pytest.mark.parametrize(("length", "counts", "faults"), [(62, False, 0), (63, False, 1), (63, True, 0), (64, True, 1)])
def test_the_name_of_a_table_must_leave_room_for_the_name_of_its_key(
    committed: Snapshot, length: int, counts: bool, faults: int
) -> None:
    name = "x" * length
    key = {**field("uuid", data_type="uuid", is_primary_key=True, has_auto_increment=counts), "collection": name}
    wanted = table(committed, key)
    entry: dict[str, Any] = {"collection": name, "meta": {}, "schema": {"name": name}}
    named: dict[str, dict[tuple[str, ...], dict[str, Any]]] = {
        "collections": {(name,): entry},
        "fields": {(name, "x"): key},
    }
    wanted = dataclasses.replace(wanted, sections={**wanted.sections, **named})
    assert len(list(rebuilding.of_collection(entry, wanted))) == faults


@pytest.mark.parametrize("name", ["x" * 64, "ü" * 32, "what?", "a.b", " a", "a\n", "*", "a AS b", "ctid"])
def test_a_name_that_directus_or_postgresql_would_change_is_a_fault(committed: Snapshot, name: str) -> None:
    entry = {**field("text"), "field": name}
    assert len(list(rebuilding.of_field(entry, table(committed, entry)))) == 1


@pytest.mark.parametrize("name", ["x" * 63, "ü" * 31, "a as", "as b", "a*", "constructor", "%s"])
def test_an_unusual_name_that_is_kept_is_no_fault(committed: Snapshot, name: str) -> None:
    entry = {**field("text"), "field": name}
    assert list(rebuilding.of_field(entry, table(committed, entry))) == []


def test_a_table_without_a_primary_key_is_a_fault(committed: Snapshot) -> None:
    key = field("integer", data_type="integer", is_primary_key=True)
    for fields, faults in (((key,), 0), ((field("text"),), 1), ((), 1)):
        wanted = table(committed, *fields)
        assert len(list(rebuilding.of_collection(wanted.section("collections")[("t",)], wanted))) == faults
    folder: dict[str, Any] = {"collection": "f", "meta": {}, "schema": None}
    assert list(rebuilding.of_collection(folder, table(committed))) == []


def sent(change: Change, diffs: list[dict[str, Any]], wanted: Snapshot, live: Snapshot) -> list[dict[str, Any]]:
    raw = {"collections": [], "fields": [{"collection": "t", "field": "x", "diff": diffs}]}
    (entry,) = rebuilding.sendable(SchemaDiff((change,), "hash", raw), wanted, live)["fields"]
    return list(entry["diff"])


def test_a_quote_in_the_default_of_a_new_column_is_sent_unescaped(committed: Snapshot) -> None:
    entry = field("text", default_value="what''s up")
    change = Change(Action.ADD, ItemKind.FIELD, "t", "x", after=entry)
    (diff,) = sent(change, [{"kind": "N", "rhs": entry}], table(committed, entry), table(committed))
    assert diff["rhs"]["schema"]["default_value"] == "what's up"
    assert entry["schema"]["default_value"] == "what''s up"


def test_the_default_of_an_altered_column_is_sent_again(committed: Snapshot) -> None:
    live = field("text", default_value="it''s", is_unique=False)
    wanted = field("text", default_value="it''s", is_unique=True)
    snapshots = table(committed, wanted), table(committed, live)
    unique = {"kind": "E", "path": ["schema", "is_unique"], "lhs": False, "rhs": True}
    note = {"kind": "E", "path": ["meta", "note"], "lhs": None, "rhs": "x"}
    for diff, path, more in ((unique, ("schema", "is_unique"), 1), (note, ("meta", "note"), 0)):
        change = Change(Action.CHANGE, ItemKind.FIELD, "t", "x", edits=(Edit(path, diff["lhs"], diff["rhs"]),))
        found = sent(change, [diff], *snapshots)
        assert found[0] == diff
        default = {"kind": "E", "path": ["schema", "default_value"], "lhs": "it''s", "rhs": "it's"}
        assert found[1:] == [default] * more
