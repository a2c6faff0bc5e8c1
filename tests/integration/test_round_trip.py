"""Random schemas made with SQL and Directus: a push rebuilds a pulled schema elsewhere, or refuses it unsent.

Hypothesis combines the types, defaults, keys and names of tests/integration/test_rebuilding.py. Each schema goes to a
database that is empty or has an older version of the schema; five schemas share a database. `make test` always tries
the same few. With TIER=slow there are 500, different ones each time.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directus_sync.commands import pull, push
from directus_sync.errors import RefusedPlan
from directus_sync.output import Progress
from directus_sync.schema import rebuilding, snapshot
from directus_sync.schema.rules import SchemaRule
from directus_sync.settings import Settings
from directus_sync.steps import comparing
from directus_sync.steps.parts import Part
from directus_sync.steps.planning import Request
from tests import snapshots
from tests.conftest import RunningDirectus, Serving
from tests.databases import EMPTIED, identifier
from tests.integration.test_rebuilding import MADE, MADE_TABLES, NOT_MADE, NOT_MADE_TABLES, PREPARED, TRACKED, UNSEEN
from tests.properties.schemas import TYPES
from tests.snapshots import Document, edited, without_collections

SLOW = os.environ.get("TIER") == "slow"
TOGETHER: Final = 5
TRIPS = settings(max_examples=(500 if SLOW else 30) // TOGETHER, derandomize=not SLOW, deadline=None, database=None)
SCHEMA: Final = frozenset({Part.SCHEMA})
NAMES: Final = [
    *("plain", "Mixed Case", 'quo"te', "50%", "select", "comma,name", "é" * 31, "x" * 63, "tab\tbed", "apo'strophe"),
    *("__proto__x", "1st", "#c", "a: b", "null", "-0"),
]


@dataclass(frozen=True)
class Table:
    """One table. columns: SQL definitions; fields: types and defaults of fields that Directus creates."""

    name: str
    key: str
    columns: tuple[str, ...]
    fields: tuple[tuple[str, object], ...]
    note: str | None

    def statement(self) -> str:
        listed = [f'"x{n}" {column.replace("{}", f"x{n}")}' for n, column in enumerate(self.columns)]
        # Generated columns refer to z.
        rest = ["z text", *listed] if self.columns else []
        return f"CREATE TABLE public.{identifier(self.name)} ({', '.join([self.key, *rest])})"


@st.composite
def tables(draw: st.DrawFn, number: int) -> list[Table]:
    """Return a schema. number: its place among the schemas that share a database, so that their names differ."""
    names = draw(st.lists(st.sampled_from(NAMES[number::TOGETHER]), min_size=1, max_size=3, unique=True))
    keys = st.sampled_from([*["id serial PRIMARY KEY"] * 6, *MADE_TABLES, *NOT_MADE_TABLES])
    # Mostly columns that can be rebuilt, because a refused table tests nothing else.
    columns = st.lists(st.sampled_from([*MADE, *MADE, *UNSEEN, *NOT_MADE]), max_size=5, unique=True)
    kinds = [(kind, default) for kind, (_, _, values, _) in TYPES.items() for default in (None, *values)]
    # Each field is a request, which takes Directus as long as a push.
    fields = st.lists(st.sampled_from(kinds), max_size=4 if SLOW else 2, unique=True)
    notes = st.sampled_from([None, "what's ? this: # \\ 1e3\n  yes"])
    return [Table(name, draw(keys), tuple(draw(columns)), tuple(draw(fields)), draw(notes)) for name in names]


@dataclass(frozen=True)
class Site:
    """A running Directus whose database is emptied between pull and push, and the settings of the commands."""

    running: RunningDirectus
    settings: Settings

    @property
    def file(self) -> Path:
        return self.settings.snapshot

    def empty(self) -> None:
        self.running.database.execute(EMPTIED)
        self.running.forget()

    def pull(self) -> None:
        pull.run(self.settings, Progress(), SCHEMA, overwrite=True)

    def refused(self) -> set[str]:
        """Return the collections that a push refuses because Directus would not rebuild them equal."""
        plan = comparing.compare(self.settings, Request(), Progress(), SCHEMA).schema
        assert plan is not None
        return {item.verdict.change.collection for item in plan.refused if item.rule is SchemaRule.NOT_REBUILDABLE}

    def push(self) -> bool:
        """Push; return whether anything was sent."""
        return bool(push.run(self.settings, Request(), Progress(), SCHEMA).schema)


@pytest.fixture
def site(serve: Serving, tmp_path: Path) -> Iterator[Site]:
    with serve("bootstrapped") as running:
        yield Site(running, dataclasses.replace(running.tool.settings, snapshot=tmp_path / "schema.yaml"))


def make(site: Site, made: list[Table]) -> None:
    """Create the tables with SQL, track them, and add fields with Directus."""
    site.empty()
    site.running.database.execute(";".join([PREPARED, *(table.statement() for table in made), TRACKED]))
    site.running.forget()
    for table in made:
        owner = quote(table.name, safe="")
        if "PRIMARY KEY" in table.key and "," not in table.key:
            for number, (kind, default) in enumerate(table.fields):
                meta: dict[str, Any] = {"special": TYPES[kind][3], "note": table.note}
                body = {"field": f"f{number}", "type": kind, "meta": meta, "schema": {"default_value": default}}
                # Directus refuses some defaults. Then the table has one field less.
                site.running.http.post(f"/fields/{owner}", json=body)
            if table.note:
                site.running.http.patch(f"/collections/{owner}", json={"meta": {"note": table.note}})
    site.running.forget()


def refused(file: Path) -> set[str]:
    """Return the collections in the file that another database could not get equal."""
    return {item.partition(".")[0] for item, _ in rebuilding.all_faults(snapshot.read(file))}


def without_last_fields(document: Document) -> None:
    """Remove the last field of each table with more than two fields, and its relation."""
    for entry in document["collections"]:
        own = [field for field in document["fields"] if field["collection"] == entry["collection"]]
        if len(own) > 2:
            gone = own[-1]["field"]
            document["fields"].remove(own[-1])
            document["relations"] = [
                relation
                for relation in document["relations"]
                if (relation["collection"], relation["field"]) != (entry["collection"], gone)
            ]


def comparable(export: bytes) -> Document:
    """Return the parts of an export that must be equal after a round trip.

    The columns of auto-increment keys can differ, as identity or sequence; so can the order of fields.
    """
    document: Document = snapshots.load(export)
    for field in document["fields"]:
        if (field.get("schema") or {}).get("has_auto_increment"):
            del field["schema"]
    for section in ("fields", "relations"):
        document[section].sort(key=lambda entry: (entry["collection"], entry["field"]))
    return document


def round_trip(site: Site, made: list[Table], *, from_older: bool) -> None:
    make(site, made)
    site.pull()
    site.empty()
    faulty = refused(site.file)
    if faulty:
        # Compare all faulty collections, because the refusal alone would not show a missing one.
        assert site.refused() == faulty
        with pytest.raises(RefusedPlan) as caught:
            site.push()
        assert caught.value.id == "not-rebuildable"
        assert site.running.http.get("/collections/other").status_code == 403
        edited(site.file, without_collections(*faulty))
    content = site.file.read_bytes()
    if from_older:
        edited(site.file, without_last_fields)
        site.push()
        site.file.write_bytes(content)
    site.push()
    assert not site.push()
    assert comparable(site.running.export()) == comparable(content)


def test_random_schemas_are_rebuilt_elsewhere_or_refused(site: Site) -> None:
    @given(st.tuples(*(tables(number) for number in range(TOGETHER))), st.booleans())
    @TRIPS
    def every(schemas: tuple[list[Table], ...], from_older: bool) -> None:
        round_trip(site, [table for made in schemas for table in made], from_older=from_older)

    every()
