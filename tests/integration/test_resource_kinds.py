"""A kind that the engine has never seen needs a declaration and nothing else: translations and presets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from directus_sync.commands import resources, sessions
from directus_sync.commands.planning import Request
from directus_sync.commands.resources import Items, ResourcePushing
from directus_sync.directus.client import DirectusClient
from directus_sync.errors import RefusedPlan
from directus_sync.output import Progress
from directus_sync.postgres.database import Connection
from directus_sync.resources.declared import ACCESS
from directus_sync.resources.items import Item
from directus_sync.resources.kinds import Family, Kind
from tests.conftest import RunningDirectus, Serving

TRANSLATIONS = Kind("translation", "directus_translations", "/translations", ("language", "key"), owned=(
    "language", "key", "value",
))  # fmt: skip
PRESETS = Kind(
    name="preset",
    table="directus_presets",
    path="/presets",
    key=("collection", "bookmark"),
    owned=("collection", "bookmark", "layout", "layout_query", "icon"),
    environment=("role", "user", "search", "layout_options", "refresh_interval", "filter", "color"),
    where='t."user" IS NULL AND t.role IS NULL',
)
SURFACE = Family("surface", (TRANSLATIONS, PRESETS))


def translation(key: str, value: str) -> Item:
    return Item("translation", f"en-US/{key}", ({"language": "en-US", "key": key, "value": value},))


def preset(collection: str, fields: list[str]) -> Item:
    row: dict[str, Any] = {"collection": collection, "bookmark": None, "layout": "tabular", "icon": "bookmark"}
    return Item("preset", f"{collection}/-", ({**row, "layout_query": {"tabular": {"fields": fields}}},))


def by_id(*items: Item) -> Items:
    return {item.id: item for item in items}


class Surface:
    """Pushes of these kinds to one Directus."""

    def __init__(self, running: RunningDirectus, connection: Connection, client: DirectusClient) -> None:
        self.running = running
        self.connection = connection
        self.client = client

    def push(self, *items: Item, discard: str | None = None) -> int:
        """Return how many items were changed."""
        request = Request(discard=frozenset([discard] if discard else []))
        pushing = ResourcePushing(
            SURFACE, "a test", self.running.tool.settings, request, Progress(), self.connection, "push"
        )
        return len(pushing.run(lambda: self.client, by_id(*items)).items)


@pytest.fixture
def surface(serve: Serving) -> Iterator[Surface]:
    with serve("deployed") as running:
        settings = running.tool.settings
        with (
            sessions.writing(settings, "test", Progress()) as connection,
            sessions.directus(settings, connection, Progress()) as client,
        ):
            yield Surface(running, connection, client)


@pytest.mark.parametrize("kind", [*SURFACE.kinds, *ACCESS.kinds], ids=lambda kind: kind.name)
def test_a_declaration_names_every_column(surface: Surface, kind: Kind) -> None:
    columns = surface.running.database.rows(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        f"public.{kind.table}",
    )
    assert {name for (name,) in columns} == {kind.primary, *kind.owned, *kind.environment}


def test_new_kinds_are_pushed_changed_and_removed(surface: Surface) -> None:
    hello, list_ = translation("hello", "Hello"), preset("events", ["name"])
    assert surface.push(hello, list_) == 2
    assert surface.push(hello, list_) == 0
    rows = "SELECT key, value FROM directus_translations"
    assert surface.running.database.rows(rows) == [("hello", "Hello")]
    assert surface.push(translation("hello", "Welcome"), preset("events", ["name", "slug"])) == 2
    assert surface.running.database.rows(rows) == [("hello", "Welcome")]
    layout = surface.running.database.value("SELECT layout_query FROM directus_presets WHERE collection = 'events'")
    assert layout == {"tabular": {"fields": ["name", "slug"]}}
    assert surface.push() == 2
    assert surface.running.database.rows(rows) == []


def test_new_kinds_are_guarded(surface: Surface) -> None:
    hello = translation("hello", "Hello")
    surface.push(hello)
    surface.running.database.execute("UPDATE directus_translations SET value = 'Hi'")
    with pytest.raises(RefusedPlan, match="made or changed in Directus") as refused:
        surface.push(hello)
    assert refused.value.id == "uncaptured-live-work"
    assert surface.push(hello, discard=hello.id) == 1
    found = resources.compare(surface.connection, SURFACE, by_id(hello))
    assert not found.changes
