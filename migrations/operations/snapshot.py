"""Renames in the recorded bases: those of the schema, of access and resources, and of seeded rows.

Otherwise the guard would take the renamed item for uncaptured work, and its seeded values for edits of an operator.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from directus_sync.postgres import database
from directus_sync.resources.families import FAMILIES
from directus_sync.resources.items import Resource, Row, ordered
from directus_sync.schema import snapshot as snapshots
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
from directus_sync.state import history, resource_history
from directus_sync.yaml_files import plain_yaml, scalars
from migrations.operations.names import Named, new_name
from migrations.operations.schema import raw

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

# The properties of a snapshot's relation that `Model.of` takes.
_RELATION: Final = (
    "many_collection", "many_field", "one_collection", "one_field", "junction_field", "one_allowed_collections",
)  # fmt: skip


def rewrite_base(connection: sa.Connection, rename: Rename) -> None:
    """Record the latest snapshot again with the new name, unless nothing changes."""
    if (base := history.base(raw(connection))) is None:
        return
    document = plain_yaml.load(base.content)
    if isinstance(document, dict) and (after := renamed(document, rename)) != document:
        renewed = snapshots.parse(scalars.dump(after), "the renamed base", from_directus=True)
        history.record_base(raw(connection), renewed, "rename")


def rewrite_resource_bases(connection: sa.Connection, rename: Rename, model: Model) -> None:
    """Record the latest items of each family again with the new name, unless nothing changes."""
    for family in FAMILIES:
        base = resource_history.base(raw(connection), family)
        if base is not None:
            items = [renamed_item(item, rename, model) for item in base.values()]
            resource_history.record(raw(connection), family, items, "rename")


def renamed_item(item: Resource, rename: Rename, model: Model) -> Resource:
    """Return a recorded item as it will be after the rename."""
    names = _Names(rename, model)
    rows = (names.row(row, f"directus_{item.kind}s") for row in item.rows)
    return Resource(item.kind, names.key(item.kind, item.key), ordered(rows))


def rewrite_seeded_rows(connection: sa.Connection, rename: Rename) -> None:
    """Rename in the record of seeded values. Deletes the record of an earlier item that had the new name."""
    if not database.has(raw(connection), "directus_sync.seeded_rows"):
        return
    names = {"old": rename.old, "new": rename.new, "collection": rename.collection}
    for statement in _SEEDED_COLLECTION if rename.field is None else _SEEDED_FIELD:
        connection.execute(sa.text(statement), names)


def renamed(document: Entry, rename: Rename) -> Entry:
    """Return a snapshot as Directus would export it after the rename, except for the order of its entries."""
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
    """Replaces the old name wherever it refers to the renamed collection or field."""

    def __init__(self, rename: Rename, model: Model) -> None:
        self.rename = rename
        self.rewriter = Rewriter(rename, model)

    def key(self, kind: str, key: str) -> str:
        """Rewrite the key of an item of this kind."""
        if kind == "permission":
            # The name of a policy may contain a slash, that of a collection may not.
            policy, collection, action = key.rsplit("/", 2)
            return f"{policy}/{self.collection(collection)}/{action}"
        if kind == "preset":
            collection, slash, rest = key.partition("/")
            return f"{self.collection(collection)}{slash}{rest}"
        return key

    def entry(self, entry: Entry, table: str) -> Entry:
        """Rewrite an entry of a snapshot. table: the one from which Directus exports this section."""
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

    def row(self, row: Row, table: str) -> Entry:
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
        """Rewrite an entry's `schema`, which comes from PostgreSQL's catalogs."""
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
