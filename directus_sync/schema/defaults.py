"""Which default values Directus can make, and how they must be sent. Pure: does not ask PostgreSQL."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

# JavaScript's integers are exact below this, and Directus reads numbers in defaults by JavaScript.
_EXACT: Final = 2**53
# Directus exports a text default as the inside of an SQL literal.
_LITERAL: Final = re.compile(r"(?:[^']|'')*")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# Directus sends these defaults as functions, and every other default as a literal.
_NOW: Final = "CURRENT_TIMESTAMP"
NEW_UUID: Final = "gen_random_uuid()"
_EXPRESSIONS: Final = frozenset({"CURRENT_DATE", "CURRENT_TIME", "LOCALTIME", "LOCALTIMESTAMP"})


def faults(kind: str, default: object) -> Iterator[str]:
    """Return the fault if Directus would make another default than this for a field of this type."""
    if default is None:
        return
    if isinstance(default, str) and default.lower() == "now()":
        yield f"default now() in the file, and {_NOW} by Directus"
    elif kind not in _IS_MADE or not _IS_MADE[kind](default):
        yield f"default {default} in the file; Directus makes only plain values, {_NOW} and {NEW_UUID}"
    elif _is_rounded(default):
        yield f"default {default} in the file; Directus rounds numbers from 2^53 on"


def is_function(default: str) -> bool:
    """Return whether Directus sends a default as a function, and not as a literal."""
    return default in {_NOW, NEW_UUID}


def as_sent(default: str) -> str:
    """Return how a text default must be sent so that Directus stores it as the file has it.

    Directus exports a default with its quotes doubled, as in PostgreSQL's literal, and doubles them again in an apply.
    """
    return default.replace("''", "'")


def _is_number(default: object) -> bool:
    return default == "NaN" or (isinstance(default, int | float) and not isinstance(default, bool))


def _is_text(default: object) -> bool:
    # knex takes `?` for a parameter, and Directus exports only the part before `::`.
    whole = isinstance(default, str) and "?" not in default and "::" not in default
    return whole and _LITERAL.fullmatch(str(default)) is not None


def _is_time(default: object) -> bool:
    return isinstance(default, str) and "(" not in default and default not in _EXPRESSIONS


# By field type, whether Directus makes a default. For a type that is missing here it makes no default.
_IS_MADE: Final[Mapping[str, Callable[[object], bool]]] = {
    **dict.fromkeys(("integer", "bigInteger", "decimal", "float"), _is_number),
    **dict.fromkeys(("string", "text", "csv", "hash"), _is_text),
    **dict.fromkeys(("date", "time", "dateTime", "timestamp"), _is_time),
    "boolean": lambda default: isinstance(default, bool),
    "json": lambda default: not isinstance(default, str) and _is_text(json.dumps(default)),
    "uuid": lambda default: default == NEW_UUID or _UUID.fullmatch(str(default)) is not None,
}


def _is_rounded(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_is_rounded, value.values()))
    if isinstance(value, list):
        return any(map(_is_rounded, value))
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _EXACT
