"""For which changes the guard counts rows, and which changes it refuses because of rows.

The diffs were captured from Directus 11.17.4.
"""

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
# Each was applied to Directus 11.17.4, which kept every value as text.
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
# For each change: what is counted, and the type that the values must fit.
COUNTED = {
    "collection_removed": [(Hazard.TABLE, "")],
    "field_removed": [(Hazard.COLUMN, "")],
    "column_to_alias": [(Hazard.COLUMN, "")],
    "unique_added": [(Hazard.UNIQUE, "")],
    "length_shrinks": [(Hazard.RETYPE, "character varying(1)")],
    # For 1000 -> null Directus 11.17.4 answered 204, made varchar(255) and cut a value of 900 characters.
    "length_removed": [(Hazard.RETYPE, "character varying(255)")],
    "scale_shrinks": [(Hazard.RETYPE, "numeric(8,0)"), (Hazard.CAST, "numeric(8,0)")],
    "precision_shrinks": [(Hazard.RETYPE, "numeric(4,2)"), (Hazard.CAST, "numeric(4,2)")],
    "type_text_to_string": [(Hazard.RETYPE, "character varying(255)")],
    "type_integer_to_short_string": [(Hazard.RETYPE, "character varying(2)")],
    "type_uuid_to_short_string": [(Hazard.RETYPE, "character varying(8)")],
    "type_string_to_integer": [(Hazard.RETYPE, "integer"), (Hazard.CAST, "integer")],
}


@pytest.mark.parametrize("edit", [*HARMLESS, *WIDENED])
def test_a_change_that_loses_nothing_is_accepted_without_counting_rows(
    captured: Captured, live: Snapshot, edit: str
) -> None:
    assert hazards(captured(edit), live) == []
    assert rules(decided(captured(edit), live, live)) == []


@pytest.mark.parametrize("edit", LOSSY)
def test_a_lossy_change_is_accepted_only_if_every_value_fits(captured: Captured, live: Snapshot, edit: str) -> None:
    ((_, rule),) = rules(decided(captured(edit), live, live, rows=1))
    assert rule is LOSSY[edit]
    assert rules(decided(captured(edit), live, live, rows=0)) == []


@pytest.mark.parametrize("edit", COUNTED)
def test_the_rows_that_a_change_puts_at_risk_are_counted(captured: Captured, live: Snapshot, edit: str) -> None:
    (change,) = captured(edit).changes
    assert risks_of(captured(edit), live) == [
        Risk(hazard, change.collection, change.field, target) for hazard, target in COUNTED[edit]
    ]


JSONB = {TYPE: "json", DATA_TYPE: "jsonb"}


@pytest.mark.parametrize(
    ("column", "path", "value", "wanted"),
    [
        # Directus exports character varying without a length as length -5.
        ({LENGTH: -5}, LENGTH, 255, [Hazard.RETYPE]),
        # Directus 11.17.4 makes varchar(255) for a hash, no matter which length the snapshot has.
        ({LENGTH: 1000}, TYPE, "hash", [Hazard.RETYPE]),
        ({LENGTH: 1000, TYPE: "hash"}, NULLABLE, False, [Hazard.RETYPE, Hazard.NOT_NULL]),
        # For a geometry, Directus exports the shape as data type.
        ({TYPE: "geometry.Point", DATA_TYPE: "POINT"}, NULLABLE, True, []),
        # A field that becomes an alias loses its column even if the file still has the column.
        ({TYPE: "text"}, TYPE, "alias", [Hazard.COLUMN]),
        # A new note alters a column that Directus did not make if its default is not a text.
        ({**JSONB, DEFAULT: "abc"}, NOTE, "x", [Hazard.RETYPE]),
        ({**JSONB, DEFAULT: None}, NOTE, "x", []),
        ({**JSONB, DEFAULT: "abc", TYPE: "text"}, NOTE, "x", []),
        ({**JSONB, DEFAULT: True, TYPE: "boolean"}, NOTE, "x", [Hazard.RETYPE]),
    ],
)
def test_the_risks_of_a_change_depend_on_the_existing_column(
    live: Snapshot, column: dict[tuple[str, ...], object], path: tuple[str, ...], value: object, wanted: list[Hazard]
) -> None:
    server = with_values(live, "station.code", column)
    # A flag is_nullable changes from its opposite.
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
def test_values_are_counted_only_if_a_field_becomes_required_or_unique(
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


# A value in an index may have 2,692 bytes, and a character up to four.
TEXT: Column = {DATA_TYPE: "text", LENGTH: None, TYPE: "text"}
NUMBER: Column = {DATA_TYPE: "integer", TYPE: "integer"}
LENGTHS: dict[str, tuple[Column, Column, list[Hazard]]] = {
    "a text": (TEXT, TEXT, [Hazard.INDEX]),
    "a string that may be too long": (string(674), string(674), [Hazard.INDEX]),
    "a string without a limit": (string(-5), string(-5), [Hazard.INDEX]),
    "a string that always fits": (string(673), string(673), []),
    "a text that becomes a string": (TEXT, string(100), [Hazard.RETYPE]),
    "a text that becomes a string that may be too long": (TEXT, string(674), [Hazard.RETYPE, Hazard.INDEX]),
    "a string that becomes a text": (string(100), TEXT, []),
    "a text that becomes a number": (TEXT, NUMBER, [Hazard.RETYPE, Hazard.CAST]),
    "a number that becomes a text": (NUMBER, TEXT, []),
}


@pytest.mark.parametrize("flag", ["is_unique", "is_indexed"])
@pytest.mark.parametrize("what", LENGTHS)
def test_values_are_measured_if_one_may_be_too_long_for_an_index(live: Snapshot, what: str, flag: str) -> None:
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
        ({"is_unique": True, "default_value": "x"}, [Hazard.SHARED_DEFAULT]),
        # All rows would get the same time.
        ({"is_unique": True, "default_value": "CURRENT_TIMESTAMP"}, [Hazard.SHARED_DEFAULT]),
        ({"is_unique": True, "default_value": "gen_random_uuid()"}, []),
    ],
)
def test_the_rows_of_a_collection_are_counted_for_a_new_required_or_unique_field(
    live: Snapshot, schema: dict[str, object], wanted: list[Hazard]
) -> None:
    entry = {"collection": "country", "field": "iso", "type": "string", "meta": {}, "schema": schema}
    change = Change(Action.ADD, ItemKind.FIELD, "country", "iso", after=entry)
    assert risks_of(SchemaDiff((change,), "hash"), live) == [Risk(hazard, "country", "iso") for hazard in wanted]
    # A new table has no rows.
    elsewhere = replace(change, collection="zone", after={**entry, "collection": "zone"})
    assert risks_of(SchemaDiff((elsewhere,), "hash"), live) == []


