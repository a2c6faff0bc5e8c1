"""Brings definitions that PostgreSQL printed to one form, and splits them into parts. Pure."""

from __future__ import annotations

import re
from typing import Final

# PostgreSQL prints `status IN ('a', 'b')` on a varchar as a cast of the whole array. When it reads that text, it turns
# it into a cast of each element. So an object that was restored, or came from a dump, would always differ.
_QUOTED: Final = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\([^][()'"]*\)"""
_CAST_OF_ARRAY: Final = re.compile(rf"""\(ARRAY\[((?:{_QUOTED}|[^][()'"])*)\]\)::((?:{_QUOTED}|[\w. ])+)\[\]""")
_ELEMENT: Final = re.compile(rf"""(?:{_QUOTED}|[^][(),'"])+""")
_TOKEN: Final = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[(),]|[^'"(),]+""")


def normalized(definition: str) -> str:
    """Return a printed definition as PostgreSQL would print it after reading it."""
    return _CAST_OF_ARRAY.sub(_cast_elements, definition)


def _cast_elements(found: re.Match[str]) -> str:
    elements = (element.strip() for element in _ELEMENT.findall(found[1]))
    return "ARRAY[{}]".format(", ".join(f"({element})::{found[2]}" for element in elements))


def group(text: str) -> tuple[str, str]:
    """Return the text in the first parentheses of a definition, and the text after them.

    Raises ValueError if there are no parentheses, or they are not closed.
    """
    start, depth = 0, 0
    for match in _TOKEN.finditer(text):
        depth += (match[0] == "(") - (match[0] == ")")
        if match[0] == "(" and depth == 1 and not start:
            start = match.end()
        elif match[0] == ")" and depth == 0:
            return text[start : match.start()], text[match.end() :]
    raise ValueError(f"no parentheses in {text!r}")


def split(text: str) -> list[str]:
    """Split a list of columns or expressions at the commas that separate them."""
    depth, parts = 0, [""]
    for piece in _TOKEN.findall(text):
        depth += (piece == "(") - (piece == ")")
        if piece == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts]
