"""A push of resources that fails: which error is raised, and what happens to the copies in the attic."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import httpx
import psycopg2
import pytest

from directus_sync import attic
from directus_sync.directus.client import DirectusClient
from directus_sync.errors import RequestFailed
from directus_sync.output import Progress
from directus_sync.postgres.database import Connection
from directus_sync.resources import grouping, judging
from directus_sync.resources.items import Resource
from directus_sync.resources.kinds import LiveRow
from directus_sync.resources.studio_kinds import STUDIO
from directus_sync.schema import snapshot
from directus_sync.settings import Settings
from directus_sync.steps import resources
from directus_sync.steps.planning import Request
from directus_sync.steps.resources import Comparison, ResourcePushing
from tests.unit.directus_double import URL

ROW = {"id": "00000000-0000-4000-8000-00000000000a", "name": "Day", "icon": "i", "note": None, "color": None}
DASHBOARD = Resource("dashboard", "day", (ROW,))


def comparison() -> Comparison:
    """Return a comparison in which only the database has the dashboard."""
    row = LiveRow(STUDIO.by_name["dashboard"], ROW["id"], ROW)
    live = grouping.grouped(STUDIO, [row], grouping.names_of(STUDIO, [DASHBOARD]))
    changes = judging.changes(STUDIO, {}, live.items)
    return Comparison({}, {DASHBOARD.id: DASHBOARD}, grouping.names_of(STUDIO, [DASHBOARD]), live, changes)


@pytest.fixture
def push(load: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Any]], None]:
    """Return a function that pushes the removal to a Directus that refuses it. Each comparison gets the next result."""
    settings = load(ADMIN_TOKEN="the-token")
    copy = SimpleNamespace(id=1, item=attic.AtticItem(DASHBOARD.id), rows=1)
    monkeypatch.setattr(attic, "keep_rows", lambda *_: copy)
    monkeypatch.setattr(snapshot, "content_of", lambda _: b"")
    monkeypatch.setattr(resources, "_removal_count", lambda *_: 0)

    def pushed(results: list[Any]) -> None:
        def compare(*_: object) -> Comparison:
            result = results.pop(0)
            if isinstance(result, Exception):
                raise result
            return cast("Comparison", result)

        monkeypatch.setattr(resources, "compare", compare)
        wanted = cast("Any", SimpleNamespace(family=STUDIO, items={}, form=None))
        request = Request(destroy=frozenset({DASHBOARD.id}), discard=frozenset({DASHBOARD.id}))
        refusing = httpx.MockTransport(lambda _: httpx.Response(403, json={"errors": [{"message": "refused"}]}))
        pushing = ResourcePushing(wanted, settings, request, Progress(), cast("Connection", None), "push")
        pushing.run(lambda _: DirectusClient(URL, settings, refusing))

    return pushed


def test_the_error_of_a_push_is_not_replaced_if_the_database_does_not_answer_afterwards(
    push: Callable[[list[Any]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RequestFailed, match="refused"):
        push([comparison(), psycopg2.OperationalError("gone")])
    assert "note: all new copies stay in the attic: gone" in capsys.readouterr().err


def test_the_copy_of_an_item_that_was_not_removed_is_deleted(
    push: Callable[[list[Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    discarded: list[int] = []
    monkeypatch.setattr(attic, "discard", lambda _, copies: discarded.extend(copy.id for copy in copies))
    with pytest.raises(RequestFailed, match="refused"):
        push([comparison(), comparison()])
    assert discarded == [1]
