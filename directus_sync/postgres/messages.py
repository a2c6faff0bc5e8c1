"""Turns errors of PostgreSQL into one line for people, without the values of rows."""

from __future__ import annotations

import re
from typing import Final

import psycopg2

from directus_sync import output

# Classes of SQLSTATE: a value does not fit its type, and rows violate a constraint.
_DATA_EXCEPTION: Final = "22"
_INTEGRITY_VIOLATION: Final = "23"
# A value in a message is in quotes, which depend on the language of the server.
_QUOTED: Final = re.compile(r'["»«„“”「『].*["«»“”」』]', re.DOTALL)
# In a detail, such as `Key (email)=(a@b) already exists.`
_KEY_VALUES: Final = re.compile(r"(?<=\)=)\(.*\)", re.DOTALL)


def reason(error: psycopg2.Error) -> str:
    """Return why PostgreSQL failed, in one line.

    Unless --verbose is given, the line has no values of rows, in any language of the server. So it lacks hint, context
    and statement, and any detail that is not about a key.
    """
    if output.shows_values():
        return " ".join(str(error).split())
    message, state = error.diag.message_primary or cause(str(error).strip()), error.pgcode or ""
    if state.startswith(_DATA_EXCEPTION):
        message = _QUOTED.sub(output.MASKED, message)
    detail = error.diag.message_detail or ""
    if state.startswith(_INTEGRITY_VIOLATION) and _KEY_VALUES.search(detail):
        message += f": {_KEY_VALUES.sub(output.MASKED, detail)}"
    return " ".join(message.split())


def cause(message: str) -> str:
    """Return libpq's reason: the first line of its message, without the address, which is in the error's `where`."""
    first = message.splitlines()[0] if message else "no reason given"
    return first.rpartition(" failed: ")[2].removeprefix("FATAL:").strip()
