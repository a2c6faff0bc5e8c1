"""The access files that `pull` writes: in the short form, without loss, and with unchanged lines kept."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from directus_sync import settings
from directus_sync.errors import InvalidAccess
from directus_sync.resources import judging
from directus_sync.resources.access import compiling, reading, writing
from directus_sync.resources.access_kinds import ACCESS
from directus_sync.resources.items import Resource
from directus_sync.schema import snapshot
from tests import access_files
from tests.access_files import ADMIN_ID, BASE_ID

SCHEMA = snapshot.read(settings.ROOT / "snapshots" / "schema.yaml")
TENANT = {
    "organization_id": {"organization_users": {"user_id": {"_eq": "$CURRENT_USER"}, "role": {"_in": ["marshal"]}}}
}


class Folder:
    """Access files, and a database that starts equal to them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.live = self.wanted()

    def wanted(self) -> dict[str, Resource]:
        return {item.id: item for item in compiling.compiled(reading.read(self.path), SCHEMA)}

    def edit(self, name: str, **values: Any) -> None:
        self.live[name] = dataclasses.replace(
            self.live[name], rows=tuple({**row, **values} for row in self.live[name].rows)
        )

    def allow(self, policy: str, key: str, collection: str, action: str, **values: Any) -> None:
        row = {"policy": key, "collection": collection, "action": action, "fields": ["*"], "permissions": {}}
        rows = ({**row, "validation": None, "presets": None, **values},)
        item = Resource("permission", f"{policy}/{collection}/{action}", rows)
        self.live[item.id] = item

    def pull(self) -> dict[str, str]:
        """Return the new text of each file that a pull changes, by name."""
        differing = [change.id for change in judging.changes(ACCESS, self.wanted(), self.live)]
        changed = writing.rewritten(self.path, reading.contents(self.path), self.live, differing, SCHEMA)
        return {path.name: content.decode() for path, content in changed.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(access_files.written(tmp_path))


def test_a_changed_action_replaces_only_its_part_of_the_line(folder: Folder) -> None:
    folder.edit("permission:marshal/events/read", fields=["id", "name", "slug"])
    (text,) = folder.pull().values()
    assert text == access_files.EVENTS.replace("[id, name]", "[id, name, slug]")
    assert "# no notes" in text


def test_alignment_is_kept(tmp_path: Path) -> None:
    text = "tenant: organization_id\norg-admin: {read: '*'}\nmarshal:   {read: '*'}  # all\n"
    folder = Folder(access_files.written(tmp_path, events=text))
    folder.edit("permission:marshal/events/read", fields=["id"])
    assert folder.pull()["events.yaml"] == text.replace("marshal:   {read: '*'}", "marshal:   {read: [id]}")


def test_a_value_that_is_a_yaml_alias_can_be_replaced(tmp_path: Path) -> None:
    text = "tenant: organization_id\norg-admin: {read: &fields [id, name]}\nmarshal: {read: *fields}\n"
    folder = Folder(access_files.written(tmp_path, events=text))
    folder.edit("permission:marshal/events/read", fields=["id"])
    assert folder.pull()["events.yaml"] == text.replace("{read: *fields}", "{read: [id]}")


@pytest.mark.parametrize(
    ("rows", "written"),
    [
        ({}, "rows: all"),
        (TENANT, "[id]"),
        ({"_and": [TENANT, {"name": {"_eq": "a"}}]}, "rows: [tenant, {name: {_eq: a}}]"),
        ({"_and": [{"name": {"_eq": "a"}}]}, "rows: [{_and: [{name: {_eq: a}}]}]"),
        ({"_or": [TENANT, {"name": {"_in": ["yes", "1"]}}]}, "{name: {_in: ['yes', '1']}}"),
    ],
)
def test_a_filter_is_written_in_its_short_form(folder: Folder, rows: dict[str, Any], written: str) -> None:
    folder.edit("permission:marshal/events/read", fields=["id"], permissions=rows)
    assert written in folder.pull()["events.yaml"]


def test_a_filter_that_the_file_names_is_written_by_its_name(folder: Folder) -> None:
    folder.edit("permission:marshal/stages/read", permissions={"status": {"_eq": "draft"}})
    assert "marshal: {read: {fields: '*', rows: [draft]}}" in folder.pull()["stages.yaml"]


def test_several_rules_are_written_as_a_list(folder: Folder) -> None:
    (row,) = folder.live["permission:marshal/events/read"].rows
    rows = (row, {**row, "fields": ["slug"], "permissions": {}})
    folder.live["permission:marshal/events/read"] = Resource("permission", "marshal/events/read", rows)
    assert "marshal: {read: [{fields: [id, name]}, {fields: [slug], rows: all}]}" in folder.pull()["events.yaml"]


def test_the_last_right_of_a_collection_and_the_last_role_can_be_removed(tmp_path: Path) -> None:
    folder = Folder(access_files.written(tmp_path, events="# Who.\nmarshal: {create: '*'}\n"))
    for name in [name for name in folder.live if not name.startswith("policy:")]:
        del folder.live[name]
    changed = folder.pull()
    assert changed["events.yaml"] == "# Who.\n{}\n"
    assert "\nroles: {}\n" in changed["access.yaml"]


def test_a_new_permission_is_added_to_the_permissions_of_its_policy(folder: Folder) -> None:
    folder.allow("base", BASE_ID, "events", "delete")
    folder.allow("org-admin", ADMIN_ID, "stages", "share")
    changed = folder.pull()
    assert changed["events.yaml"].endswith("base: {delete: {rows: all}}\n")
    assert "delete: {rows: [tenant, draft]}" in changed["stages.yaml"]
    assert "share: {rows: all}" in changed["stages.yaml"]


def test_a_new_file_is_written_for_a_collection_without_one(folder: Folder) -> None:
    folder.allow("base", BASE_ID, "classes", "read")
    assert folder.pull() == {"classes.yaml": "base: {read: {fields: '*', rows: all}}\n"}


def test_a_role_is_written_with_its_policies_in_order(folder: Folder) -> None:
    folder.edit("attach:member/base", sort=3)
    folder.edit("attach:member/marshal", sort=1)
    folder.edit("role:member", description="Everybody")
    text = folder.pull()["access.yaml"]
    assert "# Who there is." in text
    assert "    policies: [marshal, org-admin, base]\n    description: Everybody\n" in text


def test_a_value_that_was_emptied_in_directus_is_written_as_null(folder: Folder) -> None:
    text = access_files.TOP.replace("name: Member", "name: Member\n    description: Everybody")
    (folder.path / "access.yaml").write_text(text.replace("name: Base}", "name: Base, ip_access: [10.0.0.1]}"))
    folder.edit("policy:base", ip_access=None)
    folder.edit("role:member", description=None)
    written = folder.pull()["access.yaml"]
    assert ("description: null" in written, "ip_access: null" in written) == (True, True)
    (folder.path / "access.yaml").write_text(written)
    assert folder.pull() == {}


def test_a_policy_keeps_its_members(folder: Folder) -> None:
    folder.edit("policy:marshal", app_access=True)
    assert "name: Marshal, member: [marshal], app_access: true}" in folder.pull()["access.yaml"]


def test_a_removed_policy_is_removed_from_every_file(folder: Folder) -> None:
    for name in [name for name in folder.live if "marshal" in name]:
        del folder.live[name]
    changed = folder.pull()
    assert not any("marshal" in text for text in changed.values())
    assert set(changed) == {"access.yaml", "events.yaml", "stages.yaml"}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"presets": {"name": "a"}}, "it has presets"),
        ({"validation": {"name": {"_eq": "a"}}}, "it lacks the check of the organisation"),
    ],
)
def test_a_permission_that_the_file_format_cannot_express_is_refused(
    folder: Folder, values: dict[str, Any], why: str
) -> None:
    folder.edit("permission:org-admin/events/create", **values)
    with pytest.raises(InvalidAccess, match=why):
        folder.pull()


