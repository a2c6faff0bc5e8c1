"""What the guard counts rows for, over diffs captured from Directus 11.17.4, and what it refuses for the rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from directus_sync.schema import guard
from directus_sync.schema.diff import Action, Change, Edit, ItemKind, SchemaDiff
from directus_sync.schema.entries import alters
from directus_sync.schema.plan import Hazard, Risk
from directus_sync.schema.rules import SchemaRule
from directus_sync.schema.snapshot import Snapshot
from tests.unit.conftest import FIXTURES
from tests.unit.judging import NOBODY, decided, edit_of, hazards, risks_of, rules, with_values

Captured = Callable[[str], SchemaDiff]
TYPE, DATA_TYPE, DEFAULT = ("type",), ("schema", "data_type"), ("schema", "default_value")
LENGTH, NULLABLE, NOTE = ("schema", "max_length"), ("schema", "is_nullable"), ("meta", "note")

ANSWERS = json.loads((FIXTURES / "station_diffs.json").read_text(encoding="utf-8"))
# Each was applied to Directus 11.17.4, and every value was still there as text afterwards.
WIDENED = [edit for edit in ANSWERS if edit.startswith("widened_")]
HARMLESS = [
    "collection_added",
    "folder_added",
    "field_added",
    "collection_changed",
    "note_changed",
    "special_changed",
    "default_changed",
    "nullable_changed",
    "length_grows",
    "precision_grows",
    "on_delete_changed",
    "system_field_removed",
    "type_string_to_text",
    "type_integer_to_wide_decimal",
    "field_meta_nested_removal",
    "field_meta_nested_addition",
    "alias_to_column",
]
# Each was applied to Directus 11.17.4: it answered 204 and cut or rounded values, or dropped them with their column;
# or PostgreSQL refused values that do not fit.
LOSSY = {
    **dict.fromkeys(["length_shrinks", "type_text_to_string", "column_to_alias"], SchemaRule.DESTRUCTION),
    **dict.fromkeys(["type_integer_to_short_string", "type_uuid_to_short_string"], SchemaRule.DESTRUCTION),
    **dict.fromkeys(["scale_shrinks", "precision_shrinks", "type_string_to_integer"], SchemaRule.UNFIT),
    "unique_added": SchemaRule.UNFIT,
}
# Of each change: what is counted, and the type that the values must fit.
COUNTED = {
    "collection_removed": [(Hazard.TABLE, "")],
    "field_removed": [(Hazard.COLUMN, "")],
    "column_to_alias": [(Hazard.COLUMN, "")],
    "unique_added": [(Hazard.UNIQUE, "")],
    "length_shrinks": [(Hazard.RETYPE, "character varying(1)")],
    # Directus 11.17.4 answered 204 to 1000 -> null, made varchar(255) of it, and cut a value of 900 characters.
    "length_removed": [(Hazard.RETYPE, "character varying(255)")],
    "scale_shrinks": [(Hazard.RETYPE, "numeric(8,0)"), (Hazard.CAST, "numeric(8,0)")],
    "precision_shrinks": [(Hazard.RETYPE, "numeric(4,2)"), (Hazard.CAST, "numeric(4,2)")],
    "type_text_to_string": [(Hazard.RETYPE, "character varying(255)")],
    "type_integer_to_short_string": [(Hazard.RETYPE, "character varying(2)")],
    "type_uuid_to_short_string": [(Hazard.RETYPE, "character varying(8)")],
    "type_string_to_integer": [(Hazard.RETYPE, "integer"), (Hazard.CAST, "integer")],
}


@pytest.mark.parametrize("edit", [*HARMLESS, *WIDENED])
def test_what_loses_nothing_passes_without_counting_rows(captured: Captured, live: Snapshot, edit: str) -> None:
    assert hazards(captured(edit), live) == []
    assert rules(decided(captured(edit), live, live)) == []


@pytest.mark.parametrize("edit", LOSSY)
def test_a_lossy_change_passes_only_where_every_value_fits(captured: Captured, live: Snapshot, edit: str) -> None:
    ((_, rule),) = rules(decided(captured(edit), live, live, rows=1))
    assert rule is LOSSY[edit]
    assert rules(decided(captured(edit), live, live, rows=0)) == []


@pytest.mark.parametrize("edit", COUNTED)
def test_rows_are_counted_where_they_are_at_risk(captured: Captured, live: Snapshot, edit: str) -> None:
    (change,) = captured(edit).changes
    assert risks_of(captured(edit), live) == [
        Risk(hazard, change.collection, change.field, target) for hazard, target in COUNTED[edit]
    ]


JSONB = {TYPE: "json", DATA_TYPE: "jsonb"}


@pytest.mark.parametrize(
    ("column", "path", "value", "wanted"),
    [
        # Directus exports character varying without a length as one of -5.
        ({LENGTH: -5}, LENGTH, 255, [Hazard.RETYPE]),
        # Whatever length the snapshot has, Directus 11.17.4 makes varchar(255) of a hash.
        ({LENGTH: 1000}, TYPE, "hash", [Hazard.RETYPE]),
        ({LENGTH: 1000, TYPE: "hash"}, NULLABLE, False, [Hazard.RETYPE, Hazard.NOT_NULL]),
        # Directus exports the shape as the type of its column.
        ({TYPE: "geometry.Point", DATA_TYPE: "POINT"}, NULLABLE, True, []),
        # An alias that kept its column in the file loses the column all the same.
        ({TYPE: "text"}, TYPE, "alias", [Hazard.COLUMN]),
        # A note alters a column that Directus did not make, where its default is no text.
        ({**JSONB, DEFAULT: "abc"}, NOTE, "x", [Hazard.RETYPE]),
        ({**JSONB, DEFAULT: None}, NOTE, "x", []),
        ({**JSONB, DEFAULT: "abc", TYPE: "text"}, NOTE, "x", []),
        ({**JSONB, DEFAULT: True, TYPE: "boolean"}, NOTE, "x", [Hazard.RETYPE]),
    ],
)
def test_what_a_change_puts_at_risk_depends_on_the_column_that_is_there(
    live: Snapshot, column: dict[tuple[str, ...], object], path: tuple[str, ...], value: object, wanted: list[Hazard]
) -> None:
    server = with_values(live, "station.code", column)
    # No string becomes optional or required here but from the other.
    before = not value if path is NULLABLE else column.get(path)
    assert hazards(SchemaDiff((edit_of("station.code", path, value, before=before),), "hash"), server) == wanted


@pytest.mark.parametrize(
    ("flag", "strict", "wanted"),
    [
        ("is_nullable", False, [Hazard.NOT_NULL]),
        ("is_unique", True, [Hazard.UNIQUE]),
        ("is_indexed", True, []),
    ],
)
@pytest.mark.parametrize(("before", "now"), [(False, False), (False, True), (True, False), (True, True)])
def test_values_are_counted_when_a_field_becomes_required_unique_or_indexed(
    live: Snapshot, flag: str, strict: bool, wanted: list[Hazard], before: bool, now: bool
) -> None:
    path = ("schema", flag)
    server = with_values(live, "station.code", {path: before})
    difference = SchemaDiff((edit_of("station.code", path, now, before=before),), "hash")
    becomes = before is not strict and now is strict
    assert hazards(difference, server) == wanted * becomes


Column = dict[tuple[str, ...], object]


def string(length: int) -> Column:
    return {DATA_TYPE: "character varying", LENGTH: length, TYPE: "string"}


# A row of an index takes 2,692 bytes of a value, and a character has up to four.
TEXT: Column = {DATA_TYPE: "text", LENGTH: None, TYPE: "text"}
NUMBER: Column = {DATA_TYPE: "integer", TYPE: "integer"}
LENGTHS: dict[str, tuple[Column, Column, list[Hazard]]] = {
    "a text": (TEXT, TEXT, [Hazard.INDEX]),
    "a string that may be too long": (string(674), string(674), [Hazard.INDEX]),
    "a string without a limit": (string(-5), string(-5), [Hazard.INDEX]),
    "a string that always fits": (string(673), string(673), []),
    "a text that gets a length": (TEXT, string(100), [Hazard.RETYPE]),
    "a text that gets a longer length": (TEXT, string(674), [Hazard.RETYPE, Hazard.INDEX]),
    "a string that loses its length": (string(100), TEXT, []),
    "a text that becomes a number": (TEXT, NUMBER, [Hazard.RETYPE, Hazard.CAST]),
    "a number that becomes a text": (NUMBER, TEXT, []),
}


@pytest.mark.parametrize("flag", ["is_unique", "is_indexed"])
@pytest.mark.parametrize("what", LENGTHS)
def test_values_are_measured_for_an_index_where_one_may_be_too_long_for_it(
    live: Snapshot, what: str, flag: str
) -> None:
    before, now, wanted = LENGTHS[what]
    server = with_values(live, "station.code", before)
    edits = [Edit(path, None, value) for path, value in now.items()] if now != before else []
    index = Edit(("schema", flag), False, True)
    difference = SchemaDiff((Change(Action.CHANGE, ItemKind.FIELD, "station", "code", edits=(*edits, index)),), "hash")
    found = [hazard for hazard in hazards(difference, server) if hazard is not Hazard.UNIQUE]
    assert found == wanted


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"is_nullable": False, "default_value": None}, [Hazard.REQUIRED]),
        ({"is_nullable": False, "default_value": "x"}, []),
        ({"is_nullable": False, "default_value": None, "has_auto_increment": True}, []),
        ({"is_nullable": True, "default_value": None}, []),
        ({"is_unique": True, "default_value": "x"}, [Hazard.ONE_DEFAULT]),
        # One moment for all rows.
        ({"is_unique": True, "default_value": "CURRENT_TIMESTAMP"}, [Hazard.ONE_DEFAULT]),
        ({"is_unique": True, "default_value": "gen_random_uuid()"}, []),
    ],
)
def test_a_new_field_that_is_required_or_unique_is_counted_against_the_rows(
    live: Snapshot, schema: dict[str, object], wanted: list[Hazard]
) -> None:
    entry = {"collection": "country", "field": "iso", "type": "string", "meta": {}, "schema": schema}
    change = Change(Action.ADD, ItemKind.FIELD, "country", "iso", after=entry)
    assert risks_of(SchemaDiff((change,), "hash"), live) == [Risk(hazard, "country", "iso") for hazard in wanted]
    # A table that is new has no rows.
    elsewhere = replace(change, collection="zone", after={**entry, "collection": "zone"})
    assert risks_of(SchemaDiff((elsewhere,), "hash"), live) == []


def test_a_new_relation_is_counted_against_the_rows_that_refer_to_nothing(live: Snapshot) -> None:
    key = {"table": "station", "column": "code", "foreign_key_table": "zone", "foreign_key_column": "key"}
    change = Change(Action.ADD, ItemKind.RELATION, "station", "code", after={"schema": key})
    expected = [Risk(Hazard.REFERENCE, "station", "code", refers=("zone", "key"))]
    assert risks_of(SchemaDiff((change,), "hash"), live) == expected
    # Without a foreign key, or with a table that is new, nothing is in the way.
    for other in (replace(change, after={"schema": None}), replace(change, collection="zone")):
        assert risks_of(SchemaDiff((other,), "hash"), live) == []


@pytest.mark.parametrize(
    ("edit", "does"),
    [
        *((edit, True) for edit in ("collection_removed", "field_removed", "column_to_alias", "length_shrinks")),
        *((edit, True) for edit in ("nullable_changed", "type_string_to_text", "widened_integer_to_text")),
        *((edit, False) for edit in ("collection_added", "field_added", "collection_changed", "note_changed")),
        *((edit, False) for edit in ("relation_removed", "on_delete_changed", "special_changed")),
    ],
)
def test_what_alters_a_column_asks_what_of_postgresql_needs_it(
    captured: Captured, live: Snapshot, edit: str, does: bool
) -> None:
    assert any(alters(change, live) for change in captured(edit).changes) is does


def test_a_note_alters_a_column_with_a_default_that_directus_sends_again(live: Snapshot) -> None:
    note = edit_of("station.code", NOTE, "x")
    texts, again = (with_values(live, "station.code", {DEFAULT: "[]", TYPE: kind}) for kind in ("string", "json"))
    assert (alters(note, live), alters(note, texts), alters(note, again)) == (False, False, True)
    # Not where it has no column, nor one that the server lacks.
    assert not alters(note, with_values(again, "station.code", {("schema",): None}))
    assert not alters(replace(note, field="nothing"), again)


def test_a_key_that_numbers_its_rows_is_a_column_like_any_other_when_it_goes(live: Snapshot) -> None:
    # Directus compares nothing of its column, and drops it.
    entry = live.section("fields")["country", "id"]
    assert entry["schema"]["has_auto_increment"] is True
    removal = SchemaDiff((Change(Action.REMOVE, ItemKind.FIELD, "country", "id", before=entry),), "hash")
    assert hazards(removal, live) == [Hazard.COLUMN]
    # Also where it becomes an alias that kept its column in the file.
    alias = SchemaDiff((edit_of("country.id", TYPE, "alias", before="integer"),), "hash")
    assert hazards(alias, live) == [Hazard.COLUMN]


def test_tables_and_columns_that_go_are_doomed(captured: Captured, live: Snapshot) -> None:
    for edit, hazard in {
        "collection_removed": Hazard.TABLE,
        "field_removed": Hazard.COLUMN,
        "length_shrinks": Hazard.RETYPE,
    }.items():
        plan = decided(captured(edit), live, live, rows=37)
        (item,) = plan.items
        assert [risk.hazard for risk in item.verdict.doomed] == [hazard]
        assert plan.rows_at_risk == 37
        # What nobody counted is nothing.
        assert guard.decide(plan.difference, [item.verdict], {}, NOBODY).rows_at_risk == 0
    assert decided(captured("unique_added"), live, live).items[0].verdict.doomed == ()
