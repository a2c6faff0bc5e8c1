"""Adapts hints to the user: if `make` started the command, they name targets of the Makefile. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from directus_sync.project import RUN

# The target of make for each command.
TARGETS: Final[Mapping[str, str]] = {
    "deploy": "migrate",
    **{name: name for name in ("diff", "push", "pull", "check", "seed", "status")},
}
_VALUED: Final = "upgrade-directus|allow-destroy|discard-live|mode|only"
_OPTIONS: Final = rf"(?P<options>(?: --(?:overwrite|force|(?:{_VALUED}) [^\s,;]+(?:,[^\s,;]+)*))*)"
_COMMAND: Final = re.compile(rf"\bdirectus-sync (?P<command>{'|'.join(TARGETS)})\b{_OPTIONS}")
_AGAIN: Final = re.compile(rf"run again with{_OPTIONS}")
# Commands that have no target.
_OTHER: Final = re.compile(r"(?<![\w/.-])directus-sync (?=attic|adopt|prune|-v)")


def adapted(text: str, target: str | None) -> str:
    """Return a message with commands that the user can run. target: of `make`; None if the user called the tool."""
    if target is None:
        return text
    text = _AGAIN.sub(lambda found: _made(target, found["options"]) if found["options"] else found[0], text)
    return _OTHER.sub(RUN, _COMMAND.sub(lambda found: _made(TARGETS[found["command"]], found["options"]), text))


def _made(target: str, options: str) -> str:
    return f"make {target}" + (f' ARGS="{options.strip()}"' if options else "")
