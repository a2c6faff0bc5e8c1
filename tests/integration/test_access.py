"""Access as code on a real Directus: who changed what, what is refused, and what a boot restores."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import access_files, small
from tests.access_files import ADMIN_ID, BASE_ID, EVENTS, MARSHAL_ID, ROLE_ID, TOP
from tests.conftest import SNAPSHOT, RunningDirectus, Serving
from tests.sites import Site
from tests.snapshots import edited, without_collections

PRESS_ID = "0c3f0001-0d3a-4b8e-9a51-3c0d5f6b7b99"
MEMBER = "SELECT role, status FROM directus_users WHERE email = 'a@example.com'"
MEMBERS = f"""
INSERT INTO directus_users (id, email, role, status) VALUES ('{PRESS_ID}', 'a@example.com', '{ROLE_ID}', 'active');
INSERT INTO directus_access (id, "user", policy) VALUES ('{PRESS_ID}', '{PRESS_ID}', '{BASE_ID}');
"""
# One item of each kind.
ITEMS = ("attach:member/base", "permission:marshal/events/read", "policy:marshal", "role:member")


EVENTS_FILE = "collections/events.yaml"


def permissions(site: Site, policy: str) -> dict[str, Any]:
    """Return the fields of a policy's permissions for events, by action."""
    wanted = "SELECT action, fields FROM directus_permissions WHERE policy = %s AND collection = 'events'"
    return dict(site.rows(wanted, policy))


def bases(site: Site) -> int:
    return int(site.directus.database.value("SELECT count(*) FROM directus_sync.resource_history"))


@pytest.fixture
def site(serve: Serving, snapshot_file: Path) -> Iterator[Site]:
    access_files.complete(snapshot_file)
    with serve("deployed", access_files.NOTHING, pushed) as running:
        yield Site(running, snapshot_file, "access")


def pushed(running: RunningDirectus) -> None:
    with tempfile.TemporaryDirectory() as folder:
        site = Site(running, Path(shutil.copy(SNAPSHOT, folder)), "access")
        access_files.complete(site.snapshot)
        site.done("push")


def in_git(site: Site) -> None:
    """Change one item of each kind in the files."""
    site.write("access.yaml", "[base, org-admin, marshal]", "[org-admin, marshal, base]")
    site.write("access.yaml", "name: Member", "name: Member of ours")
    site.write("access.yaml", "name: Marshal,", "name: Marshal of ours,")
    site.write(EVENTS_FILE, "marshal: {read: [id, name]}", "marshal: {read: [id, name, slug]}")


def in_directus(site: Site, name: str = "theirs", fields: tuple[str, ...] = ("id", "slug")) -> None:
    """Change one item of each kind in Directus."""
    database = site.directus.database
    site.http("PATCH", f"/roles/{ROLE_ID}", {"name": f"Member of {name}"})
    site.http("PATCH", f"/policies/{MARSHAL_ID}", {"name": f"Marshal of {name}"})
    ((permission,),) = database.rows("SELECT id FROM directus_permissions WHERE policy = %s", MARSHAL_ID)
    site.http("PATCH", f"/permissions/{permission}", {"fields": list(fields)})
    ((attached,),) = database.rows("SELECT id FROM directus_access WHERE policy = %s", BASE_ID)
    site.http("PATCH", f"/access/{attached}", {"sort": 9})


def names(site: Site) -> list[str]:
    query = "SELECT name FROM directus_roles WHERE id = %s UNION ALL SELECT name FROM directus_policies WHERE id = %s"
    return [name for (name,) in site.directus.database.rows(query, ROLE_ID, MARSHAL_ID)]


def test_push_creates_the_permissions_of_the_files_and_then_has_nothing_to_do(site: Site) -> None:
    assert permissions(site, MARSHAL_ID) == {"read": "id,name"}
    assert set(permissions(site, ADMIN_ID)) == {"create", "read", "update", "delete"}
    assert "Nothing to push" in site.done("push").out
    assert "Nothing differs" in site.done("diff").out
    assert bases(site) == 1


def test_push_applies_changes_made_only_in_git(site: Site) -> None:
    in_git(site)
    shown = site.run("diff")
    assert shown.code == 3
    assert "~ permission:marshal/events/read  widens" in shown.out
    site.done("push")
    assert names(site) == ["Member of ours", "Marshal of ours"]
    assert permissions(site, MARSHAL_ID) == {"read": "id,name,slug"}
    assert bases(site) == 2


def test_push_refuses_changes_made_only_in_directus_until_they_are_pulled(site: Site) -> None:
    in_directus(site)
    refused = site.refused("push", "uncaptured-live-work")
    assert all(item in refused for item in ITEMS)
    assert names(site) == ["Member of theirs", "Marshal of theirs"]
    site.done("pull")
    assert "marshal: {read: [id, slug]}  # no notes" in site.text(EVENTS_FILE)
    assert "policies: [org-admin, marshal, base]" in site.text("access.yaml")
    assert "Nothing to push" in site.done("push").out


