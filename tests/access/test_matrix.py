"""Every cell of the matrix on a real Directus: everybody tries every action on the rows of both clubs."""

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
# Of the other club: the same rights on other rows, as its administrator of this one has there.
MIRRORED = (FOREIGN_ADMIN, FOREIGN_RIDER)
everybody = pytest.mark.parametrize(
    "person", [pytest.param(each, marks=[pytest.mark.slow] * (each in MIRRORED)) for each in PEOPLE], ids=str
)
# A count is judged as what is read. Here of all rows of a club, of some, and of none.
COUNTING = (BOTH, MEMBERS["participant"], STRANGER)


def allowed(person: Person, collection: str, action: str) -> dict[str, set[str] | None]:
    """Return the ids on which the person has the right, each with the fields that he reads, None for all."""
    found: dict[str, set[str] | None] = {}
    for club in CLUBS:
        for label in matrix.rows(person, club, collection, action):
            fields = matrix.seen(person, club, collection, label)
            key = row_id(collection, label, club)
            before = found.get(key, set())
            found[key] = None if fields is None or before is None else fields | before
    return found


@everybody
def test_everybody_reads_his_rows_and_no_other(guarded_clubs: Clubs, stored: Stored, person: Person) -> None:
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
            assert counts(guarded_clubs, person, collection) == counted(person, collection, len(rows)), collection
        assert answer.json().get("meta", {}).get("filter_count", len(rows)) == len(rows)
        for key, row in rows.items():
            assert shown(row) == shown(stored[collection][key], expected[key]), (collection, key)


@everybody
def test_everybody_changes_his_fields_of_his_rows_and_no_other(
    guarded_clubs: Clubs, stored: Stored, person: Person
) -> None:
    client = guarded_clubs.as_(person)
    wrong: list[tuple[str, ...]] = []
    for collection in COLLECTIONS:
        for key, fields in changeable(person, collection).items():
            row = stored[collection][key]
            if fields:
                # The values stay: what counts is whether they are taken.
                answer = client.patch(path(collection, key), json={name: value_of(row, name) for name in fields})
                wrong += [] if answer.is_success else [(collection, key, answer.text)]
            for name in forbidden(collection, row, fields):
                answer = client.patch(path(collection, key), json={name: value_of(row, name)})
                wrong += [] if answer.status_code == 403 else [(collection, key, name, answer.text)]
    assert wrong == []


@everybody
def test_everybody_deletes_his_rows_and_no_other(guarded_clubs: Clubs, person: Person) -> None:
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
def test_everybody_creates_where_his_role_may_and_nowhere_else(guarded_clubs: Clubs, person: Person) -> None:
    client = guarded_clubs.as_(person)
    wrong: list[tuple[str, ...]] = []
    for collection in COLLECTIONS:
        for club in visited(person):
            may = bool(matrix.rows(person, club, collection, CREATE))
            if collection in {"vehicles", "devices"}:
                # Of a club as soon as it is registered there; that is judged then.
                may = any(matrix.rows(person, one, collection, CREATE) for one in CLUBS)
            with guarded_clubs.without_new(collection) if may else nullcontext():
                answer = client.post(path(collection), json=new_rows.new_row(collection, club))
            refused = answer.status_code == 403 or "FAILED_VALIDATION" in answer.text
            wrong += [] if answer.is_success == may and refused != may else [(collection, club, answer.text)]
    assert wrong == []


def changeable(person: Person, collection: str) -> dict[str, set[str]]:
    """Return the fields that the person may change of each row that stands for others."""
    found: dict[str, set[str]] = {}
    for club in CLUBS:
        for label in labels(collection, club):
            key = row_id(collection, label, club)
            found[key] = found.get(key, set()) | matrix.changed(person, club, collection, label)
    tried = {key for club in visited(person) for key in examples(person, club, collection, UPDATE)}
    return {key: fields for key, fields in found.items() if key in tried}


def examples(person: Person, club: str, collection: str, action: str) -> Iterator[str]:
    """Yield the rows to try: where the person has the right on some, all of them, else one."""
    found = labels(collection, club)
    may = matrix.rows(person, club, collection, action)
    if may in (set(), set(found)):
        # One that nothing refers to, so that it can be deleted.
        found = next(((label,) for label in (SPARE, "checkpoint") if label in found), found[-1:])
    yield from (row_id(collection, label, club) for label in found)


def forbidden(collection: str, row: Row, fields: set[str]) -> Iterator[str]:
    """Yield fields that a person must not change: those that somebody else may, and one that nobody may."""
    nobody_s = sorted(row.keys() - somebody_s(collection) - LISTS - {"id"})
    yield from [*sorted(somebody_s(collection) - fields), *nobody_s[:1]] if fields else nobody_s[:1]


def somebody_s(collection: str) -> set[str]:
    """Return the fields of a collection that any role may change."""
    return {name for (found, _), fields in matrix.UPDATES.items() if found == collection for name in fields.split()}


def test_no_policy_names_a_field_that_nobody_may_change(guarded_clubs: Clubs) -> None:
    """Directus refuses those whatever the row. So the fields that are tried one by one are the others."""
    named = guarded_clubs.as_(STRANGER).get("/permissions/me").json()["data"]
    for collection in COLLECTIONS:
        fields = set(named[collection].get("update", {}).get("fields", []))
        assert fields - LISTS == somebody_s(collection), collection


def value_of(row: Row, name: str) -> Any:
    return row.get(name) if name != "password" else "new password"


def counts(guarded_clubs: Clubs, person: Person, collection: str) -> tuple[int, int]:
    """Return how many rows the person counts, and how many different ones."""
    asked = {"aggregate[count]": "*", "aggregate[countDistinct]": "id"}
    (found,) = guarded_clubs.as_(person).get(path(collection), params=asked).json()["data"]
    return int(found["count"]), int(found["countDistinct"]["id"])


def counted(person: Person, collection: str, number: int) -> tuple[int, int]:
    """Return the counts to be expected. Directus counts a row of two clubs twice for who is a member of both."""
    twice = person is BOTH and collection in {"vehicles", "directus_users"}
    return number + twice, number


def shown(row: Row, fields: set[str] | None = None) -> Row:
    """Return what a row tells: what is not null, of the fields given. Lists of other rows are rows of their own."""
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
    """Return ids as club and label, for messages that can be read."""
    known = {row_id(collection, label, club): f"{club} {label}" for club in CLUBS for label in labels(collection, club)}
    return {known.get(key, key) for key in keys}
