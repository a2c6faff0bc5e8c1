"""What is sent for settings, and for operations that lead to each other: in an order that PostgreSQL accepts."""

from __future__ import annotations

from typing import Any

from directus_sync.resources import grouping, judging, requests
from directus_sync.resources.items import Resource
from directus_sync.resources.kinds import LiveRow
from directus_sync.resources.requests import RowRequest
from directus_sync.resources.studio_kinds import STUDIO

FLOW = "00000000-0000-4000-8000-00000000000f"
DASHBOARD = "00000000-0000-4000-8000-00000000000d"


def setting(name: str, value: object) -> Resource:
    return Resource("setting", name, ({"field": name, "value": value},))


def flow(first: str | None = None) -> Resource:
    row = {"id": FLOW, "name": "F", "icon": None, "color": None, "description": None, "status": "active"}
    return Resource(
        "flow", "f", ({**row, "trigger": None, "accountability": None, "options": None, "operation": first},)
    )


def operation(key: str, resolve: str | None = None) -> Resource:
    row = {"id": key, "flow": FLOW, "key": key, "name": None, "type": "log", "position_x": 1, "position_y": 1}
    return Resource("operation", f"f/{key}", ({**row, "options": None, "resolve": resolve, "reject": None},))


def panel(name: str, **values: Any) -> Resource:
    row = {"dashboard": DASHBOARD, "name": name, "type": "label", "position_x": 1, "position_y": 1, "width": 9}
    more = {"height": 9, "show_header": True, "icon": None, "color": None, "note": None, "options": None}
    return Resource("panel", f"d/{name}", ({**row, **more, **values},))


def dashboard() -> Resource:
    row = {"id": DASHBOARD, "name": "D", "icon": "dashboard", "color": None, "note": None}
    return Resource("dashboard", "d", (row,))


def sent(wanted: list[Resource], there: list[Resource]) -> list[RowRequest]:
    rows = [(STUDIO.by_name[item.kind], row) for item in there for row in item.rows]
    found = [LiveRow(kind, row.get("id", n), kind.compared(row)) for n, (kind, row) in enumerate(rows, 1)]
    live = grouping.grouped(STUDIO, found, grouping.names_of(STUDIO, [*there, *wanted]))
    items = {item.id: item for item in wanted}
    return list(requests.requests(STUDIO, judging.changes(STUDIO, items, live.items), items, live))


def test_all_settings_are_one_request_and_one_that_goes_gets_directus_s_value() -> None:
    (request,) = sent(
        [setting("project_name", "A"), setting("custom_css", "b {}")],
        [setting("project_name", "B"), setting("auth_login_attempts", 3)],
    )
    assert (request.method, request.path) == ("PATCH", "/settings")
    assert request.body == {"project_name": "A", "custom_css": "b {}", "auth_login_attempts": 25}


def test_a_new_flow_comes_in_one_request_with_what_is_led_to_first() -> None:
    (request,) = sent([flow("a"), operation("a", "b"), operation("b", "c"), operation("c")], [])
    assert (request.method, request.path) == ("POST", "/flows")
    assert request.body[0]["operation"] == "a"
    assert [row["id"] for row in request.body[0]["operations"]] == ["c", "b", "a"]


def test_an_operation_between_two_others_is_named_once_the_old_link_is_gone() -> None:
    (request,) = sent(
        [flow("a"), operation("a", "x"), operation("b"), operation("x", "b")],
        [flow("a"), operation("a", "b"), operation("b")],
    )
    freed, written = request.body
    assert freed == {"id": FLOW, "operations": {"update": [{"id": "a", "resolve": None}]}}
    assert [row["id"] for row in written["operations"]["create"]] == ["x"]
    assert written["operations"]["update"] == [{"id": "a", "resolve": "x"}]


def test_an_operation_with_another_id_is_another_operation() -> None:
    other = Resource("operation", "f/a", ({**operation("a").rows[0], "id": "z"},))
    (request,) = sent([flow(), other], [flow(), operation("a")])
    (written,) = request.body
    assert [row["id"] for row in written["operations"]["create"]] == ["z"]
    assert written["operations"]["delete"] == ["a"]


def test_panels_are_deleted_by_themselves_for_directus_would_empty_their_dashboard() -> None:
    edited, deleted = sent(
        [dashboard(), panel("a", width=10)],
        [dashboard(), panel("a"), panel("b")],
    )
    assert (edited.method, edited.path) == ("PATCH", "/dashboards")
    assert edited.body == [
        {"id": DASHBOARD, "panels": {"create": [], "update": [{"id": 2, "width": 10}], "delete": []}}
    ]
    assert (deleted.method, deleted.path, deleted.body) == ("DELETE", "/panels", [3])


def test_what_goes_takes_its_parts_along() -> None:
    (request,) = sent([], [dashboard(), panel("a"), panel("b")])
    assert (request.method, request.path, request.body) == ("DELETE", "/dashboards", [DASHBOARD])
