"""Names of indexes, keys and sequences: as Directus and PostgreSQL make them, and after a rename."""

from __future__ import annotations

import pytest

from directus_sync.schema.default_names import directus_name, sequence_name
from directus_sync.schema.renames.rewriting import Rename
from migrations.operations.names import Named, new_name

LONG = "organization_participation_registrations_of_the_season"
COLUMN = "emergency_contact_phone_number"


@pytest.mark.parametrize(
    ("kind", "table", "name"),
    [
        ("unique", "vehicles", "vehicles_emergency_contact_phone_number_unique"),
        ("unique", LONG, "organization_participation_registrations_of_th__3eac0ed4_unique"),
        ("index", LONG, "organization_participation_registrations_of_the__51384691_index"),
        ("foreign", LONG, "organization_participation_registrations_o__7f865e31_foreign"),
        ("foreign", "Hunt.a-b", "hunt_a_b_emergency_contact_phone_number_foreign"),
        ("foreign", "Événements-2026", "événements_2026_emergency_contact_phone_number_foreign"),
    ],
)
def test_a_name_is_made_as_directus_makes_it(kind: str, table: str, name: str) -> None:
    """Directus 11.17.4 printed the expected names."""
    assert directus_name(kind, table, COLUMN) == name


@pytest.mark.parametrize(
    ("table", "column", "name"),
    [
        ("entries", "id", "entries_id_seq"),
        (LONG, "id", "organization_participation_registrations_of_the_season_id_seq"),
        (LONG, COLUMN, "organization_participation_re_emergency_contact_phone_numbe_seq"),
        ("événements" * 4, f"{COLUMN}é", "événementsévénementsévé_emergency_contact_phone_numbe_seq"),
    ],
)
def test_a_sequence_is_named_as_postgresql_names_it(table: str, column: str, name: str) -> None:
    """PostgreSQL 17 made the expected names."""
    assert sequence_name(table, column) == name


@pytest.mark.parametrize(
    ("name", "columns", "renamed"),
    [
        ("entries_pkey", ("id",), "registrations_pkey"),
        ("entries_class_id_foreign", ("class_id",), "registrations_class_id_foreign"),
        ("entries_event_id_race_number_key", ("event_id", "race_number"), "registrations_event_id_race_number_key"),
        ("entries_anything", (), "registrations_anything"),
        ("busy_entries_idx", ("event_id",), None),
        ("entriesx_idx", ("event_id",), None),
        (f"entries_{'x' * 50}", (), None),
    ],
)
def test_renaming_a_collection_renames_the_start_of_a_name(
    name: str, columns: tuple[str, ...], renamed: str | None
) -> None:
    assert new_name(Named("index", name, columns), Rename("entries", "registrations")) == renamed


@pytest.mark.parametrize(
    ("name", "columns", "renamed"),
    [
        ("vehicles_make_unique", ("make",), "vehicles_manufacturer_unique"),
        ("vehicles_make_key", ("make",), "vehicles_manufacturer_key"),
        ("vehicles_make_model_key", ("make", "model"), "vehicles_manufacturer_model_key"),
        ("vehicles_model_make_key", ("model", "make"), "vehicles_model_manufacturer_key"),
        ("vehicles_make_lower_idx", ("make",), "vehicles_manufacturer_lower_idx"),
        ("vehicles_model_make_check", ("make", "model"), "vehicles_model_manufacturer_check"),
        ("vehicles_make_make_check", ("make", "model"), None),
        ("vehicles_model_key", ("model",), None),
        ("vehicles_make_of_something_else", ("model",), None),
        ("vehicles_remake_key", ("make",), None),
        ("own_make_key", ("make",), None),
        ("vehicles_pkey", ("make",), "vehicles_pkey"),
    ],
)
def test_renaming_a_field_renames_the_part_at_the_position_of_its_column(
    name: str, columns: tuple[str, ...], renamed: str | None
) -> None:
    assert new_name(Named("index", name, columns), Rename("vehicles", "manufacturer", "make")) == renamed


def test_a_name_that_directus_had_cut_is_made_and_cut_again() -> None:
    old = Named("index", directus_name("unique", LONG, COLUMN), (COLUMN,))
    assert new_name(old, Rename(LONG, "entries")) == "entries_emergency_contact_phone_number_unique"
    back = Named("index", "entries_emergency_contact_phone_number_unique", (COLUMN,))
    assert new_name(back, Rename("entries", LONG)) == old.name


@pytest.mark.parametrize(("length", "fits"), [(54, True), (55, False)])
@pytest.mark.parametrize("letter", ["e", "é"])
def test_a_new_name_is_at_most_63_bytes_long(letter: str, length: int, fits: bool) -> None:
    # PostgreSQL counts bytes, and é has two.
    table = (letter * length)[: length // len(letter.encode())] + "x" * (length % len(letter.encode()))
    found = new_name(Named("index", "entries_anything", ()), Rename("entries", table))
    assert found == (f"{table}_anything" if fits else None)


def test_the_parts_of_a_sequence_s_name_are_cut_by_bytes() -> None:
    # Each part has at most 29 bytes, which would cut the last é in half.
    assert sequence_name("é" * 20, "é" * 20) == f"{'é' * 14}_{'é' * 14}_seq"
    assert sequence_name("a" * 29, "b" * 29) == f"{'a' * 29}_{'b' * 29}_seq"
    assert sequence_name("a" * 30, "b" * 29) == f"{'a' * 29}_{'b' * 29}_seq"
    assert sequence_name("a" * 29, "b" * 30) == f"{'a' * 29}_{'b' * 29}_seq"


@pytest.mark.parametrize(("kind", "length"), [("unique", 63), ("index", 63), ("foreign", 60)])
def test_directus_cuts_a_name_that_is_one_character_too_long(kind: str, length: int) -> None:
    table = "é" * (length - len(f"_b_{kind}"))
    assert directus_name(kind, table, "b") == f"{table}_b_{kind}"
    cut = directus_name(kind, f"{table}é", "b")
    assert len(cut) == length
    assert cut.endswith(f"_{kind}")
    assert "__" in cut
