"""Finds the values of an environment that must not be printed, in every form in which they could be. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

# Directus, its storages and log-ins, Redis, SMTP and others name secrets so: the ends of names, whichever their case.
_NAME: Final = re.compile(
    r"(SECRET|PASSWORD|PASSWD|PASSPHRASE|PASS|TOKEN|KEY|CREDENTIALS?|DSN|SERVICE_ROLE|SAS|PAT)(_FILE)?$", re.IGNORECASE
)
# Of a URL: the last @ before the path ends the user information; in one that nobody encoded, the last of all.
_USER_INFO: Final = (re.compile(r"://([^/?#\s]*)@"), re.compile(r"://(.*)@", re.DOTALL))
# Shorter ones would garble messages, and protect nothing.
SHORTEST: Final = 6
# A user without a password is a token if it is longer than any name.
_LONGEST_NAME: Final = 20
# Of a private key or a certificate, which may be printed line by line.
_LINE: Final = 16


def is_secret(name: str) -> bool:
    """Tell whether a variable of this name holds a secret, or with _FILE at its end the path of one."""
    return _NAME.search(name) is not None


def in_environment(variables: Mapping[str, str]) -> frozenset[str]:
    """Return what looks like a secret: by the name of its variable, or as the user information of a URL."""
    found: set[str] = set()
    for name, value in variables.items():
        if is_secret(name) and not name.upper().endswith("_FILE"):
            found |= {value, *_of_type(value)}
        found |= set(_in_urls(value))
    return frozenset(value for value in found if len(value) >= SHORTEST)


def forms(secrets: Iterable[str]) -> frozenset[str]:
    """Return each secret as it is, in one line or in several, percent-encoded and decoded."""
    found: set[str] = set()
    for secret in secrets:
        parts = {secret, secret.strip(), *(line.strip() for line in secret.splitlines() if len(line) >= _LINE)}
        for part in parts | {part.replace("\n", "\\n") for part in parts}:
            found |= {part, unquote(part), unquote_plus(part), quote(part, safe=""), quote(part), quote_plus(part)}
    return frozenset(found)


def _of_type(value: str) -> Iterator[str]:
    """Return a value without the type that Directus lets one write before it, as in `string:secret`."""
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
