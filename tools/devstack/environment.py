"""The stack's settings as an environment. Owns quoting and what counts as a database of the user's own."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

OWN_DATABASE = ("DB_HOST", "DB_CONNECTION_STRING")
OWN_DIRECTUS = ("DIRECTUS_URL", "DIRECTUS_HOME")
ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$")
EMPTY = {"", "''", '""'}


def shell_lines(settings: Mapping[str, str]) -> str:
    """Write assignments that any POSIX shell can eval, whatever the values hold."""
    return "".join(f"export {name}={_quote(value)}\n" for name, value in settings.items())


def _quote(value: str) -> str:
    return "'" + value.replace("'", "'\"'\"'") + "'"


def named(root: Path, environ: Mapping[str, str], *names: str) -> bool:
    """Tell whether the environment or the checkout's .env sets one of these, so that the stack's is not wanted."""
    if any(environ.get(name) for name in names):
        return True
    try:
        lines = (root / ".env").read_text().splitlines()
    except FileNotFoundError:
        return False
    assignments = (match.groups() for match in map(ASSIGNMENT.match, lines) if match)
    return any(name in names and not _is_empty(value) for name, value in assignments)


def _is_empty(value: str) -> bool:
    return value in EMPTY or value.startswith("#")


def search_path(*first: Path) -> str:
    """Return PATH with `first` in front, each folder once, so that repeated evals don't make it grow."""
    front = [str(path) for path in first]
    rest = [path for path in os.environ.get("PATH", os.defpath).split(os.pathsep) if path not in front]
    return os.pathsep.join(front + rest)
