"""Errors about a snapshot: what is wrong, in which line, and what to do next."""

from __future__ import annotations

from typing import Final

import yaml

from directus_sync import plain_yaml
from directus_sync.errors import InvalidSnapshot

RESTORE: Final = "restore the file from git, or write it again: directus-sync pull --overwrite"
_CORRECT: Final = "this is what Directus itself has in its tables: correct it there, then run again"


class Problems:
    """Makes errors that name the line. It reads the document again for that, only when there is an error.

    live: what Directus itself says, which no other file can replace.
    """

    def __init__(self, content: bytes, source: str, *, live: bool = False) -> None:
        self._content = content
        self._source = source
        self.live = live

    def error(
        self, what: str, path: tuple[str | int, ...], step: str = RESTORE, *, correction: str = ""
    ) -> InvalidSnapshot:
        """Return the error, with the line of the key or entry at `path`. correction: SQL for Directus's own rows."""
        if self.live and step is RESTORE:
            step = f"{_CORRECT}, by SQL:\n{correction}" if correction else _CORRECT
        return InvalidSnapshot(what, where=line_of(self._content, self._source, path), next=step)


def line_of(content: bytes, source: str, path: tuple[str | int, ...]) -> str:
    """Return `source:line` of a key or an entry. Slow, so it is called for errors only."""
    node = plain_yaml.tree(content)
    mark = node.start_mark if node is not None else None
    for step in path:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == str(step)), None)
            if pair is None:
                break
            mark, node = pair[0].start_mark, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            mark = node.start_mark
    return f"{source}:{mark.line + 1}" if mark is not None else source
