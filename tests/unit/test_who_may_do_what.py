"""The project's own access files: nothing is wrong with them, each collection has one, what is generated is fresh."""

from __future__ import annotations

from dataclasses import replace

from directus_sync.resources.access import compiling, lint, reading
from directus_sync.resources.access_kinds import EVERY_FIELD
from directus_sync.resources.findings import Finding
from directus_sync.schema import snapshot
from directus_sync.schema.snapshot import Snapshot
from tests.conftest import ROOT, SNAPSHOT
from tools import access_docs

FOLDER = ROOT / "snapshots" / "access"
SCHEMA = snapshot.read(SNAPSHOT)
ACCESS = reading.read(FOLDER)


def test_nothing_is_wrong_with_the_access_files() -> None:
    assert [str(finding) for finding in found(SCHEMA)] == []


def test_a_collection_without_an_access_file_is_told_what_to_write() -> None:
    (finding,) = found(with_collection("trophies"))
    assert finding.what == "the collection trophies has no access file, so nobody decided who may do what with it"
    assert finding.where == str(FOLDER / "collections" / "trophies.yaml")
    assert "write trophies.yaml: `tenant:` with the path to the organisation" in finding.next


def test_the_page_shows_a_row_for_each_collection_and_marks_what_holds_for_some_rows() -> None:
    page = access_docs.page(ACCESS)
    assert "| [entries](#entries) |  | CRUD | CRUD | RU° | R | RU° | R |  |" in page
    assert "| update | marshal | `notes` | of the organisation, `during` |" in page


def test_no_policy_reads_what_leads_from_a_shared_row_to_other_organisations() -> None:
    """A filter follows every field that some policy reads, past the rules for rows."""
    lists = {key for key, entry in SCHEMA.section("fields").items() if entry["type"] == "alias"}
    shared = [found for found in ACCESS.collections.values() if "." in (found.tenant or "")]
    for collection in shared:
        if (collection.collection, (collection.tenant or "").partition(".")[0]) not in lists:
            continue
        for grant in collection.grants:
            for rule in grant.rules if grant.action == "read" else ():
                assert rule.fields != EVERY_FIELD
                assert not {(collection.collection, name) for name in rule.fields} & lists, grant.where


def found(schema: Snapshot) -> tuple[Finding, ...]:
    """Return what is wrong with the project's files beside a schema."""
    return lint.findings(ACCESS, schema, compiling.compiled(ACCESS, schema))


def with_collection(name: str) -> Snapshot:
    """Return the project's schema with one more collection."""
    collections = {**SCHEMA.section("collections"), (name,): {"collection": name, "meta": {}, "schema": {"name": name}}}
    return replace(SCHEMA, sections={**SCHEMA.sections, "collections": collections})
