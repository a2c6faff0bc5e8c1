"""The project's own access files, and the page that is generated from them."""

from __future__ import annotations

from directus_sync.resources.access import compiling, lint, reading
from directus_sync.resources.access_kinds import EVERY_FIELD
from directus_sync.schema import snapshot
from tests.conftest import ROOT, SNAPSHOT
from tools import access_docs

FOLDER = ROOT / "snapshots" / "access"
SCHEMA = snapshot.read(SNAPSHOT)
ACCESS = reading.read(FOLDER)


def test_the_project_s_access_files_have_no_findings() -> None:
    assert [str(finding) for finding in lint.findings(ACCESS, SCHEMA, compiling.compiled(ACCESS, SCHEMA))] == []


def test_the_page_has_a_row_for_each_collection_and_marks_rights_on_some_rows() -> None:
    page = access_docs.page(ACCESS)
    assert "| [entries](#entries) |  | CRUD | CRUD | RU° | R | RU° | R |  |" in page
    assert "| update | marshal | `notes` | of the organisation, `during` |" in page


def test_no_policy_can_read_a_list_of_a_shared_row_that_leads_to_other_organisations() -> None:
    """A filter can follow every readable field, and ignores the rules for rows."""
    lists = {key for key, entry in SCHEMA.section("fields").items() if entry["type"] == "alias"}
    shared = [found for found in ACCESS.collections.values() if "." in (found.tenant or "")]
    for collection in shared:
        if (collection.collection, (collection.tenant or "").partition(".")[0]) not in lists:
            continue
        for grant in collection.grants:
            for rule in grant.rules if grant.action == "read" else ():
                assert rule.fields != EVERY_FIELD
                assert not {(collection.collection, name) for name in rule.fields} & lists, grant.where