def test_rows_that_refer_to_nothing_are_counted_for_a_new_relation(live: Snapshot) -> None:
    key = {"table": "station", "column": "code", "foreign_key_table": "zone", "foreign_key_column": "key"}
    change = Change(Action.ADD, ItemKind.RELATION, "station", "code", after={"schema": key})
    expected = [Risk(Hazard.REFERENCE, "station", "code", refers=("zone", "key"))]
    assert risks_of(SchemaDiff((change,), "hash"), live) == expected
    # A relation without a foreign key, or of a new table, needs no count.
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
def test_a_change_reports_whether_it_alters_or_drops_columns(
    captured: Captured, live: Snapshot, edit: str, does: bool
) -> None:
    assert any(alters(change, live) for change in captured(edit).changes) is does


def test_a_note_alters_a_column_only_if_directus_sends_its_default_again(live: Snapshot) -> None:
    note = edit_of("station.code", NOTE, "x")
    texts, again = (with_values(live, "station.code", {DEFAULT: "[]", TYPE: kind}) for kind in ("string", "json"))
    assert (alters(note, live), alters(note, texts), alters(note, again)) == (False, False, True)
    # A field without a column, or one that Directus lacks, alters nothing.
    assert not alters(note, with_values(again, "station.code", {("schema",): None}))
    assert not alters(replace(note, field="nothing"), again)


def test_an_auto_incremented_key_that_is_removed_loses_its_column(live: Snapshot) -> None:
    # Directus never compares this column, but drops it with the field.
    entry = live.section("fields")["country", "id"]
    assert entry["schema"]["has_auto_increment"] is True
    removal = SchemaDiff((Change(Action.REMOVE, ItemKind.FIELD, "country", "id", before=entry),), "hash")
    assert hazards(removal, live) == [Hazard.COLUMN]
    # The same if the field becomes an alias, even if the file still has the column.
    alias = SchemaDiff((edit_of("country.id", TYPE, "alias", before="integer"),), "hash")
    assert hazards(alias, live) == [Hazard.COLUMN]


def test_tables_and_columns_that_lose_data_are_doomed(captured: Captured, live: Snapshot) -> None:
    for edit, hazard in {
        "collection_removed": Hazard.TABLE,
        "field_removed": Hazard.COLUMN,
        "length_shrinks": Hazard.RETYPE,
    }.items():
        plan = decided(captured(edit), live, live, rows=37)
        (item,) = plan.items
        assert [risk.hazard for risk in item.verdict.risks_of_loss] == [hazard]
        assert plan.rows_at_risk == 37
        # Without a count, no rows are at risk.
        assert guard.decide(plan.difference, [item.verdict], {}, NOBODY).rows_at_risk == 0
    assert decided(captured("unique_added"), live, live).items[0].verdict.risks_of_loss == ()
