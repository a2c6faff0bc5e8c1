"""Six schemas of 40 to 90 collections, like published ones: pushed, changed, removed with approval, and restored.

Each has junctions, translations, files, many-to-any relations, and relations to the same collection.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
import yaml

from tests.conftest import Database, Finished, Tool
from tests.properties.schemas import TYPES, Schema
from tests.snapshots import A_ROW_EACH, Document, Edit, edited, without_collections

THEMES: Final = {
    "shop": "products variants brands categories carts orders lines payments refunds coupons reviews stocks stores",
    "blog": "posts pages authors tags comments series menus redirects banners forms subscribers issues",
    "clinic": "patients doctors visits rooms drugs prescriptions labs results insurers invoices wards shifts beds",
    "school": "pupils teachers courses lessons grades rooms terms exams subjects homework absences parents buses clubs",
    "library": "books copies readers loans fines shelves publishers genres branches events holds scans donors",
    "fleet": "cars drivers trips fuels garages repairs parts tyres permits tolls depots routes stops alarms owners",
}


SYSTEM: Final = [
    {"collection": collection, "field": field, "schema": {"is_indexed": True}}
    for collection, field in (
        ("directus_activity", "timestamp"),
        ("directus_revisions", "activity"),
        ("directus_revisions", "parent"),
    )
]


class Public(Schema):
    """A schema of one theme: its tables and the relations between them."""

    def __init__(self, theme: str, empty: Document) -> None:
        self.random = Random(theme)
        self.document = copy.deepcopy(empty)
        self.names = [f"{theme}_{name}" for name in THEMES[theme].split()]
        self.keys = {name: self.random.choice(["integer", "uuid"]) for name in self.names}
        self.keys |= {"languages": "string", "directus_files": "uuid", "directus_users": "uuid"}
        self._collection(f"{theme}_folder", None)
        for name in ["languages", *self.names]:
            self._table(name, None if name == "languages" else f"{theme}_folder")
        for number, name in enumerate(self.names):
            self._join(name, self.names[number - 1])
        self._in_order()

    def _table(self, name: str, group: str | None) -> None:
        self._collection(name, {"name": name}, group=group)
        self._key(name, self.keys.setdefault(name, "integer"))
        for place, kind in enumerate(self.random.sample(list(TYPES), 5), 2):
            self._field(name, f"f_{kind.replace('.', '_')}", kind, place, is_nullable=True, default_value=None)

    def _key(self, name: str, kind: str) -> None:
        counts = kind == "integer"
        default = f"nextval('{name}_id_seq'::regclass)" if counts else None
        column: dict[str, Any] = {
            "default_value": default,
            "is_nullable": False,
            "is_unique": True,
            "is_indexed": False,
        }
        field = "code" if kind == "string" else "id"
        self._field(name, field, kind, 1, **column, is_primary_key=True, has_auto_increment=counts)

    def _join(self, name: str, other: str) -> None:
        """Relate a table to itself, another table, files, a user, its translations and to any collection."""
        self._many_to_one(name, "parent", name)
        self._many_to_one(name, "other", other)
        self._one_way(name, "owner", "directus_users")
        for suffix, fields in {"files": {"directus_files_id": "directus_files"}, "links": {"other_id": other}}.items():
            self._junction(f"{name}_{suffix}", {f"{name}_id": name, **fields})
        if self.random.random() < 0.7:
            self._junction(f"{name}_translations", {f"{name}_id": name, "languages_code": "languages"})
        if self.random.random() < 0.4:
            self._junction(f"{name}_blocks", {f"{name}_id": name})
            self._field(f"{name}_blocks", "item", "string", 30, is_nullable=True, default_value=None)
            self._field(f"{name}_blocks", "collection", "string", 31, is_nullable=True, default_value=None)
            allowed: dict[str, Any] = {"one_allowed_collections": [name, other], "one_collection_field": "collection"}
            self._relation(f"{name}_blocks", "item", None, **allowed)

    def _junction(self, name: str, fields: dict[str, str]) -> None:
        self._collection(name, {"name": name}, hidden=True)
        self._key(name, "integer")
        for field, related in fields.items():
            self._one_way(name, field, related)

    def _one_way(self, name: str, field: str, related: str) -> None:
        """Add a relation without a field on the other side."""
        kind = self.keys[related]
        key = "code" if kind == "string" else "id"
        column: dict[str, Any] = {"foreign_key_table": related, "foreign_key_column": key, "is_unique": False}
        self._field(name, field, kind, 40, default_value=None, is_nullable=True, **column)
        self._relation(name, field, related, key, one_collection=related)


def changed(document: Document) -> None:
    """Change notes, lengthen texts, and add a field to each table that has a string field."""
    for entry in document["collections"][::2]:
        entry["meta"]["note"] = "changed: # 'so'"
    for entry in [entry for entry in document["fields"] if entry["field"] == "f_string"]:
        entry["schema"]["max_length"] = 300
        more = copy.deepcopy(entry)
        more["field"] = more["meta"]["field"] = more["schema"]["name"] = "more"
        document["fields"].append(more)


def counts(database: Database, names: list[str]) -> dict[str, int]:
    return {name: database.value(f"SELECT count(*) FROM {name}") for name in names}


@dataclass(frozen=True)
class SchemaTool:
    """The tool with its own snapshot file, for the schema only."""

    tool: Tool
    file: Path

    def __call__(self, command: str) -> Finished:
        overwrite = ["--overwrite"] if command == "pull" else []
        return self.tool(command, "--only", "schema", "--snapshot", self.file, *overwrite)

    def must(self, command: str) -> Finished:
        done = self(command)
        assert done.code == 0, done.text
        return done


def without_ends(gone: list[str]) -> Edit:
    """Return an edit that removes the fields that belonged to relations of these collections."""

    def edit(document: Document) -> None:
        left = {(relation["collection"], relation["field"]) for relation in document["relations"]}
        ends = {relation["meta"]["one_field"] for relation in document["relations"]}
        document["fields"] = [field for field in document["fields"] if not is_loose(field, left, ends)]
        for relation in document["relations"]:
            allowed = relation["meta"]["one_allowed_collections"] or []
            relation["meta"]["one_allowed_collections"] = [name for name in allowed if name not in gone] or None

    return edit


def is_loose(field: Document, left: set[tuple[str, str]], ends: set[str]) -> bool:
    refers = bool((field.get("schema") or {}).get("foreign_key_table"))
    end = field["type"] == "alias" and field["field"].startswith("from_")
    return (refers and (field["collection"], field["field"]) not in left) or (end and field["field"] not in ends)


def names(document: Document) -> dict[str, None]:
    """Return the ids of a file's items, as approvals use them."""
    entries = [entry for section in ("collections", "fields", "relations") for entry in document[section]]
    return dict.fromkeys(".".join(filter(None, (entry["collection"], entry.get("field")))) for entry in entries)


