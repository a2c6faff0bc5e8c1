"""The names that Directus and PostgreSQL choose for indexes, keys and sequences. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Entry = Mapping[str, Any]
Entries = Mapping[tuple[str, ...], Entry]

# PostgreSQL cuts longer names.
NAME_BYTES: Final = 63
_INDEXES: Final = (("is_indexed", "index"), ("is_unique", "unique"))
# Directus limits the names of foreign keys to 60 characters, and the names of indexes to PostgreSQL's 63.
LENGTHS: Final = {"unique": 63, "index": 63, "foreign": 60}


def directus_name(kind: str, table: str, column: str) -> str:
    """Return the name that Directus gives an index or key. A name that is too long is cut and ends in a hash.

    Source: utils/get-default-index-name.js of @directus/api.
    """
    name = f"{re.sub(r'[.-]', '_', table)}_{column}_{kind}".lower()
    if len(name) <= LENGTHS[kind]:
        return name
    suffix = f"__{_hash(name)}_{kind}"
    return name[: LENGTHS[kind] - len(suffix)] + suffix


def sequence_name(table: str, column: str) -> str:
    """Return the name that PostgreSQL gives a serial column's sequence. If it is too long, the longer part is cut."""
    first, second = table.encode(), column.encode()
    while len(first) + len(second) + len("__seq") > NAME_BYTES:
        if len(first) > len(second):
            first = first[:-1]
        else:
            second = second[:-1]
    return f"{first.decode(errors='ignore')}_{second.decode(errors='ignore')}_seq"


def of_column(collection: str, field: str, schema: Entry) -> Iterator[str]:
    """Return the names of a new column's indexes, and of the sequence of an auto-increment key."""
    if schema.get("is_primary_key"):
        own = [f"{collection}_pkey"]
        if schema.get("has_auto_increment"):
            # If a name is too long, PostgreSQL chooses a free one.
            own = [name for name in (*own, f"{collection}_{field}_seq") if len(name.encode()) <= NAME_BYTES]
        yield from (name.encode()[:NAME_BYTES].decode(errors="ignore") for name in own)
        return
    yield from (directus_name(kind, collection, field) for option, kind in _INDEXES if schema.get(option))


def of_tables(collections: Entries, fields: Entries) -> Mapping[str, Sequence[str]]:
    """Return the ids of collections and fields by the names of their tables and indexes.

    Tables and indexes share one namespace: two items under one name cannot both be made.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for (name,), entry in collections.items():
        if entry.get("schema"):
            found[name].append(name)
    for (collection, field), entry in fields.items():
        for name in of_column(collection, field, entry.get("schema") or {}):
            found[name].append(f"{collection}.{field}")
    return found


def _hash(text: str) -> str:
    """Return Directus's getSimpleHash: 31 * hash + UTF-16 unit, in 32 signed bits."""
    units = text.encode("utf-16-le")
    value = 0
    for low, high in zip(units[::2], units[1::2], strict=True):
        value = (31 * value + low + 256 * high + 2**31) % 2**32 - 2**31
    return format(abs(value), "x")
