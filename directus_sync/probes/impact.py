"""Finds where else a removed collection or field is named: in rows of Directus's own tables, and in files.

Directus deletes the permissions and presets of a removed collection. The other places keep the name.
"""

# ruff: noqa: S608 - tables, columns and labels in the SQL are constants

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.schema.diff import Action, Change, ItemKind
from directus_sync.schema.renames.places import AUTOMATED, DOCUMENTS, FIELDS, RELATED, RELATIONS, as_stored, word
from directus_sync.schema.renames.rewriting import JSON, Model, Rename, Rewriter

# No name in Directus has this character. A document that changes when the name is rewritten to it used the name.
_NOTHING: Final = "\N{REPLACEMENT CHARACTER}"
# By table, SQL for what people call a row.
_LABELS: Final[Mapping[str, str]] = {
    "directus_collections": "'collection ' || t.collection",
    "directus_fields": "'field ' || t.collection || '.' || t.field",
    "directus_flows": "'flow ' || t.name",
    "directus_operations": "'flow ' || (SELECT name FROM public.directus_flows f WHERE f.id = t.flow)",
    "directus_panels": "'dashboard ' || (SELECT name FROM public.directus_dashboards d WHERE d.id = t.dashboard)",
    "directus_permissions": "'policy ' || (SELECT replace(name, '$t:public_label', 'of everybody')"
    " FROM public.directus_policies p WHERE p.id = t.policy)",
    "directus_presets": "CASE WHEN t.bookmark IS NULL THEN 'list of ' || t.collection"
    " ELSE 'bookmark ' || t.bookmark END",
}
_OWN: Final = frozenset({"directus_collections", "directus_fields", "directus_permissions", "directus_presets"})
_PERMISSIONS: Final = f"""
SELECT {_LABELS["directus_permissions"]} FROM public.directus_permissions t WHERE t.collection = %(collection)s
AND coalesce(%(field)s::text = ANY (string_to_array(t.fields, ',')), true)"""
_PRESETS: Final = f"""
SELECT {_LABELS["directus_presets"]} FROM public.directus_presets t WHERE t.collection = %(collection)s"""


def named_by(
    connection: Connection, changes: Iterable[Change], read: Callable[[], Mapping[Path, str]]
) -> dict[tuple[ItemKind, str], tuple[str, ...]]:
    """Return, by kind and id of a removed collection or field, the labels of the rows and the files that name it.

    read: returns the texts of the files.
    """
    removed = [change for change in changes if change.action is Action.REMOVE]
    found: dict[tuple[ItemKind, str], tuple[str, ...]] = {}
    if not removed:
        return found
    gone = {change.collection for change in removed if change.kind is ItemKind.COLLECTION}
    texts = read()
    model = Model.of(database.query(connection, FIELDS), database.query(connection, RELATIONS))
    for change in removed:
        alone = change.kind is ItemKind.FIELD and change.collection not in gone
        if not alone and change.kind is not ItemKind.COLLECTION:
            continue
        rename = Rename(change.collection, _NOTHING, change.field)
        names = {*_rows(connection, rename, model), *mentioned(texts, rename)}
        if names:
            found[change.kind, change.id] = tuple(sorted(names))
    return found


def mentioned(texts: Mapping[Path, str], rename: Rename) -> Iterator[str]:
    """Yield the names of files that contain the collection's name, and the field's if it has one, as whole words."""
    words = [word(rename.collection), *([word(rename.field)] if rename.field else [])]
    return (path.name for path, text in texts.items() if all(each.search(text) for each in words))


def _rows(connection: Connection, rename: Rename, model: Model) -> Iterator[str]:
    place = {"collection": rename.collection, "field": rename.field}
    yield from (label for (label,) in database.query(connection, _PERMISSIONS, place))
    if rename.field is None:
        yield from (label for (label,) in database.query(connection, _PRESETS, place))
    for table, column, rewrite in DOCUMENTS:
        if table not in _LABELS:
            continue
        own = "t.collection" if table in _OWN else "NULL"
        field = "t.field" if table == "directus_fields" else "NULL"
        select = (
            f"SELECT {_LABELS[table]}, to_json(t.{column})::text, {own}, {field} FROM public.{table} t"
            f" WHERE strpos(to_json(t.{column})::text, %s) > 0"
        )
        old = as_stored(rename.old, "json")
        for label, text, collection, name in database.query(connection, select, (old,)):
            if collection == rename.collection and rename.field in {None, name}:
                continue  # This row is removed with the item.
            rewriter = Rewriter(rename, model)
            host = (collection,) if collection else ()
            here = model.leads_to(collection, name) if name and column in RELATED else host
            try:
                document = json.loads(text)
                named = _names(rewriter, rewrite(rewriter, document, here, host), document, table)
            except (RecursionError, ValueError):
                # Nested too deeply, or a number with too many digits for Python. Anybody can store such a preset.
                named = word(old).search(text) is not None
            if named:
                yield label


def _names(rewriter: Rewriter, after: JSON, before: JSON, table: str) -> bool:
    """Return whether a document uses the removed name. In automations, both names count wherever they are words."""
    if after != before or rewriter.unresolved:
        return True
    collection = word(rewriter.rename.collection)
    return table in AUTOMATED and all(w.search(str(before)) for w in (collection, word(rewriter.rename.old)))
