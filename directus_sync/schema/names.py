"""The names of tables, indexes and foreign keys that a push of a snapshot makes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

Entry = Mapping[str, Any]
Entries = Mapping[tuple[str, ...], Entry]

# PostgreSQL cuts a longer name.
LONGEST: Final = 63
# Directus shortens a longer name of an index or a foreign key.
_SHORT: Final = 60
_INDEXES: Final = (("is_indexed", "index"), ("is_unique", "unique"))


def made(kind: str, collection: str, field: str) -> str:
    """Return what Directus names an index or a foreign key (api/src/utils/get-default-index-name.ts).

    kind: index, unique or foreign.
    """
    name = f"{re.sub(r'[.-]', '_', collection)}_{field}_{kind}".lower()
    if len(name) <= _SHORT:
        return name
    suffix = f"__{_simple_hash(name)}_{kind}"
    return name[: _SHORT - len(suffix)] + suffix


def of_column(collection: str, field: str, schema: Entry) -> Iterator[str]:
    """Return the names of the indexes of a new column, and of the sequence of a key that counts."""
    if schema.get("is_primary_key"):
        own = [f"{collection}_pkey"]
        if schema.get("has_auto_increment"):
            # PostgreSQL finds a free name for what is too long.
            own = [name for name in (*own, f"{collection}_{field}_seq") if len(name.encode()) <= LONGEST]
        yield from (name.encode()[:LONGEST].decode(errors="ignore") for name in own)
        return
    yield from (made(kind, collection, field) for option, kind in _INDEXES if schema.get(option))


def of_tables(collections: Entries, fields: Entries) -> Mapping[str, tuple[str, ...]]:
    """Return the items by the names that their tables and indexes have, which are in one namespace.

    Two items under one name cannot both be made.
    """
    found: dict[str, tuple[str, ...]] = {}
    named = [(name, name) for (name,), entry in collections.items() if entry.get("schema")]
    for (collection, field), entry in fields.items():
        schema = entry.get("schema") or {}
        named += [(name, f"{collection}.{field}") for name in of_column(collection, field, schema)]
    for name, item in named:
        found[name] = (*found.get(name, ()), item)
    return found


def _simple_hash(text: str) -> str:
    """Return Directus's short hash: Java's hash of a string, in 32 bits, without its sign."""
    found = 0
    units = text.encode("utf-16-le")
    for low, high in zip(units[::2], units[1::2], strict=True):
        found = (31 * found + low + 256 * high) & 0xFFFFFFFF
    return f"{abs(found - (1 << 32) if found >> 31 else found):x}"
