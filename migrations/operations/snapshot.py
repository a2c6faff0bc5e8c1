"""Carries the recorded bases over a rename: the guard's, that of access, and that of seeded rows.

Without that the renamed thing would look like uncaptured work, and its seeded values like edits of an operator.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from directus_sync import plain_yaml
from directus_sync.schema.default_names import sequence_name
from directus_sync.schema.renames.places import (
    COLLECTION_COLUMNS,
    COLLECTION_LISTS,
    DOCUMENTS,
    FIELD_COLUMNS,
    FIELD_LISTS,
    RELATED,
)
from directus_sync.schema.renames.rewriting import Model, Rename, Rewriter
from migrations.operations.names import Named, new_name

Entry = dict[str, Any]

_SEEDED_COLLECTION: Final = (
    "DELETE FROM directus_sync.seeded_rows WHERE collection = :new"
    " AND EXISTS (SELECT FROM directus_sync.seeded_rows WHERE collection = :old)",
    "UPDATE directus_sync.seeded_rows SET collection = :new WHERE collection = :old",
)
_SEEDED_FIELD: Final = (
    "UPDATE directus_sync.seeded_rows SET fields = fields - CAST(:old AS text)"
    " || jsonb_build_object(CAST(:new AS text), fields -> CAST(:old AS text))"
    " WHERE collection = :collection AND jsonb_exists(fields, :old)",
)

# Of a relation in a snapshot, what `Model.of` takes.
_RELATION: Final = (
    "many_collection", "many_field", "one_collection", "one_field", "junction_field", "one_allowed_collections",
)  # fmt: skip


def rewrite_base(connection: sa.Connection, rename: Rename) -> None:
    """Record the latest snapshot once more, under the new name, unless it has that already."""
    if connection.scalar(sa.text("SELECT to_regclass('directus_sync.snapshot_history')")) is None:
        return
    latest = connection.execute(
        sa.text("SELECT directus_version, snapshot FROM directus_sync.snapshot_history ORDER BY id DESC LIMIT 1")
    ).one_or_none()
    document = plain_yaml.load(bytes(latest[1])) if latest else None
    if latest is None or not isinstance(document, dict) or (after := renamed(document, rename)) == document:
        return
    content = plain_yaml.dump(after)
    connection.execute(
        sa.text(
            "INSERT INTO directus_sync.snapshot_history (source, directus_version, sha256, snapshot)"
            " VALUES ('rename', :version, :sha256, :content)"
        ),
        {"version": latest[0], "sha256": hashlib.sha256(content).hexdigest(), "content": content},
    )


def rewrite_resource_bases(connection: sa.Connection, rename: Rename, model: Model) -> None:
    """Record the latest items of each family once more, under the new name, unless they have that already."""
    if connection.scalar(sa.text("SELECT to_regclass('directus_sync.resource_history')")) is None:
        return
    for family in ("access", "resources"):
        latest = connection.scalar(
            sa.text("SELECT items FROM directus_sync.resource_history WHERE family = :family ORDER BY id DESC LIMIT 1"),
            {"family": family},
        )
        if latest is not None and (after := renamed_items(latest, rename, model)) != latest:
            connection.execute(
                sa.text(
                    "INSERT INTO directus_sync.resource_history (source, family, items)"
                    " VALUES ('rename', :family, CAST(:items AS jsonb))"
                ),
                {"family": family, "items": json.dumps(after)},
            )


def renamed_items(items: Mapping[str, list[Entry]], rename: Rename, model: Model) -> dict[str, list[Entry]]:
    """Return recorded items of a family, by id, as they would be read after the rename."""
    names, after = _Names(rename, model), {}
    for name, rows in items.items():
        kind, _, key = name.partition(":")
        after[f"{kind}:{names.key(kind, key)}"] = [names.row(row, f"directus_{kind}s") for row in rows]
    return after


def rewrite_seeded_rows(connection: sa.Connection, rename: Rename) -> None:
    """Give the seeded values their new name. What is known of an earlier thing of that name goes."""
    if connection.scalar(sa.text("SELECT to_regclass('directus_sync.seeded_rows')")) is None:
        return
    names = {"old": rename.old, "new": rename.new, "collection": rename.collection}
    for statement in _SEEDED_COLLECTION if rename.field is None else _SEEDED_FIELD:
        connection.execute(sa.text(statement), names)


def renamed(document: Entry, rename: Rename) -> Entry:
    """Return a snapshot as Directus would export it after the rename, but for the order of its entries."""
    relations = [entry["meta"] for entry in document["relations"] if entry.get("meta")]
    model = Model.of(
        ((entry["collection"], entry["field"]) for entry in document["fields"]),
        (tuple(meta[name] for name in _RELATION) for meta in relations),
    )
    names, sections = _Names(rename, model), ("collections", "fields", "relations")
    after = {
        section: [names.entry(entry, f"directus_{section}") for entry in document[section]] for section in sections
    }
    return {**document, **after}


class _Names:
    """Gives what names the renamed thing its new name."""

    def __init__(self, rename: Rename, model: Model) -> None:
        self.rename = rename
        self.rewriter = Rewriter(rename, model)

    def key(self, kind: str, key: str) -> str:
        """Rewrite the key of an item of this kind."""
        if kind == "permission":
            # A policy may have a slash in its name, a collection not.
            policy, collection, action = key.rsplit("/", 2)
            return f"{policy}/{self.collection(collection)}/{action}"
        if kind == "preset":
            collection, slash, rest = key.partition("/")
            return f"{self.collection(collection)}{slash}{rest}"
        return key

    def entry(self, entry: Entry, table: str) -> Entry:
        """Rewrite an entry of the section that `table` is exported to."""
        after = {**entry, "collection": self.collection(entry["collection"])}
        if "field" in entry:
            after["field"] = self.field(entry["collection"], entry["field"])
        if "related_collection" in entry:
            after["related_collection"] = self.collection(entry["related_collection"])
        if entry.get("meta"):
            after["meta"] = self.row(entry["meta"], table)
        if entry.get("schema"):
            after["schema"] = self.schema(entry)
        return after

    def row(self, row: Entry, table: str) -> Entry:
        """Rewrite a row of Directus's table."""
        after, own, field = dict(row), row.get("collection"), row.get("field")
        host = (own,) if own else ()
        related = self.rewriter.model.leads_to(own, field) if own and field else host
        for named, column, rewrite in DOCUMENTS:
            if named == table and row.get(column) is not None:
                after[column] = rewrite(self.rewriter, row[column], related if column in RELATED else host, host)
        for column in COLLECTION_COLUMNS.get(table, ()):
            if column in row:
                after[column] = self.collection(row[column])
        for named, column in COLLECTION_LISTS:
            if named == table and row.get(column):
                after[column] = [self.collection(name) for name in row[column]]
        for named, owner, column in FIELD_COLUMNS:
            if named == table and column in row:
                after[column] = self.field(row[owner], row[column])
        for named, _, column in FIELD_LISTS:
            if named == table:
                after[column] = sorted(self.rewriter.path(path, host)[0] for path in row[column])
        return after

    def schema(self, entry: Entry) -> Entry:
        """Rewrite what comes from PostgreSQL's catalogs."""
        before, after = entry["schema"], dict(entry["schema"])
        table = entry["collection"]
        column = before.get("column", entry.get("field"))
        if "name" in before:
            after["name"] = self.field(table, column) if column else self.collection(table)
        if "foreign_key_column" in before:
            after["foreign_key_column"] = self.field(before["foreign_key_table"], before["foreign_key_column"])
        for key in ("table", "foreign_key_table"):
            if key in before:
                after[key] = self.collection(before[key])
        if "column" in before:
            after["column"] = self.field(table, column)
        if before.get("constraint_name") and table == self.rename.collection:
            named = Named("constraint", before["constraint_name"], (column,))
            after["constraint_name"] = new_name(named, self.rename) or named.name
        if isinstance(default := before.get("default_value"), str) and default.startswith("nextval("):
            sequence = sequence_name(self.collection(table), self.field(table, column))
            after["default_value"] = default.replace(sequence_name(table, column), sequence)
        return after

    def collection(self, name: Any) -> Any:
        return self.rename.new if self.rename.field is None and name == self.rename.collection else name

    def field(self, collection: Any, name: Any) -> Any:
        is_it = self.rename.field is not None and (collection, name) == (self.rename.collection, self.rename.field)
        return self.rename.new if is_it else name