@pytest.mark.slow
@pytest.mark.parametrize("theme", THEMES)
def test_a_large_schema_can_be_pushed_changed_removed_and_restored(
    bootstrapped: Tool, tmp_path: Path, theme: str
) -> None:
    file = tmp_path / "schema.yaml"
    nothing = {"collections": [], "fields": [], "systemFields": SYSTEM, "relations": []}
    schema = Public(theme, {"version": 1, "directus": "11.17.4", "vendor": "postgres", **nothing})
    tables = [entry["collection"] for entry in schema.document["collections"]]
    assert 40 <= len(tables) <= 90
    # The round trip through JSON prevents YAML aliases.
    plain = json.loads(json.dumps(schema.document))
    file.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    tool, database = SchemaTool(bootstrapped, file), bootstrapped.database

    tool.must("push")
    database.execute(A_ROW_EACH)
    tool.must("pull")
    assert tool.must("push").out.startswith("Nothing to push")
    edited(file, changed)
    tool.must("push")
    tool.must("diff")
    tool.must("pull")

    gone = [name for name in tables if name.startswith(tuple(schema.names[:2]))]
    before, whole = counts(database, gone), file.read_bytes()
    edited(file, without_collections(*gone), without_ends(gone))
    assert tool("push").code == 4
    missing = names(yaml.safe_load(whole)).keys() - names(yaml.safe_load(file.read_bytes())).keys()
    approvals = [{"item": name, "reason": "a test"} for name in sorted(missing)]
    (tmp_path / "removals.yaml").write_text(yaml.safe_dump(approvals), encoding="utf-8")
    tool.must("push")
    assert database.value("SELECT count(*) FROM pg_class WHERE relname = ANY (%s)", gone) == 0

    file.write_bytes(whole)
    tool.must("push")
    run = database.value("SELECT run::text FROM directus_sync.attic_copies ORDER BY id DESC LIMIT 1")
    restored = bootstrapped("attic", "restore", "--run", run)
    assert restored.code == 0, restored.text
    assert counts(database, gone) == before
