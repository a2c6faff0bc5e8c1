"""Brings what PostgreSQL prints of one thing to one form. Pure; owns no SQL."""

from __future__ import annotations

import re
from typing import Final

# `status IN ('a', 'b')` on a varchar is printed as a cast of the whole array. PostgreSQL reads that as a cast of each
# element and prints it so ever after: an object that was put back, or came from a dump, would differ for good.
_QUOTED: Final = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\([^][()'"]*\)"""
_CAST_OF_ARRAY: Final = re.compile(rf"""\(ARRAY\[((?:{_QUOTED}|[^][()'"])*)\]\)::((?:{_QUOTED}|[\w. ])+)\[\]""")
_ELEMENT: Final = re.compile(rf"""(?:{_QUOTED}|[^][(),'"])+""")


def settled(definition: str) -> str:
    """Return a printed definition as PostgreSQL prints it once it has read it again."""
    return _CAST_OF_ARRAY.sub(_cast_elements, definition)


def _cast_elements(found: re.Match[str]) -> str:
    elements = (element.strip() for element in _ELEMENT.findall(found[1]))
    return "ARRAY[{}]".format(", ".join(f"({element})::{found[2]}" for element in elements))
