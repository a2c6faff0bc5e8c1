"""Names that Directus and PostgreSQL give by themselves to indexes, keys and sequences. Pure."""

from __future__ import annotations

import re
from typing import Final

# PostgreSQL cuts a longer name.
NAME_BYTES: Final = 63
# Directus holds the names of foreign keys to 60 characters, those of indexes to PostgreSQL's 63.
LENGTHS: Final = {"unique": 63, "index": 63, "foreign": 60}


def directus_name(kind: str, table: str, column: str) -> str:
    """Return the name that Directus gives an index or key; too long a one is cut and ends in a hash.

    Source: utils/get-default-index-name.js of @directus/api.
    """
    name = f"{re.sub(r'[.-]', '_', table)}_{column}_{kind}".lower()
    if len(name) <= LENGTHS[kind]:
        return name
    suffix = f"__{_hash(name)}_{kind}"
    return name[: LENGTHS[kind] - len(suffix)] + suffix


def sequence_name(table: str, column: str) -> str:
    """Return the name that PostgreSQL gives a serial column's sequence: the longer of both parts is cut."""
    first, second = table.encode(), column.encode()
    while len(first) + len(second) + len("__seq") > NAME_BYTES:
        if len(first) > len(second):
            first = first[:-1]
        else:
            second = second[:-1]
    return f"{first.decode(errors='ignore')}_{second.decode(errors='ignore')}_seq"


def _hash(text: str) -> str:
    """Return Directus's getSimpleHash: 31 * hash + UTF-16 unit, in 32 signed bits."""
    units = text.encode("utf-16-le")
    value = 0
    for low, high in zip(units[::2], units[1::2], strict=True):
        value = (31 * value + low + 256 * high + 2**31) % 2**32 - 2**31
    return format(abs(value), "x")
