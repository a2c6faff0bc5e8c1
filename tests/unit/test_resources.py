"""Resources: who changed an item, what is refused, the names of rows, and the order of requests."""

from __future__ import annotations

from typing import Any

import pytest

from directus_sync.report import resources as report
from directus_sync.resources import grouping, judging, requests
from directus_sync.resources.access_kinds import ACCESS, PERMISSIONS, POLICIES
from directus_sync.resources.grouping import Live
from directus_sync.resources.items import Resource
from directus_sync.resources.kinds import Family, LiveRow
from directus_sync.resources.plan import ResourceChange, ResourcePlan
from directus_sync.resources.requests import RowRequest
from directus_sync.resources.studio_kinds import STUDIO
from directus_sync.schema.diff import Action
from directus_sync.schema.plan import Approvals, Mover

P, Q, R = (
    "00000000-0000-4000-8000-00000000000a",
    "00000000-0000-4000-8000-00000000000b",
    "00000000-0000-4000-8000-00000000000c",
)
TENANT = {"organization_id": {"_eq": 1}}


def policy(name: str, key: str = P, **values: Any) -> Resource:
    plain = {"icon": "badge", "description": None, "ip_access": None, "enforce_tfa": False, "admin_access": False}
    return Resource("policy", name, ({"id": key, "name": name, "app_access": False, **plain, **values},))


def permission(name: str, fields: list[str], key: str = P, **values: Any) -> Resource:
    row = {"policy": key, "collection": "events", "action": "read", "fields": fields, "permissions": TENANT}
    return Resource("permission", f"{name}/events/read", ({**row, "validation": None, "presets": None, **values},))


def role(name: str) -> Resource:
    return Resource("role", name, ({"id": R, "name": name, "icon": "i", "description": None, "parent": None},))


def attachment(sort: int = 1) -> Resource:
    return Resource("attach", "r/a", ({"id": Q, "role": R, "policy": P, "sort": sort},))


def by_id(*items: Resource) -> dict[str, Resource]:
    return {item.id: item for item in items}


def found(*items: Resource, family: Family = ACCESS) -> list[LiveRow]:
    """Return items as rows of a database. Rows without an id get a number."""
    rows = [(family.by_name[item.kind], row) for item in items for row in item.rows]
    return [LiveRow(kind, row.get("id", n), kind.compared(row)) for n, (kind, row) in enumerate(rows, 1)]


def live(*items: Resource, known: tuple[Resource, ...] = (), family: Family = ACCESS) -> Live:
    return grouping.grouped(family, found(*items, family=family), grouping.names_of(family, known or items))


def plan(
    wanted: list[Resource], base: list[Resource] | None, there: list[Resource], approvals: Approvals | None = None
) -> ResourcePlan:
    changes = judging.changes(ACCESS, by_id(*wanted), by_id(*there))
    recorded = None if base is None else by_id(*base)
    return judging.decide(ACCESS, changes, recorded, {}, approvals or Approvals(), {})


A, B, C = permission("a", ["id"]), permission("a", ["id", "name"]), permission("a", ["id", "slug"])


@pytest.mark.parametrize(
    ("wanted", "base", "there", "mover", "refused"),
    [
        ([A], [], [], Mover.GIT, None),
        ([A], None, [], Mover.GIT, None),
        ([A], [A], [], Mover.SERVER, "uncaptured-live-work"),
        ([A], [B], [], Mover.BOTH, "conflict"),
        ([B], [A], [A], Mover.GIT, None),
        ([A], [A], [B], Mover.SERVER, "uncaptured-live-work"),
        ([B], [A], [C], Mover.BOTH, "conflict"),
        ([A], None, [B], Mover.SERVER, "uncaptured-live-work"),
        ([A], [], [B], Mover.BOTH, "conflict"),
        ([], [A], [A], Mover.GIT, None),
        ([], [], [A], Mover.SERVER, "uncaptured-live-work"),
        ([], [B], [A], Mover.BOTH, "conflict"),
    ],
)
def test_a_change_is_judged_by_the_base(
    wanted: list[Resource], base: list[Resource] | None, there: list[Resource], mover: Mover, refused: str | None
) -> None:
    (item,) = plan(wanted, base, there).items
    assert (item.mover, item.rule and item.rule.id) == (mover, refused)