def test_admin_access_is_never_written(folder: Folder) -> None:
    folder.edit("policy:marshal", admin_access=True)
    with pytest.raises(InvalidAccess, match="admin_access"):
        folder.pull()


def test_fields_and_actions_keep_their_order_in_the_file(tmp_path: Path) -> None:
    text = (
        "tenant: organization_id\norg-admin:\n  # Names first.\n  read: [slug, name]\n  update:\n    [slug, name,\n"
        "     notes]\nmarshal: {update: [slug, name], read: [slug, name]}\n"
    )
    folder = Folder(access_files.written(tmp_path, events=text))
    folder.edit("permission:org-admin/events/read", fields=["id", "name", "slug"])
    folder.edit("permission:marshal/events/read", fields=["name", "notes", "slug"])
    assert folder.pull()["events.yaml"] == text.replace("  read: [slug, name]\n", "  read: [slug, name, id]\n").replace(
        "read: [slug, name]}", "read: [slug, name, notes]}"
    )


def test_empty_files_can_be_filled_from_a_database(folder: Folder, tmp_path: Path) -> None:
    started = Folder(access_files.written(tmp_path / "new", "policies: {}\n", events="public: {}\n"))
    started.live = folder.live
    changed = started.pull()
    assert changed["access.yaml"].startswith("policies:\n  base: {")
    assert "roles: {member: {" in changed["access.yaml"]
    assert set(changed) == {"access.yaml", "events.yaml", "stages.yaml"}
