"""Two clubs and their people, on a Directus with the project's access rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.access import clubs, matrix
from tests.access.people import Person
from tests.conftest import RunningDirectus, wipe
from tests.serving import client_of

Row = dict[str, Any]

# Directus refuses a flag if the device sent no position in its window.
POSITIONS = """
INSERT INTO public.positions
  (device_id, ts, latitude, longitude, altitude, angle, speed, satellites, priority, codec, attributes)
SELECT d.imei, f.from_ts, 41, 19, 0, 0, 0, 9, 0, '8E', '{}'
FROM public.devices d JOIN public.position_flags f ON f.device_id = d.id"""


@dataclass(frozen=True)
class Clubs:
    """The server, a session of its database, and a client for each person."""

    served: RunningDirectus
    database: psycopg.Connection[Any]
    as_: Callable[[Person], httpx.Client]

    def stored(self, collection: str) -> Mapping[str, Row]:
        """Return all rows of a collection by id, read as administrator."""
        answer = self.served.http.get(path(collection), params={"limit": -1, "fields": "*"})
        return {row["id"]: row for row in answer.json()["data"]}

    @contextmanager
    def kept(self, collection: str, key: str) -> Iterator[None]:
        """After the block, insert the row again that the block deleted."""
        table = sql.Identifier(collection)
        select = sql.SQL("SELECT to_jsonb(t) FROM public.{} t WHERE id = %s").format(table)
        ((row,),) = self.database.execute(select, [key]).fetchall()
        yield
        insert = "INSERT INTO public.{0} SELECT * FROM jsonb_populate_record(null::public.{0}, %s)"
        self.database.execute(sql.SQL(insert).format(table), [Jsonb(row)])

    @contextmanager
    def without_new(self, collection: str) -> Iterator[None]:
        """After the block, delete the rows that the block created."""
        table = sql.Identifier(collection)
        found = self.database.execute(sql.SQL("SELECT id FROM public.{}").format(table)).fetchall()
        yield
        delete = sql.SQL("DELETE FROM public.{} WHERE id <> ALL(%s)").format(table)
        self.database.execute(delete, [[key for (key,) in found]])


def path(collection: str, key: str = "") -> str:
    """Return the path of a collection or an item."""
    start = "/users" if collection == "directus_users" else f"/items/{collection}"
    return f"{start}/{key}" if key else start


def where(**filters: Any) -> dict[str, str]:
    """Return request parameters with a filter and no limit."""
    return {"limit": "-1", "filter": json.dumps(filters)}


@pytest.fixture(scope="module")
def guarded_clubs(extended: RunningDirectus) -> Iterator[Clubs]:
    """The two clubs on a server with the extension."""
    served, database = extended, extended.database
    wipe(database)
    database.execute(clubs.statements())
    database.execute(POSITIONS)
    served.forget()
    with ExitStack() as running:
        clients: dict[str, httpx.Client] = {}

        def as_(person: Person) -> httpx.Client:
            if person.name not in clients:
                clients[person.name] = running.enter_context(client_of(served.http.base_url, person.token))
            return clients[person.name]

        yield Clubs(served, running.enter_context(database.connect()), as_)


@pytest.fixture(scope="module")
def stored(guarded_clubs: Clubs) -> Mapping[str, Mapping[str, Row]]:
    """Every row by collection and id, read as administrator."""
    return {collection: guarded_clubs.stored(collection) for collection in matrix.COLLECTIONS}