@pytest.mark.parametrize("base", [None, [], [A], [B]])
def test_an_item_that_is_equal_on_both_sides_does_not_differ(base: list[Resource] | None) -> None:
    assert not plan([A], base, [A])


def test_live_work_is_overwritten_if_it_is_discarded() -> None:
    (item,) = plan([A], [A], [], Approvals(discard=frozenset({A.id}))).items
    assert item.rule is None


def test_removing_a_policy_needs_approval_and_removing_a_permission_does_not() -> None:
    mine, rule = policy("a"), permission("a", ["id"])
    refused = plan([], [mine, rule], [mine, rule])
    assert [(item.id, item.rule and item.rule.id) for item in refused.items] == [
        ("policy:a", "unapproved-destruction"),
        (rule.id, None),
    ]
    assert not plan([], [mine], [mine], Approvals({"policy:a": "merged"})).refused


def test_approvals_of_access_are_distinguished_from_approvals_of_the_schema() -> None:
    assert [ACCESS.owns(name) for name in ("policy:a", "permission:a/b/read", "policy", "events.notes")] == [
        True, True, False, False,
    ]  # fmt: skip


# Names


def test_an_unknown_policy_is_left_alone_with_its_permissions() -> None:
    there = live(policy("Press"), permission("Press", ["id"]), known=(role("r"),))
    assert (there.items, list(there.unknown)) == ({}, ["policy:press"])


def test_administrators_are_not_even_listed_as_unknown() -> None:
    rows = [policy("Admin", admin_access=True), role("boss"), attachment(), permission("Admin", ["*"])]
    there = live(*rows, known=(policy("other", Q),))
    assert (there.items, there.unknown) == ({}, {})


def test_a_known_policy_that_was_given_admin_access_differs() -> None:
    there = live(policy("a", admin_access=True))
    (change,) = judging.changes(ACCESS, by_id(policy("a")), there.items)
    assert (change.id, change.edited) == ("policy:a", ("admin_access",))


def test_permissions_of_the_public_policy_are_compared_although_no_file_names_it() -> None:
    public = permission("public", ["*"], key="abf8a154-5b1c-4a46-ac9c-7300570f4f17")
    assert list(live(public, known=(policy("a"),)).items) == ["permission:public/events/read"]


def test_a_policy_that_is_renamed_in_the_files_keeps_its_base() -> None:
    names = grouping.names_of(ACCESS, [policy("new")], [policy("old")])
    base = grouping.rekeyed(ACCESS, [policy("old"), permission("old", ["id"])], names)
    assert set(base) == {"policy:new", "permission:new/events/read"}


def test_an_old_base_without_some_columns_can_be_read() -> None:
    old = Resource("policy", "a", ({"id": P, "name": "a", "admin_access": False},))
    assert grouping.rekeyed(ACCESS, [old], grouping.names_of(ACCESS, [], [old])) == {"policy:a": old}


def test_a_policy_with_another_id_and_the_same_name_is_another_policy() -> None:
    names = grouping.names_of(ACCESS, [policy("a", Q)], [policy("a", P)])
    assert names["policy", P] == f"a-{P[:8]}"
    assert names["policy", Q] == "a"


def test_a_policy_that_somebody_attached_to_the_public_is_uncaptured_work() -> None:
    given = Resource("attach", "", ({"id": Q, "role": None, "policy": P, "sort": 0},))
    wanted = [policy("a")]
    there = live(*wanted, given, known=tuple(wanted))
    (change,) = judging.changes(ACCESS, by_id(*wanted), there.items)
    assert (change.id, judging.mover(change, by_id(*wanted))) == ("attach:public/a", Mover.SERVER)
    (request,) = requests.requests(ACCESS, [change], by_id(*wanted), there)
    assert (request.method, request.path, request.body) == ("DELETE", "/access", [Q])


