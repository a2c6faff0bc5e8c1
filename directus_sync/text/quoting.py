"""Names and values as they stand in the text of SQL: for statements that people execute, and for constants. Pure."""

from __future__ import annotations


def identifier(name: object) -> str:
    """Return a name in quotes, so that it may also be a word of SQL."""
    return '"{}"'.format(str(name).replace('"', '""'))


def literal(value: object) -> str:
    """Return a text in quotes."""
    return "'{}'".format(str(value).replace("'", "''"))
