"""Renames at the limits: names of 63 bytes, and fields and options whose names look like something else."""

from __future__ import annotations

from typing import Any

import pytest

from directus_sync.schema.default_names import directus_name, sequence_name
from directus_sync.schema.renames.rewriting import Model, Rename, Rewriter
from migrations.operations.names import Named, new_name


@pytest.mark.parametrize(("length", "fits"), [(54, True), (55, False)])
@pytest.mark.parametrize("letter", ["e", "é"])
def test_a_new_name_is_at_most_63_bytes_long(letter: str, length: int, fits: bool) -> None:
    # PostgreSQL counts bytes: an é is two of them.
    table = (letter * length)[: length // len(letter.encode())] + "x" * (length % len(letter.encode()))
    found = new_name(Named("index", "entries_anything", ()), Rename("entries", table))
    assert found == (f"{table}_anything" if fits else None)


def test_the_parts_of_a_sequence_s_name_are_cut_by_bytes() -> None:
    # Both parts are 29 bytes at most, and the last é of each would be cut in half.
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


MODEL = Model(
    frozenset({("vehicles", "create"), ("entries", "vehicle"), ("vehicles", "owner")}),
    {("entries", "vehicle"): ("vehicles",)},
)
CREATED = Rename("vehicles", "made", "create")


@pytest.mark.parametrize(
    ("before", "here", "after"),
    [
        ({"create": {"_eq": 1}}, "vehicles", {"made": {"_eq": 1}}),
        ({"vehicle": {"create": {"_eq": 1}}}, "entries", {"vehicle": {"made": {"_eq": 1}}}),
        # Where no field has that name it is the verb of a payload.
        ({"create": [{"create": 1}]}, "entries", {"create": [{"create": 1}]}),
    ],
)
def test_a_field_that_is_called_create_is_no_verb(before: Any, here: str, after: Any) -> None:
    assert Rewriter(CREATED, MODEL).filter(before, (here,), ()) == after


@pytest.mark.parametrize("option", ["filter", "_filter"])
def test_a_filter_among_options_is_rewritten_as_a_filter(option: str) -> None:
    before: Any = {option: {"create": {"_eq": "create"}}}
    assert Rewriter(CREATED, MODEL).options(before, ("vehicles",), ()) == {option: {"made": {"_eq": "create"}}}


@pytest.mark.parametrize(
    ("rename", "after"),
    [
        (Rename("vehicles", "cars"), "$FOLLOW(cars,owner)"),
        (Rename("vehicles", "holder", "owner"), "$FOLLOW(vehicles,holder)"),
        (Rename("entries", "registrations"), "$FOLLOW(vehicles,owner)"),
    ],
)
def test_a_relation_that_is_followed_back_is_renamed(rename: Rename, after: str) -> None:
    before: Any = {"$FOLLOW(vehicles, owner)": {"id": {"_null": True}}}
    assert Rewriter(rename, MODEL).filter(before, ("directus_users",), ()) == {after: {"id": {"_null": True}}}