def test_an_unknown_policy_that_is_attached_to_a_known_role_is_uncaptured_work() -> None:
    there = live(role("r"), policy("Press Room"), attachment(), known=(role("r"),))
    assert "attach:r/press-room" in there.items


# The requests


def sent(wanted: list[Resource], there: list[Resource], family: Family = ACCESS) -> list[RowRequest]:
    there_by_id = live(*there, known=(*there, *wanted), family=family)
    changes = judging.changes(family, by_id(*wanted), there_by_id.items)
    return list(requests.requests(family, changes, by_id(*wanted), there_by_id))


def test_a_new_policy_is_sent_with_its_permissions_before_its_role() -> None:
    first, second = sent([role("r"), attachment(), policy("a"), permission("a", ["id"])], [])
    assert (first.method, first.path) == ("POST", "/policies")
    assert [row["fields"] for row in first.body[0]["permissions"]] == [["id"]]
    assert (second.method, second.path) == ("POST", "/roles")
    assert second.body[0]["policies"] == [{"id": Q, "policy": P, "sort": 1}]


def test_permissions_of_several_policies_change_in_one_request() -> None:
    other = policy("b", Q)
    (request,) = sent(
        [policy("a"), permission("a", ["name"]), other, permission("b", ["id"], Q)],
        [policy("a"), permission("a", ["id"]), other],
    )
    assert (request.method, request.path) == ("PATCH", "/policies")
    by_policy = {row["id"]: row["permissions"] for row in request.body}
    assert [row["fields"] for row in by_policy[P]["update"]] == [["name"]]
    assert [row["fields"] for row in by_policy[Q]["create"]] == [["id"]]


def test_only_the_changed_rules_of_a_permission_are_written() -> None:
    (one,), (two,), (three,) = (permission("a", [name]).rows for name in ("id", "name", "slug"))
    before, after = (Resource("permission", "a/events/read", rows) for rows in ((one, two), (one, three)))
    (request,) = sent([policy("a"), after], [policy("a"), before])
    assert (request.method, request.path) == ("PATCH", "/permissions")
    assert [rule["fields"] for rule in request.body] == [["slug"]]


def test_a_policy_is_detached_from_a_role_before_it_is_widened() -> None:
    before, after = permission("a", ["id"]), permission("a", ["*"])
    first, second = sent([role("r"), policy("a"), after], [role("r"), policy("a"), before, attachment()])
    assert (first.method, first.path, first.body) == ("DELETE", "/access", [Q])
    assert second.path == "/permissions"


def test_a_removed_policy_is_deleted_in_one_request_with_its_permissions() -> None:
    (request,) = sent([], [policy("a"), permission("a", ["id"])])
    assert (request.method, request.path, request.body) == ("DELETE", "/policies", [P])


# Changes that widen access


@pytest.mark.parametrize(
    ("before", "after", "widens"),
    [
        ([], [A], True),
        ([A], [], False),
        ([A], [B], True),
        ([B], [A], False),
        ([permission("a", ["*"])], [A], False),
        ([A], [permission("a", ["id"], permissions={})], True),
        ([permission("a", ["id"], permissions={})], [A], False),
        ([A], [permission("a", ["id"], permissions={"_and": [TENANT, {"name": {"_eq": "a"}}]})], False),
        ([A], [permission("a", ["id"], permissions={"name": {"_eq": "a"}})], True),
        ([permission("a", ["id"], validation=TENANT)], [A], True),
    ],
)
def test_more_fields_or_fewer_conditions_widen_access(
    before: list[Resource], after: list[Resource], widens: bool
) -> None:
    rows = [tuple(row for item in items for row in item.rows) for items in (before, after)]
    assert ResourceChange(Action.CHANGE, PERMISSIONS, "a/events/read", rows[0], rows[1]).widens is widens


