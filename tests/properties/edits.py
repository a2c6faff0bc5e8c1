"""Edits that make a file or a live schema differ from the base."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Final

from hypothesis import strategies as st

from tests.properties.directus import Key
from tests.properties.documents import COLLECTION, COLUMNS, KEYS, Document, index, put, relate, set_property

Edit = Callable[[st.DrawFn, Document, Key], None]


def _meta(draw: st.DrawFn, document: Document, key: Key) -> None:
    note = draw(st.sampled_from(["old", "new", None]))
    set_property(document, "fields", key, ("meta", draw(st.sampled_from(["note", "sort", "required"]))), note)


def _choices(draw: st.DrawFn, document: Document, key: Key) -> None:
    """Replace the items of a list."""
    choices = draw(st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True, max_size=4))
    set_property(document, "fields", key, ("meta", "options", "choices"), choices)


def _collection(draw: st.DrawFn, document: Document, key: Key) -> None:
    name = draw(st.sampled_from([key[0], key[0], "group"]))
    translations = [{"language": "en-US", "translation": draw(st.sampled_from(["A", "B"])), "plural": "Bs"}]
    values = {"note": draw(st.sampled_from(["old", "new"])), "translations": translations}
    part = draw(st.sampled_from(sorted(values)))
    set_property(document, "collections", (name,), ("meta", part), values[part])


def _column(draw: st.DrawFn, document: Document, key: Key) -> None:
    flag = draw(st.sampled_from(["is_nullable", "is_unique", "is_indexed"]))
    set_property(document, "fields", key, ("schema", flag), draw(st.booleans()))


def _default(draw: st.DrawFn, document: Document, key: Key) -> None:
    set_property(
        document, "fields", key, ("schema", "default_value"), draw(st.sampled_from([None, "x", 1, True, "[]"]))
    )


def _limits(draw: st.DrawFn, document: Document, key: Key) -> None:
    kind = document["fields"].get(key, {}).get("type")
    limits = {"string": ("max_length", (10, 255, 300)), "decimal": ("numeric_scale", (2, 5, 8))}
    limit, values = limits.get(str(kind), ("is_indexed", (True, False)))
    set_property(document, "fields", key, ("schema", limit), draw(st.sampled_from(values)))


def _type(draw: st.DrawFn, document: Document, key: Key) -> None:
    """Give a field another type, possibly turning a column into an alias or back."""
    if key == ("events", "id"):
        # Directus does not compare this column.
        return
    kind, column = draw(st.sampled_from([*COLUMNS, ("alias", {})]))
    document["relations"].pop(key, None)
    put(document, key[0], key[1], kind, None if kind == "alias" else column)


def turn(draw: st.DrawFn, document: Document, key: Key) -> None:
    """Turn a column into an alias, or an alias into a column."""
    kind, column = draw(st.sampled_from(COLUMNS))
    document["relations"].pop(key, None)
    if document["fields"].get(key, {}).get("schema"):
        put(document, key[0], key[1], "alias", None)
    else:
        put(document, key[0], key[1], kind, column)


def remove_field(draw: st.DrawFn, document: Document, key: Key) -> None:
    document["fields"].pop(key, None)
    document["relations"].pop(key, None)


def add_field(draw: st.DrawFn, document: Document, key: Key) -> None:
    kind, column = draw(st.sampled_from(COLUMNS))
    required = {} if draw(st.booleans()) else {"is_nullable": False}
    put(document, key[0], draw(st.sampled_from(["extra", "more"])), kind, {**column, **required})


def remove_collection(draw: st.DrawFn, document: Document, key: Key) -> None:
    document["collections"].pop((key[0],), None)
    for section in ("fields", "relations"):
        for name, entry in list(document[section].items()):
            if name[0] == key[0] or entry.get("related_collection") == key[0]:
                del document[section][name]


def _add_collection(draw: st.DrawFn, document: Document, key: Key) -> None:
    name = draw(st.sampled_from(["zone", "zones"]))
    meta = {**COLLECTION, "collection": name, "note": draw(st.sampled_from([None, "new"]))}
    document["collections"][name,] = {"collection": name, "meta": meta, "schema": {"name": name}}
    kind, column = KEYS["events" if name == "zone" else "entries"]
    put(document, name, "id", kind, {**column, "is_primary_key": True, "is_unique": True, "is_nullable": False})


def _relation(draw: st.DrawFn, document: Document, key: Key) -> None:
    key = draw(st.sampled_from([("entries", "event"), ("entries", "owner"), ("entries", "item"), key]))
    if not document["fields"].get(key, {}).get("schema"):
        return
    what = draw(st.sampled_from(["remove", "relate", "on_delete"]))
    if what == "on_delete":
        action = draw(st.sampled_from(["CASCADE", "NO ACTION"]))
        set_property(document, "relations", key, ("schema", "on_delete"), action)
    elif what == "relate":
        relate(document, key, draw(st.sampled_from(["classes", "events", None])))
    elif document["relations"].pop(key, None):
        set_property(document, "fields", key, ("schema", "foreign_key_table"), None)
        set_property(document, "fields", key, ("schema", "foreign_key_column"), None)


def system_index(draw: st.DrawFn, document: Document, key: Key) -> None:
    """Create or drop the index of one of Directus's own columns."""
    field = draw(st.sampled_from(["activity", "parent", "version"]))
    if document["systemFields"].pop(("directus_revisions", field), None) is None:
        document["systemFields"]["directus_revisions", field] = index(field)


def leave_out(draw: st.DrawFn, document: Document, key: Key) -> None:
    """Remove a property, as an edit by hand may do."""
    section, name = draw(
        st.sampled_from([("fields", key), ("collections", key[:1]), ("relations", ("entries", "event"))])
    )
    entry = copy.deepcopy(document[section].get(name))
    if entry is not None:
        part = draw(st.sampled_from([entry, *(entry[p] for p in ("meta", "schema") if entry.get(p))]))
        removable = [word for word in ("note", "is_unique", "on_delete", "schema") if word in part]
        if removable:
            part.pop(draw(st.sampled_from(removable)))
            document[section][name] = entry


# An edit that is listed several times is chosen more often.
EDITS: Final[tuple[Edit, ...]] = (
    _meta,
    _meta,
    _choices,
    _choices,
    _collection,
    _collection,
    _column,
    _default,
    _limits,
    _type,
    _type,
    remove_field,
    remove_field,
    remove_field,
    remove_field,
    add_field,
    turn,
    remove_collection,
    remove_collection,
    _add_collection,
    _relation,
    _relation,
    system_index,
    system_index,
    leave_out,
)
