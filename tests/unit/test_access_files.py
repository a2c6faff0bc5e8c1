"""Access files: the rows that they compile to, and the errors with file and line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from directus_sync import settings
from directus_sync.errors import InvalidAccess
from directus_sync.resources.access import compiling, reading
from directus_sync.schema import snapshot
from directus_sync.schema.snapshot import Snapshot
from tests import access_files
from tests.access_files import ADMIN_ID, EVENTS, MARSHAL_ID, TOP
from tools import access_docs

SCHEMA = snapshot.read(settings.ROOT / "snapshots" / "schema.yaml")
MARSHALS = {"organization_users": {"user_id": {"_eq": "$CURRENT_USER"}, "role": {"_in": ["marshal"]}}}
ADMINS = {"organization_users": {"user_id": {"_eq": "$CURRENT_USER"}, "role": {"_in": ["org-admin"]}}}


def compiled(folder: Path, schema: Snapshot = SCHEMA) -> dict[str, list[dict[str, Any]]]:
    return {item.id: [dict(row) for row in item.rows] for item in compiling.compiled(reading.read(folder), schema)}


def test_a_list_of_fields_is_limited_to_the_rows_of_the_tenant(tmp_path: Path) -> None:
    (row,) = compiled(access_files.written(tmp_path))["permission:marshal/events/read"]
    assert row["fields"] == ["id", "name"]
    assert row["permissions"] == {"organization_id": MARSHALS}


def test_the_key_rows_combines_the_tenant_names_and_literal_filters(tmp_path: Path) -> None:
    rows = compiled(access_files.written(tmp_path))
    tenant = {"event_id": {"organization_id": ADMINS}}
    assert rows["permission:org-admin/stages/delete"][0]["permissions"] == {
        "_and": [tenant, {"status": {"_eq": "draft"}}]
    }
    assert rows["permission:marshal/stages/read"][0]["permissions"]["_and"][1] == {"status": {"_neq": "draft"}}


def test_the_organisation_of_a_new_row_is_validated(tmp_path: Path) -> None:
    (row,) = compiled(access_files.written(tmp_path))["permission:org-admin/events/create"]
    assert row["validation"] == {"organization_id": {"_in": "$CURRENT_USER.organization_users.organization_id"}}
    assert row["permissions"] is None


def test_the_event_of_a_new_row_is_validated_if_organizations_list_their_events(tmp_path: Path) -> None:
    relation = dict(SCHEMA.section("relations")["events", "organization_id"])
    relation["meta"] = {**relation["meta"], "one_field": "events"}
    relations = {**SCHEMA.section("relations"), ("events", "organization_id"): relation}
    schema = Snapshot(b"", "", SCHEMA.directus, {**SCHEMA.sections, "relations": relations})
    (row,) = compiled(access_files.written(tmp_path), schema)["permission:org-admin/stages/create"]
    assert row["validation"] == {"event_id": {"_in": "$CURRENT_USER.organization_users.organization_id.events.id"}}


def test_a_validation_in_the_file_is_added_to_that_of_the_tenant(tmp_path: Path) -> None:
    text = EVENTS.replace("create: '*'", "create: {fields: '*', validation: {discipline: {_eq: rally}}}")
    (row,) = compiled(access_files.written(tmp_path, events=text))["permission:org-admin/events/create"]
    assert row["validation"]["_and"][0] == {"discipline": {"_eq": "rally"}}


def test_several_rules_of_one_action_are_one_item(tmp_path: Path) -> None:
    text = "tenant: organization_id\nmarshal:\n  read:\n  - {fields: [id]}\n  - {fields: [name], rows: all}\n"
    rows = compiled(access_files.written(tmp_path, events=text))["permission:marshal/events/read"]
    assert [(row["fields"], row["permissions"] == {}) for row in rows] == [(["id"], False), (["name"], True)]


def test_the_public_policy_has_directus_s_own_id(tmp_path: Path) -> None:
    rows = compiled(access_files.written(tmp_path, events="public: {read: {fields: [name], rows: all}}\n"))
    assert rows["permission:public/events/read"][0]["policy"] == "abf8a154-5b1c-4a46-ac9c-7300570f4f17"


def test_the_extension_gets_the_path_and_the_members_who_may_write(tmp_path: Path) -> None:
    access = reading.read(
        access_files.written(tmp_path, events=EVENTS, devices="base: {read: {fields: '*', rows: all}}")
    )
    assert access_docs.guarded(access) == {
        "events": {"path": "organization_id", "create": ["org-admin"], "update": ["org-admin"], "delete": ["org-admin"]}
    }


def test_a_policy_without_members_cannot_use_the_tenant(tmp_path: Path) -> None:
    folder = access_files.written(tmp_path, events="tenant: organization_id\nbase: {read: '*'}\n")
    with pytest.raises(InvalidAccess, match="has no `member`") as error:
        compiling.compiled(reading.read(folder), SCHEMA)
    assert str(error.value.where).endswith("events.yaml:2")


def _bad_collections() -> Iterator[Any]:
    for what, line, text in (
        ("nobody is neither a policy", 1, "nobody: {read: '*'}"),
        ("base.look is not an action", 1, "base: {look: '*'}"),
        ("has no rows, and the file has no tenant", 1, "base: {read: '*'}"),
        ("names mine, which this file does not define", 2, "tenant: a\nbase: {read: {fields: '*', rows: [mine]}}"),
        ("is empty; write all", 1, "base: {read: {fields: '*', rows: []}}"),
        ("must be a filter", 1, "base: {read: {fields: '*', rows: [{}]}}"),
        ("base.read has no fields", 1, "base: {read: {rows: all}}"),
        ("presets is not known here", 1, "base: {read: {fields: '*', rows: all, presets: {a: 1}}}"),
        ("base.create.rows is not known here", 1, "base: {create: {fields: '*', rows: all}}"),
        ("must be true", 2, "tenant: a\nbase: {delete: '*'}"),
        ("contains a value twice", 2, "tenant: a\nbase: {read: [id, id]}"),
        ("must be a path", 1, "tenant: a..b"),
        ("the file is empty", None, ""),
        ("the file must be a mapping", 1, "- a"),
        ("the key 'base' twice", 2, "base: {}\nbase: {}"),
    ):
        yield pytest.param(what, line, text, id=what)


@pytest.mark.parametrize(("what", "line", "text"), list(_bad_collections()))
def test_a_malformed_collection_file_is_refused_with_its_line(
    tmp_path: Path, what: str, line: int | None, text: str
) -> None:
    with pytest.raises(InvalidAccess, match=what) as error:
        reading.read(access_files.written(tmp_path, events=text))
    assert str(error.value.where).endswith("events.yaml" if line is None else f"events.yaml:{line}")


@pytest.mark.parametrize(
    ("what", "old", "new"),
    [
        ("must be a UUID", ADMIN_ID, "one"),
        ("has the id of org-admin", MARSHAL_ID, ADMIN_ID),
        ("which is not a policy", "[base, org-admin,", "[base, owner,"),
        ("and not public, rows, tenant", "  marshal:", "  rows:"),
        ("there is no role owner", "    name: Member", "    parent: owner\n    name: Member"),
        ("must be true or false", "name: Marshal,", "name: Marshal, app_access: 1,"),
    ],
)
def test_malformed_roles_and_policies_are_refused(tmp_path: Path, what: str, old: str, new: str) -> None:
    with pytest.raises(InvalidAccess, match=what):
        reading.read(access_files.written(tmp_path, TOP.replace(old, new)))
