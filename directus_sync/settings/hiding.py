"""Finds the secrets in an environment, in every form in which a message could contain them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

# How the names of secrets end for Directus, its storages and log-ins, Redis, SMTP and others. Ignores case.
_NAME: Final = re.compile(
    r"(SECRET|PASSWORD|PASSWD|PASSPHRASE|PASS|TOKEN|KEY|CREDENTIALS?|DSN|SERVICE_ROLE|SAS|PAT)(_FILE)?$", re.IGNORECASE
)
# The user information of a URL. It ends at the last @ before the path or, if it is not encoded, at the last @ of all.
_USER_INFO: Final = (re.compile(r"://([^/?#\s]*)@"), re.compile(r"://(.*)@", re.DOTALL))
# Hiding shorter values would garble messages and protect nothing.
SHORTEST: Final = 6
# In a URL without a password, a user name longer than this is taken for a token.
_LONGEST_NAME: Final = 20
# The shortest line of a private key or a certificate that is hidden alone: they may be printed line by line.
_LINE: Final = 16


def is_secret(name: str) -> bool:
    """Return whether a variable of this name holds a secret or, if it ends in _FILE, the path of a secret."""
    return _NAME.search(name) is not None


def in_environment(variables: Mapping[str, str]) -> frozenset[str]:
    """Return the values that look like secrets: by the name of the variable, or as user information in a URL."""
    found: set[str] = set()
    for name, value in variables.items():
        if is_secret(name) and not name.upper().endswith("_FILE"):
            found |= {value, *_of_type(value)}
        found |= set(_in_urls(value))
    return frozenset(value for value in found if len(value) >= SHORTEST)


def forms(secrets: Iterable[str]) -> frozenset[str]:
    """Return all forms of each secret: whole, its lines, with escaped line breaks, percent-encoded, decoded."""
    found: set[str] = set()
    for secret in secrets:
        parts = {secret, secret.strip(), *(line.strip() for line in secret.splitlines() if len(line) >= _LINE)}
        for part in parts | {part.replace("\n", "\\n") for part in parts}:
            found |= {part, unquote(part), unquote_plus(part), quote(part, safe=""), quote(part), quote_plus(part)}
    return frozenset(found)


def _of_type(value: str) -> Iterator[str]:
    """Yield the value without its prefix, if it has one: Directus accepts a type, as in `string:secret`."""
    before, colon, rest = value.partition(":")
    if colon and before in {"string", "number", "regex", "array", "json", "boolean"}:
        yield rest


def _in_urls(value: str) -> Iterator[str]:
    for match in (match for pattern in _USER_INFO for match in pattern.finditer(value)):
        user, colon, password = match[1].partition(":")
        if colon:
            yield password
        elif len(user) > _LONGEST_NAME:
            yield user