def test_different_changes_in_git_and_directus_are_a_conflict(site: Site) -> None:
    in_git(site)
    in_directus(site)
    before = site.text(EVENTS_FILE)
    site.refused("push", "conflict")
    site.refused("pull", "unpushed-file-changes")
    assert site.text(EVENTS_FILE) == before
    site.done("push", "--discard-live", ",".join([*ITEMS, "attach:member/marshal", "attach:member/org-admin"]))
    assert names(site) == ["Member of ours", "Marshal of ours"]


def test_equal_changes_in_git_and_directus_are_recorded_without_a_request(site: Site) -> None:
    in_git(site)
    in_directus(site, "ours", ("name", "id", "slug"))
    activity = "SELECT count(*) FROM directus_activity"
    before = site.directus.database.value(activity)
    assert "Nothing to push" in site.done("push").out
    assert site.directus.database.value(activity) == before
    assert bases(site) == 2


def test_changes_of_two_developers_are_merged_item_by_item(site: Site) -> None:
    """One changed Directus, the other the files. Each keeps the other's work."""
    site.write(EVENTS_FILE, "update: [name, slug]", "update: [name]")
    in_directus(site)
    site.done("pull")
    assert "update: [name]" in site.text(EVENTS_FILE)
    assert "marshal: {read: [id, slug]}" in site.text(EVENTS_FILE)
    site.done("push")
    assert permissions(site, ADMIN_ID)["update"] == "name"
    assert permissions(site, MARSHAL_ID) == {"read": "id,slug"}


def test_a_boot_does_not_restore_a_permission_that_was_deleted_in_directus(site: Site) -> None:
    assert site.whole("deploy").code == 0
    ((permission,),) = site.directus.database.rows(
        "SELECT id FROM directus_permissions WHERE policy = %s AND action = 'delete'", ADMIN_ID
    )
    site.http("DELETE", f"/permissions/{permission}")
    site.write(EVENTS_FILE, "read: [id, name]", "read: [id]")
    refused = site.whole("deploy", "--", "true")
    assert (refused.code, "error[uncaptured-live-work]" in refused.err) == (4, True), refused.text
    assert "1 item was removed in Directus, but not in the files" in refused.err
    site.write(EVENTS_FILE, "read: [id]", "read: [id, name]")
    served = site.whole("deploy", "--", "true")
    uncaptured = "Directus has uncaptured changes: permission:org-admin/events/delete"
    assert (served.code, uncaptured in served.err) == (0, True), served.text
    assert "delete" not in permissions(site, ADMIN_ID)
    site.done("pull")
    assert "delete" not in site.text(EVENTS_FILE)


def test_push_leaves_a_policy_alone_that_only_directus_has(site: Site) -> None:
    site.http(
        "POST",
        "/policies",
        {
            "id": PRESS_ID,
            "name": "Press & Media",
            "permissions": [{"collection": "events", "action": "read", "fields": ["name"], "permissions": {}}],
        },
    )
    checked = site.whole("check")
    assert (checked.code, "? policy:press-media  in no file, left alone" in checked.out) == (3, True), checked.text
    assert "Nothing to push" in site.done("push").out
    assert permissions(site, PRESS_ID) == {"read": "name"}
    site.done("pull")
    assert f"press-media: {{id: {PRESS_ID}, name: Press & Media}}" in site.text("access.yaml")
    assert "press-media: {read: {fields: [name], rows: all}}" in site.text(EVENTS_FILE)


def test_push_reports_how_many_users_a_removed_role_or_policy_affects(site: Site) -> None:
    before = site.text("access.yaml")
    site.directus.database.execute(MEMBERS)
    kept = "".join(line + "\n" for line in TOP.splitlines() if "base" not in line)
    (site.folder / "access.yaml").write_text(kept[kept.index("policies:") :])
    for path in (site.folder / "collections").glob("*.yaml"):
        path.write_text(path.read_text().replace("base: {}", "marshal: {}"))
    refused = site.refused("push", "unapproved-destruction")
    assert "role:member (1 user loses all access)" in refused
    assert "policy:base (1 user loses its rights)" in refused
    approved = "- item: role:member\n  reason: a\n- item: policy:base\n  reason: b\n"
    site.snapshot.with_name("removals.yaml").write_text(approved)
    pushed = site.done("push")
    assert "Kept role:member in the attic" in pushed.err
    assert site.directus.database.value("SELECT count(*) FROM directus_policies WHERE id = %s", BASE_ID) == 0
    assert site.directus.database.rows(MEMBER) == [(None, "suspended")]
    assert site.whole("prune").out == "Pruned role:member, policy:base; commit it\n"

    # The files restore role and policy, the attic restores their users.
    copies = {
        copy["item"]: str(copy["id"])
        for copy in json.loads(site.directus.tool("attic", "list", "--json").out)["copies"]
    }
    assert site.directus.tool("attic", "restore", copies["role:member"]).code == 1
    (site.folder / "access.yaml").write_text(before)
    site.done("push")
    for name in ("role:member", "policy:base"):
        site.directus.tool.done("attic", "restore", copies[name])
    assert [(str(role), status) for role, status in site.directus.database.rows(MEMBER)] == [(ROLE_ID, "active")]
    attached = 'SELECT count(*) FROM directus_access WHERE "user" IS NOT NULL AND policy = %s'
    assert site.directus.database.value(attached, BASE_ID) == 1
    assert "Nothing differs" in site.done("diff").out


