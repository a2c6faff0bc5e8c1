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
from directus_sync.schema.renames.places import COLLECTION_COLUMNS, COLLECTION_LISTS, DOCUMENTS, FIELD_COLUMNS, RELATED
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

# Columns of a permission with filters and payloads in them.
RULES: Final = ("permissions", "validation", "presets")


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
    """Record the latest access rules and resources once more, under the new name, unless they have that already."""
    if connection.scalar(sa.text("SELECT to_regclass('directus_sync.resource_history')")) is None:
        return
    for family, renamed_items in (("access", renamed_access), ("resources", renamed_resources)):
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


def renamed_access(items: Mapping[str, list[Entry]], rename: Rename, model: Model) -> dict[str, list[Entry]]:
    """Return recorded access rules, by id, as they would be read after the rename."""
    after = {}
    for name, rows in items.items():
        kind, _, key = name.partition(":")
        if kind != "permission":
            after[name] = rows
            continue
        # A policy may have a slash in its name, a collection not.
        policy, collection, action = key.rsplit("/", 2)
        rewriter, here = Rewriter(rename, model), (collection,)
        here_now = rename.new if rename.field is None and collection == rename.collection else collection
        after[f"{kind}:{policy}/{here_now}/{action}"] = [
            {
                **row,
                "collection": here_now,
                "fields": sorted(rewriter.path(field, here)[0] for field in row["fields"]),
                **{column: rewriter.filter(row[column], here, here) for column in RULES},
            }
            for row in rows
        ]
    return after


def renamed_resources(items: Mapping[str, list[Entry]], rename: Rename, model: Model) -> dict[str, list[Entry]]:
    """Return recorded lists, panels and flows, by id, as they would be read after the rename."""
    after = {}
    for name, rows in items.items():
        kind, _, key = name.partition(":")
        collection, slash, rest = key.partition("/")
        is_renamed = kind == "preset" and rename.field is None and collection == rename.collection
        now = f"{kind}:{rename.new}{slash}{rest}" if is_renamed else name
        after[now] = [_renamed_row(row, f"directus_{kind}s", rename, model) for row in rows]
    return after


def _renamed_row(row: Entry, table: str, rename: Rename, model: Model) -> Entry:
    own = row.get("collection")
    host = (own,) if own else ()
    documents = {
        column: rewrite(Rewriter(rename, model), row[column], host, host)
        for of, column, rewrite in DOCUMENTS
        if of == table and row[column] is not None
    }
    is_renamed = own is not None and rename.field is None and own == rename.collection
    return {**row, **documents, **({"collection": rename.new} if is_renamed else {})}


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
        (
            (
                meta["many_collection"],
                meta["many_field"],
                meta["one_collection"],
                meta["one_field"],
                meta["junction_field"],
                meta["one_allowed_collections"],
            )
            for meta in relations
        ),
    )
    entries = _Entries(rename, model)
    return {
        **document,
        "collections": [entries.entry(entry, "directus_collections") for entry in document["collections"]],
        "fields": [entries.entry(entry, "directus_fields") for entry in document["fields"]],
        "relations": [entries.entry(entry, "directus_relations") for entry in document["relations"]],
    }


class _Entries:
    def __init__(self, rename: Rename, model: Model) -> None:
        self.rename = rename
        self.rewriter = Rewriter(rename, model)

    def entry(self, entry: Entry, table: str) -> Entry:
        """Return an entry of the section that `table` is exported to."""
        own = entry["collection"]
        after = {**entry, "collection": self.collection(own)}
        if "field" in entry:
            after["field"] = self.field(own, entry["field"])
        if "related_collection" in entry:
            after["related_collection"] = self.collection(entry["related_collection"])
        if entry.get("meta"):
            after["meta"] = self.meta(entry, table)
        if entry.get("schema"):
            after["schema"] = self.schema(entry)
        return after

    def meta(self, entry: Entry, table: str) -> Entry:
        """Rewrite what comes from the row of Directus's table."""
        before, after = entry["meta"], dict(entry["meta"])
        own = entry["collection"]
        related = self.rewriter.model.leads_to(own, entry.get("field", ""))
        for named, column, rewrite in DOCUMENTS:
            if named == table and before.get(column) is not None:
                here = related if column in RELATED else (own,)
                after[column] = rewrite(self.rewriter, before[column], here, (own,))
        for column in COLLECTION_COLUMNS[table]:
            if column in before:
                after[column] = self.collection(before[column])
        for named, column in COLLECTION_LISTS:
            if named == table and before.get(column):
                after[column] = [self.collection(name) for name in before[column]]
        for named, owner, column in FIELD_COLUMNS:
            if named == table and column in before:
                after[column] = self.field(before[owner], before[column])
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
