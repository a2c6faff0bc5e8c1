"""Formats numbers, values and lists for messages, and shortens long ones. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

# Messages have at most this many lines of a list, and characters of a value.
LINES: Final = 20
LENGTH: Final = 60


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return `1 revision`, `2 revisions`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def shown(value: object) -> str:
    """Return a short form of any value for a message."""
    return cut(repr(value) if isinstance(value, str | int | float | bool | None) else f"a {type(value).__name__}")


def cut(text: str, length: int = LENGTH) -> str:
    """Return a text, or its beginning if it is too long."""
    return text if len(text) <= length else f"{text[:length]}..."


def shortened(lines: Sequence[str], most: int = LINES) -> list[str]:
    """Return the first lines, and a line with the number of the others."""
    return [*lines[:most], f"and {len(lines) - most} more"] if len(lines) > most else list(lines)


def listed(names: Sequence[str], most: int) -> str:
    """Return the first names in one line, and the number of the others."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