def test_attic_restore_brings_back_permissions_and_presets_of_a_collection(serve: Serving, tmp_path: Path) -> None:
    file = small.file(tmp_path)
    with serve("bootstrapped", "", small.pushed) as running:
        public = running.database.value('SELECT policy FROM directus_access WHERE role IS NULL AND "user" IS NULL')
        running.database.execute(
            "INSERT INTO directus_permissions (policy, collection, action, permissions, fields)"
            f" VALUES ('{public}', 'organization_devices', 'read', '{{}}', 'device_id');"
            "INSERT INTO directus_presets (collection, bookmark) VALUES ('organization_devices', 'Fast')"
        )
        kept = (
            "SELECT 'permission', fields FROM directus_permissions WHERE collection = 'organization_devices'"
            " UNION ALL SELECT 'preset', bookmark FROM directus_presets WHERE collection = 'organization_devices'"
            " ORDER BY 1, 2"
        )
        before = running.database.rows(kept)
        without = edited(
            Path(shutil.copy(file, tmp_path / "without.yaml")), without_collections("organization_devices")
        )
        removed = running.tool("push", "--snapshot", without, "--allow-destroy", "organization_devices")
        assert (removed.code, running.database.rows(kept)) == (0, []), removed.text
        assert running.tool("push", "--snapshot", file).code == 0
        copy = running.database.value("SELECT max(id) FROM directus_sync.attic_copies")
        running.tool.done("attic", "restore", str(copy))
        assert running.database.rows(kept) == before
        again = running.tool("attic", "restore", str(copy))
        assert "Restored 0 rows" in again.out
        assert running.database.rows(kept) == before


def test_push_refuses_a_saved_plan_after_access_changed(site: Site, tmp_path: Path) -> None:
    site.write(EVENTS_FILE, "read: [id, name]", "read: [id]")
    plan = tmp_path / "plan.json"
    assert site.whole("diff", "--out", str(plan)).code == 3
    site.http("PATCH", f"/policies/{MARSHAL_ID}", {"icon": "key"})
    refused = site.whole("push", "--plan", str(plan))
    assert (refused.code, "error[stale-plan]" in refused.err) == (4, True), refused.text
    site.http("PATCH", f"/policies/{MARSHAL_ID}", {"icon": "badge"})
    assert "Pushed 1 change of access" in site.whole("push", "--plan", str(plan)).out


# A second set of files, which adds, removes and changes policies and rights.
OTHER_TOP = (
    TOP.replace("policies: [base, org-admin, marshal]", "policies: [org-admin, press]")
    .replace("name: Marshal,", "name: Marshals,")
    .replace("base: {id: 0c3f0001-0d3a-4b8e-9a51-3c0d5f6b7b03, name: Base}", f"press: {{id: {PRESS_ID}, name: Press}}")
)
OTHER_EVENTS = EVENTS.replace("[id, name]", "'*'").replace("delete: true", "share: true") + (
    "public: {read: {fields: [name], rows: [{discipline: {_eq: rally}}]}}\n"
)
MOMENTS = [(number, when) for number in (1, 2, 3, 4, 5) for when in ("before", "after")]


def write(snapshot: Path, other: bool) -> None:
    """Write the first or the second set of files."""
    top, events = (OTHER_TOP, OTHER_EVENTS) if other else (TOP, EVENTS)
    access_files.complete(snapshot, top, events=events)
    if other:
        for path in (snapshot.with_name("access") / "collections").glob("*.yaml"):
            path.write_text(path.read_text().replace("base: {}", "press: {}"))


def rights(site: Site) -> list[tuple[Any, ...]]:
    return site.rows(
        "SELECT 'permission', policy::text, collection, action, fields FROM directus_permissions UNION ALL"
        " SELECT 'attached', role::text, policy::text, NULL, NULL FROM directus_access ORDER BY 1, 2, 3, 4"
    )


@pytest.mark.parametrize(
    "moments", [MOMENTS[1:4:2], pytest.param(MOMENTS, marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_a_killed_push_grants_only_old_and_new_rights_and_can_be_repeated(
    site: Site, moments: list[tuple[int, str]]
) -> None:
    seen, other = rights(site), False
    push = ("push", "--allow-destroy", "policy:base,policy:press")
    for moment, when in moments:
        other = not other
        write(site.snapshot, other)
        site.killed(moment, when, *push)
        halfway = rights(site)
        site.done(*push)
        after = rights(site)
        assert set(halfway) <= {*seen, *after}, (moment, when)
        site.done("diff")
        seen = after
