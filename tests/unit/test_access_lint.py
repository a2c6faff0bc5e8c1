"""Rules that access files must not contain, found without Directus."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from directus_sync import settings
from directus_sync.errors import InvalidAccess
from directus_sync.resources.access import compiling, lint, reading
from directus_sync.resources.findings import Finding, require_none
from directus_sync.schema import snapshot
from directus_sync.schema.snapshot import Snapshot
from tests import access_files
from tests.access_files import EVENTS, STAGES, TOP

SCHEMA = snapshot.read(settings.ROOT / "snapshots" / "schema.yaml")
OWN = "{user_id: {_eq: $CURRENT_USER}, organization_id: {organization_users: {user_id: {_eq: $CURRENT_USER}}}}"


def findings(folder: Path, top: str = TOP, schema: Snapshot = SCHEMA, **collections: str) -> list[Finding]:
    access = reading.read(access_files.written(folder, top, **collections))
    found = lint.findings(access, schema, compiling.compiled(access, schema))
    # In these tests all other collections of the schema lack their files.
    return [finding for finding in found if "has no access file" not in finding.what]


def whats(folder: Path, **collections: str) -> str:
    return "\n".join(finding.what for finding in findings(folder, TOP, SCHEMA, **collections) if finding.is_error)


def test_correct_files_have_no_findings(tmp_path: Path) -> None:
    assert findings(tmp_path, events=EVENTS, organization_users=f"base: {{read: {{fields: '*', rows: [{OWN}]}}}}") == []


def test_a_collection_without_a_file_is_named_with_advice(tmp_path: Path) -> None:
    access = reading.read(access_files.written(tmp_path))
    found = lint.findings(access, SCHEMA, compiling.compiled(access, SCHEMA))
    (classes,) = [finding for finding in found if "collection classes has no access file" in finding.what]
    assert classes.where.endswith("collections/classes.yaml")
    assert "write classes.yaml: `tenant:`" in classes.next


@pytest.mark.parametrize(
    ("what", "rule"),
    [
        ("events has no field colour", "marshal: {read: {fields: '*', rows: [tenant, {colour: {_eq: red}}]}}"),
        ("marshal.read names colour, which is not a field", "marshal: {read: [colour]}"),
        ("Directus has no operator _like", "marshal: {read: {fields: '*', rows: [tenant, {name: {_like: a}}]}}"),
        ("Directus has no variable $ME", "marshal: {read: {fields: '*', rows: [tenant, {name: {_eq: $ME}}]}}"),
        ("leads nowhere", "marshal: {read: {fields: '*', rows: [tenant, {id: {_in: $CURRENT_USER.crew.id}}]}}"),
        (
            "_some lets every row through",
            "marshal: {read: {fields: '*', rows: [tenant, {organization_id: {_some: {id: 1}}}]}}",
        ),
        ("has no operator", "marshal: {read: {fields: '*', rows: [tenant, {name: {}}]}}"),
        ("lets every row through", "marshal: {read: {fields: '*', rows: [tenant, {_or: []}]}}"),
        ("is not a relation", "marshal: {read: {fields: '*', rows: [tenant, {name: {id: {_eq: 1}}}]}}"),
        ("without checking for a membership", "base: {read: {fields: '*', rows: all}}"),
        ("without checking for a membership", "base: {read: {fields: '*', rows: [{name: {_eq: a}}]}}"),
        ("may update events.organization_id", "marshal: {update: '*'}"),
        ("may update events.organization_id", "marshal: {update: [name, organization_id]}"),
        ("has no `member`, but may create events", "base: {create: '*'}"),
        (
            "cannot follow the relation",
            "marshal: {create: {fields: '*', validation: {organization_id: {name: {_eq: a}}}}}",
        ),
        (
            "have different validations",
            "marshal: {update: {fields: [name], validation: {name: {_neq: a}}}}\norg-admin: {update: [name]}",
        ),
    ],
)
def test_a_rule_that_leaks_rows_or_names_something_unknown_is_an_error(tmp_path: Path, what: str, rule: str) -> None:
    assert what in whats(tmp_path, events=f"tenant: organization_id\n{rule}\n")


@pytest.mark.parametrize(
    ("what", "rule"),
    [
        ("includes email of users", "read: {fields: [first_name, email], rows: [{id: {_eq: $CURRENT_USER}}]}"),
        ("password, tfa_secret, token of users", "read: {fields: '*', rows: all}"),
        ("includes policies, role of users", "update: {fields: [role, policies, language], rows: all}"),
    ],
)
def test_a_right_to_secrets_or_roles_of_users_is_an_error(tmp_path: Path, what: str, rule: str) -> None:
    assert what in whats(tmp_path, directus_users=f"base: {{{rule}}}")


def test_a_tenant_path_that_does_not_lead_to_an_organisation_is_an_error(tmp_path: Path) -> None:
    assert "leads to events, not to an organisation" in whats(tmp_path, stages="tenant: event_id\n")
    assert "leads to nothing" in whats(tmp_path, stages="tenant: event_id.colour\n")


def test_a_tenant_path_that_directus_cannot_follow_backwards_is_an_error(tmp_path: Path) -> None:
    fields = {key: entry for key, entry in SCHEMA.section("fields").items() if key != ("organizations", "events")}
    relations = {
        key: {**entry, "meta": {**entry["meta"], "one_field": None}} if key == ("events", "organization_id") else entry
        for key, entry in SCHEMA.section("relations").items()
    }
    schema = dataclasses.replace(SCHEMA, sections={**SCHEMA.sections, "fields": fields, "relations": relations})
    (found,) = findings(tmp_path, schema=schema, stages=STAGES)
    assert "no field of organizations lists its events" in found.what
    assert "one to many, by events.organization_id" in found.next


def test_a_file_for_a_missing_collection_is_an_error(tmp_path: Path) -> None:
    assert "there is no collection planets" in whats(tmp_path, planets="base: {read: {fields: '*', rows: all}}")


def test_admin_access_is_an_error(tmp_path: Path) -> None:
    top = TOP.replace("name: Base", "name: Base, admin_access: true")
    assert [finding.what for finding in findings(tmp_path, top, events=EVENTS)] == [
        "base has admin_access, which lets its users bypass every rule"
    ]


def test_fields_that_are_hidden_in_some_rows_are_a_warning(tmp_path: Path) -> None:
    text = "tenant: organization_id\nmarshal: {read: [{fields: [id]}, {fields: [id, notes], rows: [tenant]}]}\n"
    (found,) = findings(tmp_path, events=text)
    assert not found.is_error
    assert "is not secret there" in found.what


def test_every_error_is_listed_and_stops_the_push(tmp_path: Path) -> None:
    found = findings(tmp_path, events="tenant: organization_id\nmarshal: {update: '*', read: [colour]}\n")
    with pytest.raises(InvalidAccess) as error:
        require_none(found, InvalidAccess, "access")
    assert error.value.what == "2 errors in the access files"
    assert "events.yaml:2: marshal may update" in str(error.value.where)
