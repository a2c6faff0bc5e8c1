"""Describes types in words, and writes text as Markdown. Does not know the model."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

_WORDS: Final = {
    "bigint": "whole number, 64 bits",
    "bigserial": "whole number, 64 bits, counted up",
    "boolean": "yes or no",
    "bytea": "bytes",
    "character varying": "text",
    "date": "date",
    "double precision": "number, double precision",
    "integer": "whole number",
    "json": "JSON",
    "jsonb": "JSON",
    "numeric": "decimal number",
    "real": "number, single precision",
    "serial": "whole number, counted up",
    "smallint": "whole number, 16 bits",
    "text": "text",
    "time without time zone": "time of day",
    "timestamp with time zone": "date and time",
    "timestamp without time zone": "date and time, without time zone",
    "uuid": "UUID",
}
# Types of Directus that are stored in a column of another type.
_KINDS: Final = {"csv": "texts, with commas between them", "hash": "hash of a secret"}
_SHAPES: Final = {
    "Geometry": "any shape",
    "LineString": "line",
    "MultiLineString": "several lines",
    "MultiPoint": "several points",
    "MultiPolygon": "several polygons",
    "Point": "point",
    "Polygon": "polygon",
}


def type_of(kind: str, sql: str) -> str:
    """Return a type in words. kind: the field's type in Directus. sql: its type in PostgreSQL."""
    if kind in _KINDS:
        return _KINDS[kind]
    if found := re.fullmatch(r"character varying\((\d+)\)", sql):
        return f"text, at most {found[1]} characters"
    if found := re.fullmatch(r"numeric\((\d+),(\d+)\)", sql):
        return f"decimal number, {found[1]} digits, {found[2]} of them after the point"
    if found := re.fullmatch(r"geometry\((\w+),(\d+)\)", sql):
        return f"{_SHAPES.get(found[1], found[1])}, SRID {found[2]}"
    return _WORDS.get(sql) or code(sql)


def value(default: object) -> str:
    """Return a value as code; not only strings, but anything that JSON can write."""
    return code(default if isinstance(default, str) else json.dumps(default, ensure_ascii=False))


def text(raw: str) -> str:
    """Escape plain text, on one line."""
    line = " ".join(raw.split())
    line = re.sub(r"([\\`*\[\]<>~$])", r"\\\1", line)
    # An underscore within a word has no meaning in Markdown.
    line = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", line)
    line = re.sub(r"&(?=#?\w+;)", r"\\&", line)
    # The start of a heading, a list or a quotation.
    return re.sub(r"^(\d*)(?=[#+.)-])", r"\1\\", line)


def code(raw: str) -> str:
    """Return text as code; a line break becomes a space."""
    line = " ".join(raw.split())
    fence = "`" * (max((len(run) for run in re.findall(r"`+", line)), default=0) + 1)
    padding = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{padding}{line}{padding}{fence}" if line else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table, without the columns that are empty in every row."""
    kept = [number for number in range(len(head)) if any(row[number] for row in rows)]
    # A bar ends a cell, in code too.
    cells = [[row[number].replace("|", "\\|") for number in kept] for row in rows]
    return ["| " + " | ".join(row) + " |" for row in ([head[number] for number in kept], ["---"] * len(kept), *cells)]


def anchor(heading: str) -> str:
    """Return the anchor of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
