"""Reading seed files: values, and errors with file and line that need no database."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from directus_sync.errors import InvalidSeed
from directus_sync.seed import reading
from directus_sync.seed.rows import rows
from directus_sync.seed.values import Literal
from tests.seeds import KNOWN, a_file

EVENT = "events:\n- club: {slug: a}\n  slug: b\n"

REFUSED = {
    "a list": ("- clubs", "a.yaml:1", "must be a mapping of collections"),
    "a collection without a list": ("clubs:\n  slug: a", "a.yaml:1", "must be a list of rows"),
    "a row that is a text": ("clubs:\n- a", "a.yaml:2", "must be a mapping of fields"),
    "an unknown collection": ("\nteams:\n- name: a", "a.yaml:3", "no collection teams"),
    "an unknown field": ("clubs:\n- slug: a\n  colour: b", "a.yaml:3", "clubs has no field colour"),
    "an id": ("clubs:\n- id: 1\n  slug: a", "a.yaml:2", "clubs.id can't be set by a file: files have no ids"),
    "an alias field": (EVENT + "  shown: []", "a.yaml:4", "shows rows of another collection"),
    "a row without its key": ("clubs:\n- name: a", "a.yaml:2", "a row of clubs lacks its key: slug"),
    "a key that is null": ("clubs:\n- slug: null", "a.yaml:2", "a row of clubs lacks its key: slug"),
    "a collection without a key": ("cars:\n- plate: a", "a.yaml:2", "rows of cars have no key"),
    "a key for a collection that has one": (
        "$keys: {clubs: [name]}",
        "a.yaml:1",
        "already declares the key of clubs: (slug)",
    ),
    "a key with an unknown field": ("$keys: {cars: [wheels]}", "a.yaml:1", "cars has no field wheels"),
    "a key that is not a list": ("$keys: {cars: plate}", "a.yaml:1", "$keys of cars must be a list of fields"),
    "an empty key": ("$keys: {cars: []}", "a.yaml:1", "must be a list of fields"),
    "an id in place of a reference": ("events:\n- club: 7\n  slug: b", "a.yaml:2", "events.club refers to clubs"),
    "an empty reference": ("events:\n- club: {}\n  slug: b", "a.yaml:2", "must name a row by its fields"),
    "a reference by id": ("events:\n- club: {id: 7}\n  slug: b", "a.yaml:2", "clubs.id can't identify a row"),
    "a reference by a secret": (
        "$keys: {cars: [plate]}\ncars:\n- {plate: a, owner: {token: x}}",
        "a.yaml:3",
        "directus_users.token can't identify a row: users from a file must not be able to log in",
    ),
    "a reference by null": ("events:\n- club:\n    slug:\n  slug: b", "a.yaml:3", "can't look for null"),
    "a reference by a wrong field": ("events:\n- club:\n    nmae: a\n  slug: b", "a.yaml:3", "no field nmae"),
    "a mapping for a field that is not a reference": (
        "clubs:\n- slug: {a: b}",
        "a.yaml:2",
        "clubs.slug must be one value",
    ),
    "a place that is not GeoJSON": (EVENT + "  place: here", "a.yaml:4", "events.place must be GeoJSON"),
    "tags that are not a list": (EVENT + "  tags: fast", "a.yaml:4", "events.tags must be a list"),
    "a tag with a comma": (EVENT + "  tags: ['a,b']", "a.yaml:4", "a list of texts without commas"),
    "a tag that is null": (EVENT + "  tags: [a, null]", "a.yaml:4", "a list of texts without commas"),
    "a user who could log in": ("directus_users:\n- {email: a@b.c, status: active}", "a.yaml:2", "can't be active"),
    "a row of Directus's own": ("directus_roles:\n- name: a", "a.yaml:2", "a file can't have rows of directus_roles"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_invalid_file_is_refused_with_its_line(case: str) -> None:
    text, where, what = REFUSED[case]
    with pytest.raises(InvalidSeed) as caught:
        rows([a_file(text)], KNOWN)
    assert (str(caught.value.where).startswith(where), what in caught.value.what) == (True, True), caught.value


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidSeed, match="can't be read") as caught:
        reading.read(tmp_path / "none.yaml")
    assert str(tmp_path) in str(caught.value.where)


@pytest.mark.parametrize("text", ["", "# nothing yet", "clubs: []"])
def test_a_file_can_have_no_rows(text: str) -> None:
    assert rows([a_file(text)], KNOWN) == ()


@pytest.mark.parametrize("text", ["no", "007", "2026-06-06", "12:30", "1_000", "0x1F", "true", "1.10"])
def test_a_value_is_read_as_it_is_written(text: str) -> None:
    (row,) = rows([a_file(f"clubs:\n- slug: {text}")], KNOWN)
    assert row.label == text


def json_of(text: str) -> object:
    (row,) = rows([a_file(f"{EVENT}  options: {text}")], KNOWN)
    return getattr(row.given["options"], "plain", None)


def test_json_in_a_file_has_only_values_that_json_knows() -> None:
    assert json_of('{a: no, b: 2026-06-06, c: true, d: 1.5, e: "1", f: , g: [12:30, 0x1F, 1_000, True]}') == {
        "a": "no", "b": "2026-06-06", "c": True, "d": 1.5, "e": "1", "f": None, "g": ["12:30", "0x1F", "1_000", "True"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["1e3", "-1.5E-7", "9007199254740993", "-0.1", "123456789012345678901234567890", "1e400", "+1", ".5"]
)
def test_a_number_in_json_keeps_its_value(text: str) -> None:
    assert json_of(f"{{n: [{text}]}}") == {"n": [Decimal(text)]}


def test_items_of_a_list_are_kept_as_they_are_written() -> None:
    (row,) = rows([a_file(EVENT + "  tags: [fast, 2026, 1e3, 1.50]")], KNOWN)
    assert row.given["tags"] == Literal("", "fast,2026,1e3,1.50")