@pytest.mark.parametrize(
    ("before", "after", "widens"),
    [
        ({}, {"app_access": True}, True),
        ({"enforce_tfa": True}, {}, True),
        ({"ip_access": ["10.0.0.1"]}, {}, True),
        ({"ip_access": ["10.0.0.1"]}, {"ip_access": ["10.0.0.2"]}, True),
        ({}, {"ip_access": ["10.0.0.1"]}, False),
        ({}, {"icon": "key"}, False),
    ],
)
def test_a_policy_widens_access_by_app_access_tfa_or_ip_addresses(
    before: dict[str, Any], after: dict[str, Any], widens: bool
) -> None:
    rows = (policy("a", **values).rows for values in (before, after))
    assert ResourceChange(Action.CHANGE, POLICIES, "a", *rows).widens is widens


def test_a_plan_marks_widening_changes_and_lists_a_new_policy_as_one_line() -> None:
    text = report.plan(plan([policy("a"), A, permission("b", ["*"], Q)], None, [permission("b", ["id"], Q)]))
    assert text.splitlines() == [
        "Access: 2 to add, 1 to change, 0 to remove; 2 widens",
        "  + policy:a                  widens  1 permission",
        '  ~ permission:b/events/read  widens  fields: ["id"] -> ["*"]; changed by the server; refused:'
        " uncaptured-live-work",
    ]


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


def sent_to_studio(wanted: list[Resource], there: list[Resource]) -> list[RowRequest]:
    return sent(wanted, there, STUDIO)


def test_settings_are_one_request_and_a_removed_setting_gets_directus_s_default() -> None:
    (request,) = sent_to_studio(
        [setting("project_name", "A"), setting("custom_css", "b {}")],
        [setting("project_name", "B"), setting("auth_login_attempts", 3)],
    )
    assert (request.method, request.path) == ("PATCH", "/settings")
    assert request.body == {"project_name": "A", "custom_css": "b {}", "auth_login_attempts": 25}


def test_a_new_flow_is_one_request_with_its_last_operation_first() -> None:
    (request,) = sent_to_studio([flow("a"), operation("a", "b"), operation("b", "c"), operation("c")], [])
    assert (request.method, request.path) == ("POST", "/flows")
    assert request.body[0]["operation"] == "a"
    assert [row["id"] for row in request.body[0]["operations"]] == ["c", "b", "a"]


def test_an_operation_is_inserted_between_two_others_after_their_link_is_removed() -> None:
    (request,) = sent_to_studio(
        [flow("a"), operation("a", "x"), operation("b"), operation("x", "b")],
        [flow("a"), operation("a", "b"), operation("b")],
    )
    freed, written = request.body
    assert freed == {"id": FLOW, "operations": {"update": [{"id": "a", "resolve": None}]}}
    assert [row["id"] for row in written["operations"]["create"]] == ["x"]
    assert written["operations"]["update"] == [{"id": "a", "resolve": "x"}]


def test_an_operation_with_another_id_is_another_operation() -> None:
    other = Resource("operation", "f/a", ({**operation("a").rows[0], "id": "z"},))
    (request,) = sent_to_studio([flow(), other], [flow(), operation("a")])
    (written,) = request.body
    assert [row["id"] for row in written["operations"]["create"]] == ["z"]
    assert written["operations"]["delete"] == ["a"]


def test_panels_are_deleted_in_their_own_request_because_directus_would_empty_their_dashboard() -> None:
    edited, deleted = sent_to_studio(
        [dashboard(), panel("a", width=10)],
        [dashboard(), panel("a"), panel("b")],
    )
    assert (edited.method, edited.path) == ("PATCH", "/dashboards")
    assert edited.body == [
        {"id": DASHBOARD, "panels": {"create": [], "update": [{"id": 2, "width": 10}], "delete": []}}
    ]
    assert (deleted.method, deleted.path, deleted.body) == ("DELETE", "/panels", [3])
