"""Where an error about a snapshot is, and what to do next."""

from __future__ import annotations

from typing import Final

import yaml

from directus_sync import plain_yaml

RESTORE: Final = "restore the file from git, or write it again: directus-sync pull --overwrite"


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
