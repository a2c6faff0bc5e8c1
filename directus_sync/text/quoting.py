"""Quotes names and values for SQL as text: for statements that people execute, and for constants. Pure."""

from __future__ import annotations


def identifier(name: object) -> str:
    """Return a name in double quotes, so that it may even be a keyword."""
    return '"{}"'.format(str(name).replace('"', '""'))


def literal(value: object) -> str:
    """Return a text in single quotes."""
    return "'{}'".format(str(value).replace("'", "''"))
