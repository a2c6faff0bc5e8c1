"""Reads values from the nodes of YAML files that people write. Errors name the file and the line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml

from directus_sync.errors import SyncError
from directus_sync.text.wording import shown
from directus_sync.yaml_files import plain_yaml, scalars


@dataclass(frozen=True)
class FileKind:
    """The error for a kind of files. error: the class to raise for invalid content; next: its advice."""

    error: type[SyncError]
    next: str

    def fault(self, what: str, where: str) -> SyncError:
        """Return the error for content that does not fit."""
        return self.error(what, where=where, next=self.next)


class Node:
    """A value in a file, with its line. what: its name for messages, such as `a.settings.role`."""

    def __init__(self, node: yaml.Node, path: Path, what: str, kind: FileKind, line: int | None = None) -> None:
        self._node = node
        self._path = path
        self._kind = kind
        # The line of the key, if there is one, because its value may begin on the next line.
        self._line = node.start_mark.line + 1 if line is None else line
        self.what = what

    @property
    def where(self) -> str:
        """`file:line`."""
        return f"{self._path}:{self._line}"

    @property
    def is_list(self) -> bool:
        """Whether the value is a list."""
        return isinstance(self._node, yaml.SequenceNode)

    @property
    def is_mapping(self) -> bool:
        """Whether the value is a mapping."""
        return isinstance(self._node, yaml.MappingNode)

    @property
    def value(self) -> Any:
        """The plain value, as in JSON."""
        return scalars.value(self._node)

    def fault(self, problem: str) -> SyncError:
        """Return an error for this place. problem: a predicate, which follows the name of the place."""
        return self._kind.fault(f"{self.what or 'the file'} {problem}", self.where)

    def items(self) -> list[Node]:
        """Return the values of a list."""
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.fault("must be a list")
        return [Node(child, self._path, self.what, self._kind) for child in self._node.value]

    def pairs(self) -> Iterator[tuple[str, Node]]:
        """Yield the keys and values of a mapping."""
        if not isinstance(self._node, yaml.MappingNode):
            raise self.fault("must be a mapping")
        for key, value in self._node.value:
            name = str(key.value)
            what = f"{self.what}.{name}" if self.what else name
            yield name, Node(value, self._path, what, self._kind, key.start_mark.line + 1)

    def record(self, required: tuple[str, ...], optional: tuple[str, ...]) -> Mapping[str, Node]:
        """Return the values of a mapping that has these keys and no others."""
        found = dict(self.pairs())
        unknown = [name for name in found if name not in (*required, *optional)]
        if unknown:
            raise found[unknown[0]].fault(f"is not known here: {', '.join((*required, *optional))} are")
        missing = [name for name in required if name not in found]
        if missing:
            raise self.fault(f"has no {missing[0]}")
        return found

    def text(self) -> str:
        """Return a text that is not empty."""
        value = self.value
        if not isinstance(value, str) or not value.strip():
            raise self.fault(f"must be a text, not {shown(value)}")
        return value

    def uuid(self) -> str:
        """Return a UUID, in its usual form."""
        try:
            return str(UUID(self.text()))
        except ValueError:
            raise self.fault("must be a UUID; make one: python3 -c 'import uuid; print(uuid.uuid4())'") from None

    def one_of(self, known: tuple[str, ...]) -> str:
        """Return one of these words."""
        value = self.value
        if value not in known:
            raise self.fault(f"must be one of {', '.join(known)}, not {shown(value)}")
        return str(value)

    def texts(self) -> tuple[str, ...]:
        """Return a list of different texts."""
        found = tuple(item.text() for item in self.items())
        if len(set(found)) != len(found):
            raise self.fault("contains a value twice")
        return found

    def flag(self) -> bool:
        """Return true or false."""
        value = self.value
        if not isinstance(value, bool):
            raise self.fault(f"must be true or false, not {shown(value)}")
        return value

    def mapping(self) -> Mapping[str, Any]:
        """Return a mapping that is not empty, as plain values."""
        value = self.value
        if not isinstance(value, dict) or not value:
            raise self.fault("must be a filter, such as {status: {_eq: draft}}")
        return value


def content(path: Path, kind: FileKind) -> bytes:
    """Return the content of a file.

    Raises the kind's error.
    """
    return plain_yaml.content(path, kind.error, kind.next)


def parse(content: bytes, path: Path, kind: FileKind) -> Node:
    """Return the root of a file.

    Raises the kind's error, also if the file is empty.
    """
    root = _root(content, path, kind)
    if root is None:
        raise kind.fault("the file is empty", str(path))
    return root


def read(path: Path, kind: FileKind) -> Node | None:
    """Read a file and return its root; None if it is empty.

    Raises the kind's error.
    """
    return _root(content(path, kind), path, kind)


def _root(content: bytes, path: Path, kind: FileKind) -> Node | None:
    root = plain_yaml.file_tree(content, str(path), kind.error, kind.next)
    return Node(root, path, "", kind) if root is not None else None
