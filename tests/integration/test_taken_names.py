"""Names that a push needs and PostgreSQL uses for something else, unless the push frees them in time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from directus_sync.errors import NameTaken
from directus_sync.postgres import database
from directus_sync.probes import taken_names
from directus_sync.schema.diff import Action, Change, Edit, ItemKind
from directus_sync.schema.snapshot import Snapshot
from tests.conftest import Copying, Tool

LIVE: Final = Snapshot(b"", "Directus", "11", {"collections": {}, "fields": {}, "relations": {}})
# The tables that already exist.
TABLES: Final = """
DROP TABLE IF EXISTS t, x_a, x;
CREATE TABLE x (id integer PRIMARY KEY, a_b text); CREATE INDEX x_a_b_index ON x (a_b);
CREATE TABLE x_a (id integer PRIMARY KEY, b text);
CREATE TABLE t (id integer PRIMARY KEY, f text, r integer)"""


@pytest.fixture(scope="module")
def tool(copied: Copying) -> Iterator[Tool]:
    """The tool, on one database for all tests. Each test creates its own tables."""
    with copied("bootstrapped") as found:
        yield Tool(found)


def field(action: Action, collection: str, name: str, **schema: object) -> Change:
    return whole(action, ItemKind.FIELD, collection, name, {"schema": schema or {"name": name}})


def collection(action: Action, name: str) -> Change:
    return whole(action, ItemKind.COLLECTION, name, None, {"schema": {"name": name}})


def whole(action: Action, kind: ItemKind, collection: str, name: str | None, entry: dict[str, object]) -> Change:
    if action is Action.ADD:
        return Change(action, kind, collection, name, after=entry)
    return Change(action, kind, collection, name, before=entry)


def edited(collection: str, name: str, flag: str, *, now: bool = True) -> Change:
    return Change(Action.CHANGE, ItemKind.FIELD, collection, name, edits=(Edit(("schema", flag), not now, now),))


def related(collection: str, name: str) -> Change:
    entry = {"schema": {"table": collection, "column": name}}
    return Change(Action.ADD, ItemKind.RELATION, collection, name, after=entry)


def taken(tool: Tool, *changes: Change) -> str:
    """Return the objects in the way of the changes, or an empty text."""
    with database.connect(tool.settings, "test") as connection:
        try:
            taken_names.require_free_names(connection, changes, LIVE)
        except NameTaken as error:
            return str(error.where)
    return ""


ADDED: Final = field(Action.ADD, "x_a", "b", is_indexed=True)
X_GOES: Final = collection(Action.REMOVE, "x")
A_B_GOES: Final = field(Action.REMOVE, "x", "a_b", is_indexed=True)
INDEX: Final = "index x_a_b_index, for the index of x_a.b"
# By case, the changes of a push and the expected message. Directus adds collections first, and changes fields before
# it removes any.
PUSHES: Final[dict[str, tuple[tuple[Change, ...], str]]] = {
    "an added field": ((ADDED,), INDEX),
    "a collection goes before a field is added": ((ADDED, X_GOES), ""),
    "a field goes before another is added": ((ADDED, A_B_GOES), ""),
    "an index goes before a field is added": ((ADDED, edited("x", "a_b", "is_indexed", now=False)), ""),
    "an index goes after a collection is made": (
        (collection(Action.ADD, "x_a"), ADDED, edited("x", "a_b", "is_indexed", now=False)),
        INDEX,
    ),
    "another index goes": ((ADDED, edited("x", "a_b", "is_unique", now=False)), INDEX),
    "another field goes": ((ADDED, field(Action.REMOVE, "x", "id")), INDEX),
    "an alias goes": ((ADDED, Change(Action.REMOVE, ItemKind.FIELD, "x", "a_b", before={"schema": None})), INDEX),
    "a collection goes before a field is changed": ((edited("x_a", "b", "is_indexed"), X_GOES), ""),
    "a field goes after another is changed": ((edited("x_a", "b", "is_indexed"), A_B_GOES), INDEX),
    "a collection goes after another is made": ((collection(Action.ADD, "x_a"), ADDED, X_GOES), INDEX),
}


@pytest.mark.parametrize("what", PUSHES)
def test_a_name_counts_as_free_only_if_directus_drops_its_owner_first(tool: Tool, what: str) -> None:
    changes, said = PUSHES[what]
    tool.database.execute(TABLES)
    if collection(Action.ADD, "x_a") in changes:
        tool.database.execute("DROP TABLE x_a")
    else:
        # The push adds this column.
        tool.database.execute("ALTER TABLE x_a DROP b")
    found = taken(tool, *changes)
    assert found.splitlines()[1:] == ([said] if said else [])


# By case, a constraint of the table t, a change, and the expected message.
CONSTRAINTS: Final[dict[str, tuple[str, Change, str]]] = {
    "a check of an index's name": ("t_f_index CHECK (f <> 'x')", edited("t", "f", "is_indexed"), ""),
    "a check of a unique index's name": (
        "t_f_unique CHECK (f <> 'x')",
        edited("t", "f", "is_unique"),
        "constraint t_f_unique, for the index of t.f",
    ),
    "a unique constraint": (
        "t_f_unique UNIQUE (id, f)",
        edited("t", "f", "is_unique"),
        "index t_f_unique, for the index of t.f",
    ),
    "a check of a foreign key's name": (
        "t_r_foreign CHECK (f <> 'x')",
        related("t", "r"),
        "constraint t_r_foreign, for the foreign key of t.r",
    ),
    "a foreign key of that name": (
        "t_r_foreign FOREIGN KEY (id) REFERENCES x_a",
        related("t", "r"),
        "constraint t_r_foreign, for the foreign key of t.r",
    ),
    "a unique constraint of a foreign key's name": (
        "t_r_foreign UNIQUE (f)",
        related("t", "r"),
        "constraint t_r_foreign, for the foreign key of t.r",
    ),
}


@pytest.mark.parametrize("what", CONSTRAINTS)
def test_names_of_constraints_and_indexes_are_told_apart(tool: Tool, what: str) -> None:
    constraint, change, said = CONSTRAINTS[what]
    tool.database.execute(f"{TABLES}; ALTER TABLE t ADD CONSTRAINT {constraint}")
    assert taken(tool, change).splitlines()[1:] == ([said] if said else [])


def test_each_table_in_the_way_gets_its_next_step(tool: Tool) -> None:
    tool.database.execute(
        f"{TABLES}; INSERT INTO public.directus_collections (collection) VALUES ('x') ON CONFLICT DO NOTHING"
    )
    changes = [collection(Action.ADD, "x"), collection(Action.ADD, "t")]
    with database.connect(tool.settings, "test") as connection, pytest.raises(NameTaken) as caught:
        taken_names.require_free_names(connection, changes, LIVE)
    tool.database.execute("DELETE FROM public.directus_collections WHERE collection = 'x'")
    assert "does not know or see" in caught.value.what
    assert str(caught.value.where).splitlines()[1:] == ["table t", "table x"]
    assert str(caught.value.next).splitlines() == [
        "make the table of x visible to Directus: check DB_EXCLUDE_TABLES and the rights of its role",
        "t: if it is the same thing, make it a collection in Directus (Settings, Data Model), then run again;",
        "else rename or drop it by SQL; its rows are not touched until you do",
    ]


def test_a_foreign_key_to_a_removed_table_frees_its_name(tool: Tool) -> None:
    tool.database.execute(f"{TABLES}; ALTER TABLE t ADD CONSTRAINT t_r_foreign FOREIGN KEY (id) REFERENCES x")
    assert taken(tool, related("t", "r"), X_GOES) == ""
    assert taken(tool, related("t", "r"), A_B_GOES) != ""
