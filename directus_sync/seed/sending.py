"""Converts values to JSON with exact numbers, and to the form that is sent to Directus. Pure.

Directus is JavaScript, whose numbers are doubles: 9007199254740993 becomes ...992, and 1e400 becomes infinity.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

from directus_sync.seed.model import Field, ValueForm
from directus_sync.seed.values import Literal

# Above this, JavaScript can't represent every integer.
_SAFE_INTEGER: Final = 2**53
# Longer integers become Decimals, because Python refuses to read an int of thousands of digits.
_DIGITS: Final = 20


def loads(text: str) -> Any:
    """Read JSON without losing digits: fractions and long integers become Decimals."""
    return json.loads(text, parse_float=Decimal, parse_int=_integer)


def dumps(value: object) -> str:
    """Write JSON, with all digits of Decimals."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {dumps(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dumps, value)) + "]"
    return json.dumps(value)


def sent(field: Field, literal: Literal, canonical: Any) -> Any:
    """Return a file's value in the form for Directus. canonical: the value as PostgreSQL prints it."""
    if literal.text is None:
        return None
    return sendable(field, canonical) if field.form is ValueForm.PLAIN else sendable(field, literal.plain)


def sendable(field: Field, value: Any) -> Any:
    """Return a value of the database in the form for Directus."""
    if value is None:
        return None
    if field.form is ValueForm.LIST:
        return value.split(",") if isinstance(value, str) else value
    if field.form is ValueForm.JSON:
        return _json(value)
    if field.column.sql_type.startswith(("numeric", "bigint")):
        return str(value)
    return _floats(value)


def key(value: Any) -> Any:
    """Return a primary key in the form for Directus."""
    exact = not isinstance(value, int | Decimal) or (isinstance(value, int) and abs(value) <= _SAFE_INTEGER)
    return value if exact else str(value)


def _json(value: Any) -> Any:
    """Return JSON data, or its text if Directus would change a number or store a string without its quotes.

    Directus passes text to PostgreSQL unchanged.
    """
    return dumps(value) if isinstance(value, str) or not _is_exact(value) else _floats(value)


def _is_exact(value: Any) -> bool:
    """Return whether JavaScript reads and writes every number in a value unchanged."""
    if isinstance(value, dict):
        return all(map(_is_exact, value.values()))
    if isinstance(value, list):
        return all(map(_is_exact, value))
    if isinstance(value, Decimal) or (isinstance(value, int) and abs(value) > _SAFE_INTEGER):
        return Decimal(repr(float(str(value)))) == value
    return True


def _floats(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_floats(item) for item in value]
    return {name: _floats(item) for name, item in value.items()} if isinstance(value, dict) else value


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < _DIGITS else Decimal(digits)
