"""What is kept of Directus's lists. That this is what Directus exports is shown in tests/integration."""

from __future__ import annotations

from typing import Any

from directus_sync.schema import export

SYSTEM = {"system": True}


def assembled(**lists: list[Any]) -> dict[str, Any]:
    """Return the parts of an export that the lists make, without those that say nothing."""
    document = export.assemble("11.17.4", *(lists.get(name, []) for name in ("collections", "fields", "relations")))
    return {key: value for key, value in document.items() if isinstance(value, list) and value}


def test_an_export_says_of_what_it_is() -> None:
    document = export.assemble("11.17.4", [], [], [])
    assert (document["version"], document["directus"], document["vendor"]) == (1, "11.17.4", "postgres")


def test_tables_that_directus_only_sees_are_left_out() -> None:
    untracked = {"collection": "positions", "meta": None, "schema": {"name": "positions"}}
    assert assembled(collections=[untracked], fields=[{**untracked, "field": "id"}], relations=[untracked]) == {}


def test_what_is_directus_s_own_is_left_out_but_for_its_indexed_fields() -> None:
    own = {"collection": "directus_users", "meta": SYSTEM, "schema": {"name": "directus_users"}}
    indexed = {**own, "field": "email", "type": "string", "schema": {"is_indexed": True, "is_unique": True}}
    alias = {**own, "field": "alias", "schema": None}
    plain = {**own, "field": "note", "schema": {"is_indexed": False}}
    assert assembled(collections=[own], fields=[indexed, alias, plain], relations=[own]) == {
        "systemFields": [{"collection": "directus_users", "field": "email", "schema": {"is_indexed": True}}]
    }


def test_ids_of_fields_and_relations_are_left_out() -> None:
    field = {"collection": "a", "field": "b", "type": "alias", "meta": {"id": 7, "note": "n"}, "schema": None}
    relation = {"collection": "a", "field": "b", "related_collection": None, "meta": {"id": 7}, "schema": None}
    assert assembled(fields=[field], relations=[relation]) == {
        "fields": [{"collection": "a", "field": "b", "type": "alias", "meta": {"note": "n"}}],
        "relations": [{"collection": "a", "field": "b", "related_collection": None, "meta": {}}],
    }


def test_of_the_columns_only_what_a_schema_says_is_kept() -> None:
    given = {"collection": "a", "meta": {"id": "stays"}, "schema": {"name": "a", "schema": "public", "comment": None}}
    assert assembled(collections=[given]) == {
        "collections": [{"collection": "a", "meta": {"id": "stays"}, "schema": {"name": "a"}}]
    }
