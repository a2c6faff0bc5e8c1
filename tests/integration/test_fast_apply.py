"""The fast apply gives the same result as Directus's own: the same tables, and rows with the same ids and order."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from directus_sync.directus import installation, server, worker
from directus_sync.directus.client import DirectusClient
from directus_sync.errors import SyncError
from directus_sync.postgres import database
from tests.conftest import Copying, Database, Serving, Tool
from tests.databases import EMPTIED
from tests.properties.schemas import Schema
from tests.snapshots import A_ROW_EACH, Document

TABLES = (
    "directus_collections", "directus_fields", "directus_relations", "directus_permissions", "directus_presets",
    "directus_activity", "directus_revisions",
)  # fmt: skip


@dataclass(frozen=True)
class Side:
    """A database, and the Directus or worker that applies to it."""

    database: Database
    client: DirectusClient
    empty: Document = field(repr=False)

    def apply(self, wanted: Document) -> str:
        """Send a snapshot as the tool does; return what happened, or the error."""
        answer = self.client.diff(("schema.json", json.dumps(wanted, default=str).encode(), "application/json"))
        if answer is None:
            return "nothing to do"
        try:
            self.client.apply(*answer)
        except SyncError as error:
            return str(error)
        return "applied"

    @property
    def rows(self) -> dict[str, Any]:
        """Directus's own rows, in the order of their ids."""
        return {name: self.database.rows(f"SELECT to_jsonb(t) FROM {name} t ORDER BY to_jsonb(t)") for name in TABLES}


@contextmanager
def fast_side(tool: Tool, *, whole: bool = False) -> Iterator[Side]:
    """Yield the fast apply, in the worker or in a complete Directus."""
    settings = tool.settings
    with database.connect(settings, "test") as connection:
        administrator = installation.administrator(connection, settings)
        choice = worker.WHOLE if whole else worker.choose(settings, connection)
    assert bool(choice.bundle) != whole
    with server.private(settings, administrator, choice) as client:
        yield Side(tool.database, client, client.schema())


@pytest.fixture(scope="module")
def sides(serve: Serving, copied: Copying) -> Iterator[tuple[Side, Side]]:
    """Directus's own apply in the running Directus, and the fast apply in the worker."""
    with serve("bootstrapped") as running, copied("bootstrapped") as database:
        address = str(running.http.base_url)
        with DirectusClient(address, running.tool.settings) as client, fast_side(Tool(database)) as fast:
            yield Side(running.database, client, client.schema()), fast


def both(sides: tuple[Side, Side], wanted: Document) -> str:
    """Apply to both sides, compare the results, and return the outcome."""
    stock, fast = (one.apply(wanted) for one in sides)
    assert fast.partition("]")[0] == stock.partition("]")[0]
    first, second = (one.rows for one in sides)
    for name, content in first.items():
        assert second[name] == content, name
    with ThreadPoolExecutor() as pool:
        first_schema, second_schema = pool.map(Database.schema, (one.database for one in sides))
    assert second_schema == first_schema
    return stock


SEEDS = [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 200))]


@pytest.mark.parametrize("seed", SEEDS)
def test_both_applies_create_and_change_a_schema_equally(sides: tuple[Side, Side], seed: int) -> None:
    schema = Schema(seed, sides[0].empty)
    assert both(sides, schema.document) == "applied"
    for each in sides:
        each.database.execute(A_ROW_EACH)
    both(sides, schema.changed())
    for each in sides:
        each.database.execute(EMPTIED)
        each.client.clear_cache()


def test_both_applies_write_notes_on_keys_equally(sides: tuple[Side, Side]) -> None:
    document = Schema(0, sides[0].empty).document
    assert both(sides, document) == "applied"
    keys = [entry for entry in document["fields"] if (entry.get("schema") or {}).get("is_primary_key")]
    assert {entry["type"] for entry in keys} >= {"integer", "uuid", "string"}
    for entry in keys:
        entry["meta"]["note"] = "the key"
    assert both(sides, document) == "applied"
    notes = "SELECT count(*) FROM directus_fields WHERE note = 'the key'"
    assert [each.database.value(notes) for each in sides] == [len(keys)] * 2
    assert [each.apply(each.empty) for each in sides] == ["applied", "applied"]


def test_both_applies_undo_everything_on_failure(sides: tuple[Side, Side]) -> None:
    stock, fast = sides
    document = Schema(0, stock.empty).document
    assert both(sides, document) == "applied"
    before = stock.rows
    for number in range(3):
        column = copy.deepcopy(next(entry for entry in document["fields"] if entry["field"] == "f_text"))
        column["field"] = column["meta"]["field"] = column["schema"]["name"] = f"more_{number}"
        document["fields"].append(column)
    # PostgreSQL shortens the name of the column, but Directus's own table has no room for the whole name.
    column["field"] = "n" * 65
    assert "is too long" in both(sides, document)
    assert stock.rows == before
    assert len(fast.apply(document)) < 500
    assert [each.apply(each.empty) for each in sides] == ["applied", "applied"]


@pytest.mark.parametrize("whole", [False, True])
def test_the_fast_apply_keeps_a_question_mark_in_a_default(bootstrapped: Tool, whole: bool) -> None:
    """Directus's own apply takes the question mark for a parameter and writes `$1`."""
    with fast_side(bootstrapped, whole=whole) as fast:
        document = Schema(0, fast.empty).document
        entry = next(entry for entry in document["fields"] if entry["field"] == "f_string")
        entry["schema"]["default_value"] = "what?"
        assert fast.apply(document) == "applied"
        schema = {(each["collection"], each["field"]): each for each in fast.client.schema()["fields"]}
        assert schema[entry["collection"], "f_string"]["schema"]["default_value"] == "what?"
