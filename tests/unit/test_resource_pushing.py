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
SETTING = Resource("setting", "project_name", ({"field": "project_name", "value": "A"},))


Push = Callable[..., None]


def comparison(*items: Resource) -> Comparison:
    """Return a comparison in which only the database has these items."""
    rows = [LiveRow(STUDIO.by_name[item.kind], row.get("id", 1), row) for item in items for row in item.rows]
    names = grouping.names_of(STUDIO, items)
    live = grouping.grouped(STUDIO, rows, names)
    return Comparison({}, {item.id: item for item in items}, names, live, judging.changes(STUDIO, {}, live.items))


@pytest.fixture
def discarded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the copies that are deleted."""
    numbers: list[int] = []
    monkeypatch.setattr(attic, "discard", lambda _, copies: numbers.extend(copy.id for copy in copies))
    return numbers


REFUSED = httpx.Response(403, json={"errors": [{"message": "refused"}]})
TIMED_OUT = httpx.Response(504, text="Gateway Timeout")


@pytest.fixture
def push(load: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch, discarded: list[int]) -> Push:
    """Return a function that pushes removals to a Directus that gives this answer. Results: of the comparisons."""
    settings = load(ADMIN_TOKEN="the-token")
    copy = SimpleNamespace(id=1, item=attic.AtticItem(DASHBOARD.id), rows=1)
    monkeypatch.setattr(attic, "keep_rows", lambda *_: copy)
    monkeypatch.setattr(snapshot, "content_of", lambda _: b"")
    monkeypatch.setattr(resources, "_removal_count", lambda *_: 0)

    def pushed(answer: httpx.Response, *results: Any) -> None:
        left = list(results)

        def compare(*_: object) -> Comparison:
            result = left.pop(0)
            if isinstance(result, Exception):
                raise result
            return cast("Comparison", result)

        monkeypatch.setattr(resources, "compare", compare)
        wanted = cast("Any", SimpleNamespace(family=STUDIO, items={}, form=None))
        request = Request(destroy=frozenset({DASHBOARD.id}), discard=frozenset({DASHBOARD.id}))
        pushing = ResourcePushing(wanted, settings, request, Progress(), cast("Connection", None), "push")
        pushing.run(lambda _: DirectusClient(URL, settings, httpx.MockTransport(lambda _: answer)))

    return pushed


def test_the_error_of_a_push_is_not_replaced_if_the_database_does_not_answer_afterwards(
    push: Push, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RequestFailed, match="refused"):
        push(REFUSED, comparison(DASHBOARD), psycopg2.OperationalError("gone"))
    assert "note: all new copies stay in the attic: gone" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "items", "kept"),
    [
        pytest.param(REFUSED, (DASHBOARD,), False, id="refused"),
        pytest.param(TIMED_OUT, (DASHBOARD,), True, id="Directus may still remove it"),
        # The settings are sent first, so the removal was never sent.
        pytest.param(TIMED_OUT, (SETTING, DASHBOARD), False, id="not sent"),
    ],
)
def test_the_copy_of_an_item_stays_only_if_directus_may_still_remove_the_item(
    push: Push, discarded: list[int], answer: httpx.Response, items: tuple[Resource, ...], kept: bool
) -> None:
    with pytest.raises(RequestFailed):
        push(answer, comparison(*items), comparison(*items))
    assert discarded == ([] if kept else [1])
