"""Every cell of the matrix on a real Directus: each person tries every action on the rows of both clubs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import pytest

from tests.access import matrix, new_rows
from tests.access.clubs import SPARE, labels, row_id
from tests.access.conftest import Clubs, Row, path
from tests.access.matrix import COLLECTIONS, CREATE, DELETE, READ, UPDATE
from tests.access.people import BOTH, CLUBS, FOREIGN_ADMIN, FOREIGN_RIDER, MEMBERS, PEOPLE, STRANGER, Person, visited

Stored = Mapping[str, Mapping[str, Row]]
# People of the other club, with rights that mirror those of this club's members.
MIRRORED = (FOREIGN_ADMIN, FOREIGN_RIDER)
everybody = pytest.mark.parametrize(
    "person", [pytest.param(each, marks=[pytest.mark.slow] * (each in MIRRORED)) for each in PEOPLE], ids=str
)
# Counts follow the same rules as reads, so three people are enough: one with all rows of a club, some, and none.
COUNTING = (BOTH, MEMBERS["participant"], STRANGER)


def allowed(person: Person, collection: str, action: str) -> dict[str, set[str] | None]:
    """Return the ids on which a person has a right, each with the fields that the person can read; None means all."""
    found: dict[str, set[str] | None] = {}
    for club in CLUBS:
        for label in matrix.rows(person, club, collection, action):
            fields = matrix.seen(person, club, collection, label)
            key = row_id(collection, label, club)
            before = found.get(key, set())
            found[key] = None if fields is None or before is None else fields | before
    return found


@everybody
def test_each_person_can_read_exactly_the_expected_rows(guarded_clubs: Clubs, stored: Stored, person: Person) -> None:
    for collection in COLLECTIONS:
        expected = allowed(person, collection, READ)
        asked = {"limit": -1, "meta": "filter_count" if person is BOTH else ""}
        answer = guarded_clubs.as_(person).get(path(collection), params=asked)
        if not person.token:
            assert answer.status_code == 403, collection
            continue
        assert answer.status_code == 200, answer.text
        rows = {row["id"]: row for row in answer.json()["data"]}
        assert names(collection, rows) == names(collection, expected), collection
        if person in COUNTING:
            assert counts(guarded_clubs, person, collection) == right_counts(person, collection, len(rows)), collection
        assert answer.json().get("meta", {}).get("filter_count", len(rows)) == len(rows)
        for key, row in rows.items():
            assert values_of(row) == values_of(stored[collection][key], expected[key]), (collection, key)


@everybody
def test_each_person_can_change_exactly_the_expected_fields(
    guarded_clubs: Clubs, stored: Stored, person: Person
) -> None:
    client = guarded_clubs.as_(person)
    wrong: list[tuple[str, ...]] = []
    for collection in COLLECTIONS:
        for key, fields in changeable(person, collection).items():
            row = stored[collection][key]
            if fields:
                # The values do not change. The test is whether Directus accepts them.
                answer = client.patch(path(collection, key), json={name: value_of(row, name) for name in fields})
                wrong += [] if answer.is_success else [(collection, key, answer.text)]
            for name in forbidden(collection, row, fields):
                answer = client.patch(path(collection, key), json={name: value_of(row, name)})
                wrong += [] if answer.status_code == 403 else [(collection, key, name, answer.text)]
    assert wrong == []


@everybody
def test_each_person_can_delete_exactly_the_expected_rows(guarded_clubs: Clubs, person: Person) -> None:
    client = guarded_clubs.as_(person)
    wrong: list[tuple[str, ...]] = []
    for collection in COLLECTIONS:
        may = allowed(person, collection, DELETE)
        for key in {key for club in visited(person) for key in examples(person, club, collection, DELETE)}:
            with guarded_clubs.kept(collection, key) if key in may else nullcontext():
                answer = client.delete(path(collection, key))
            wrong += [] if answer.status_code == (204 if key in may else 403) else [(collection, key, answer.text)]
    assert wrong == []


@everybody
def test_each_person_can_create_exactly_the_expected_rows(guarded_clubs: Clubs, person: Person) -> None:
    client = guarded_clubs.as_(person)
    wrong: list[tuple[str, ...]] = []
    for collection in COLLECTIONS:
        for club in visited(person):
            may = bool(matrix.rows(person, club, collection, CREATE))
            if collection in {"vehicles", "devices"}:
                # A new vehicle or device belongs to no club yet. The registration is checked separately.
                may = any(matrix.rows(person, one, collection, CREATE) for one in CLUBS)
            with guarded_clubs.without_new(collection) if may else nullcontext():
                answer = client.post(path(collection), json=new_rows.new_row(collection, club))
            refused = answer.status_code == 403 or "FAILED_VALIDATION" in answer.text
            wrong += [] if answer.is_success == may and refused != may else [(collection, club, answer.text)]
    assert wrong == []


def changeable(person: Person, collection: str) -> dict[str, set[str]]:
    """Return the fields that a person can change, for each example row."""
    found: dict[str, set[str]] = {}
    for club in CLUBS:
        for label in labels(collection, club):
            key = row_id(collection, label, club)
            found[key] = found.get(key, set()) | matrix.changed(person, club, collection, label)
    tried = {key for club in visited(person) for key in examples(person, club, collection, UPDATE)}
    return {key: fields for key, fields in found.items() if key in tried}


def examples(person: Person, club: str, collection: str, action: str) -> Iterator[str]:
    """Yield the ids to try: all rows if the person has the right on some of them, otherwise one."""
    found = labels(collection, club)
    may = matrix.rows(person, club, collection, action)
    if may in (set(), set(found)):
        # Prefer a row that nothing refers to, which can be deleted.
        found = next(((label,) for label in (SPARE, "checkpoint") if label in found), found[-1:])
    yield from (row_id(collection, label, club) for label in found)


def forbidden(collection: str, row: Row, fields: set[str]) -> Iterator[str]:
    """Yield fields that a person must not change: those that other roles can change, and one that nobody can."""
    unwritable = sorted(row.keys() - writable(collection) - LISTS - {"id"})
    yield from ([*sorted(writable(collection) - fields), *unwritable[:1]] if fields else unwritable[:1])


def writable(collection: str) -> set[str]:
    """Return the fields of a collection that at least one role can change."""
    return {name for (found, _), fields in matrix.UPDATES.items() if found == collection for name in fields.split()}


def test_no_policy_names_a_field_that_nobody_may_change(guarded_clubs: Clubs) -> None:
    """Directus refuses such fields for every row, so trying one of them is enough."""
    named = guarded_clubs.as_(STRANGER).get("/permissions/me").json()["data"]
    for collection in COLLECTIONS:
        fields = set(named[collection].get("update", {}).get("fields", []))
        assert fields - LISTS == writable(collection), collection


def value_of(row: Row, name: str) -> Any:
    return row.get(name) if name != "password" else "new password"


def counts(guarded_clubs: Clubs, person: Person, collection: str) -> tuple[int, int]:
    """Return the number of rows that a person counts, and the number of distinct ones."""
    asked = {"aggregate[count]": "*", "aggregate[countDistinct]": "id"}
    (found,) = guarded_clubs.as_(person).get(path(collection), params=asked).json()["data"]
    return int(found["count"]), int(found["countDistinct"]["id"])


def right_counts(person: Person, collection: str, number: int) -> tuple[int, int]:
    """Return the expected counts. Directus counts a row of both clubs twice for a member of both."""
    twice = person is BOTH and collection in {"vehicles", "directus_users"}
    return number + twice, number


def values_of(row: Row, fields: set[str] | None = None) -> Row:
    """Return the values of a row that are not null, without lists of other rows. fields: only these."""
    return {
        name: value
        for name, value in row.items()
        if value not in (None, []) and (fields is None or name in fields) and name not in LISTS
    }


LISTS = {
    "organization_users", "organization_vehicles", "organization_devices", "events", "entry_crew", "entry_devices",
    "segments", "waypoints", "classes", "entries", "stages", "geofences", "speed_limit_zones", "penalty_formulas",
    "entry_segment_starts", "entry_crossings", "entry_penalties", "stage_results",
}  # fmt: skip


def names(collection: str, keys: Any) -> set[str]:
    """Return ids as club and label, for readable messages."""
    known = {row_id(collection, label, club): f"{club} {label}" for club in CLUBS for label in labels(collection, club)}
    return {known.get(key, key) for key in keys}
