"""Reads and prunes snapshots/removals.yaml: what a push is allowed to destroy, and why. People review it in git."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from directus_sync import files
from directus_sync.errors import InvalidRemovals
from directus_sync.schema.plan import ON_THE_COMMAND_LINE, Approvals
from directus_sync.yaml_files import plain_yaml, scalars

SHOWN: Final = 20
_EXAMPLE: Final = "write it as\n- item: events.notes\n  reason: moved to the regulations page"


@dataclass(frozen=True)
class Removal:
    """One approval. lines: its first line in the file, and the line after its last, counted from 0."""

    item: str
    reason: str
    lines: tuple[int, int]


def read(path: Path) -> tuple[Removal, ...]:
    """Read the approvals. A missing file is like an empty one.

    Raises InvalidRemovals with file and line.
    """
    if not path.exists():
        return ()
    return _parsed(plain_yaml.content(path, InvalidRemovals, _EXAMPLE), path)


def _parsed(content: bytes, path: Path) -> tuple[Removal, ...]:
    root = plain_yaml.file_tree(content, str(path), InvalidRemovals, _EXAMPLE)
    if root is None or (isinstance(root, yaml.ScalarNode) and not root.value and not root.style):
        return ()  # An empty file, or only `---`.
    if not isinstance(root, yaml.SequenceNode):
        raise InvalidRemovals("the file must be a list", where=f"{path}:1", next=_EXAMPLE)
    return tuple(_removal(node, path) for node in root.value)


def example(names: Sequence[str]) -> list[str]:
    """Return lines to paste into the file: the first items, and how many more there are."""
    lines = [line for name in names[:SHOWN] for line in (f"  - item: {_scalar(name)}", "    reason: why it may go")]
    left = len(names) - SHOWN
    return [*lines, f"  # and {left} more, which directus-sync diff lists"] if left > 0 else lines


def pasted(names: Iterable[str]) -> str:
    """Return ids as the value of an option in a shell."""
    return shlex.quote(",".join(dict.fromkeys(names)))


def combine(removals: Iterable[Removal], destroy: Iterable[str], discard: Iterable[str]) -> Approvals:
    """Join the approvals of the file with those of the command line."""
    reviewed = {removal.item: removal.reason for removal in removals}
    return Approvals({**dict.fromkeys(destroy, ON_THE_COMMAND_LINE), **reviewed}, frozenset(discard))


def prune(path: Path, removals: Iterable[Removal]) -> None:
    """Remove approvals from the file; every other line stays as it is.

    Raises InvalidRemovals if an approval shares a line with something else, as in a list on one line.
    """
    spent = tuple(removals)
    # Like YAML, splitlines() does not only split at line feeds.
    lines = path.read_bytes().decode().splitlines(keepends=True)
    gone = {number for removal in spent for number in range(*removal.lines)}
    content = "".join(line for number, line in enumerate(lines) if number not in gone).encode()
    if _readable(content, path) != [(each.item, each.reason) for each in read(path) if each not in spent]:
        names = ", ".join(removal.item for removal in spent)
        raise InvalidRemovals(f"{names} cannot be removed line by line", where=str(path), next=_EXAMPLE)
    files.replace(path, content)


def _readable(content: bytes, path: Path) -> list[tuple[str, str]] | None:
    """Return the approvals in this content, or None if it cannot be read."""
    with suppress(InvalidRemovals):
        return [(removal.item, removal.reason) for removal in _parsed(content, path)]
    return None


def _scalar(text: str) -> str:
    return scalars.dump(text).decode().removesuffix("...\n").strip()


def _removal(node: yaml.Node, path: Path) -> Removal:
    where = f"{path}:{node.start_mark.line + 1}"
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    values = {
        key.value: value.value for key, value in pairs if all(isinstance(n, yaml.ScalarNode) for n in (key, value))
    }
    if set(values) != {"item", "reason"} or len(pairs) != 2:
        raise InvalidRemovals("an approval has an `item` and a `reason`, and nothing else", where=where, next=_EXAMPLE)
    if not values["item"].strip() or not values["reason"].strip():
        raise InvalidRemovals("item and reason must not be empty", where=where, next=_EXAMPLE)
    return Removal(values["item"].strip(), values["reason"].strip(), (node.start_mark.line, _end(node)))


def _end(node: yaml.Node) -> int:
    mark = node.end_mark if isinstance(node, yaml.MappingNode) and node.flow_style else node.value[-1][1].end_mark
    return int(mark.line) + (1 if mark.column else 0)
