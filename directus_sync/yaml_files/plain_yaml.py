"""Reads YAML documents: snapshots as values, files that people write as nodes with lines.

Refuses documents that are ambiguous, nested too deeply, or too large once their aliases are expanded.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Container
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from directus_sync.errors import SyncError
from directus_sync.text.wording import shown
from directus_sync.yaml_files.scalars import TAG, Loader, value

# Directus's own exports are 8 levels deep, and the JSON options of operators may be some levels deeper.
_MAX_DEPTH: Final = 100
# Aliases may expand a file to this many times its size. Nested aliases could make millions of values of a few lines.
_EXPANSION: Final = 10
_EXPANDED_AT_LEAST: Final = 10_000

# PostgreSQL cannot store this character in a text, but YAML can write it as an escape.
NUL: Final = "\0"
NO_NUL: Final = "the character NUL, which PostgreSQL does not store"

_TEXT: Final = f"{TAG}str"
_MAPPING: Final = f"{TAG}map"
_SEQUENCE: Final = f"{TAG}seq"
_MERGE: Final = f"{TAG}merge"
_TAGS: Final = (None, "!", _MAPPING, _SEQUENCE)
_SCALAR_TAGS: Final = frozenset({"!", _TEXT, *(f"{TAG}{name}" for name in ("null", "bool", "int", "float"))})


class Unreadable(Exception):
    """A file can't be used. reason: a sentence about the file; line: counted from 1, None if it is unknown."""

    def __init__(self, reason: str, line: int | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line

    def where(self, source: str) -> str:
        """Return `source:line`."""
        return source if self.line is None else f"{source}:{self.line}"


# Cached, because file, server and base often have the same bytes, and a schema of 250 collections takes 0.25 s to read.
@lru_cache(maxsize=3)
def load(content: bytes) -> object:
    """Return the document as JavaScript would read it: dicts with text keys, lists, texts, numbers, booleans, None.

    Raises yaml.YAMLError if it is not YAML, and for deep nesting, aliases, merge keys, duplicate keys, keys that are
    not text, and tags that Directus never writes.
    """
    return _Values(content).document()


def tree(content: bytes, line: int = 0) -> yaml.Node | None:
    """Return the root node of a file that people write; each node has its line. None for an empty file.

    line: the line of the file, counted from 0, in which the content begins.

    Unlike `load`, allows aliases, but not aliases that multiply values or refer to a value that contains them.

    Raises Unreadable if the file is not YAML, for such aliases, and for everything else that `load` refuses.
    """
    # LibYAML reads UTF-16, but the code that edits files does not.
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Unreadable("it is UTF-16; save it as UTF-8", None)
    try:
        root: yaml.Node | None = _Nodes(content, line).document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        reason = str(problem) if isinstance(error, _Refused) else f"it is not YAML: {problem}"
        raise Unreadable(reason, mark.line + 1 if mark is not None else None) from error
    return root


def file_tree(content: bytes, source: str, error: type[SyncError], next: str) -> yaml.Node | None:  # noqa: A002 - as in SyncError
    """Return the root node of a file. Raises `error`, with the line and what to do next, if `tree` refuses the file."""
    try:
        return tree(content)
    except Unreadable as found:
        raise error(f"the file can't be used: {found.reason}", where=found.where(source), next=next) from found


def content(path: Path, error: type[SyncError], next: str) -> bytes:  # noqa: A002 - as above
    """Return the content of a file. Raises `error` if it can't be read."""
    try:
        return path.read_bytes()
    except OSError as failed:
        raise error(f"the file can't be read: {failed.strerror}", where=str(path), next=next) from failed


def load_file(content: bytes) -> Any:
    """Return the value of a file that people write, with aliases expanded; None if it is empty. Raises Unreadable."""
    root = tree(content)
    return None if root is None else value(root)


class _Values:
    """Makes values directly from the parser's events. Making nodes first would take three times as long."""

    def __init__(self, content: bytes) -> None:
        self._loader: Any = Loader(content)  # types-PyYAML leaves out what is used here
        self._next: Callable[[], Any] = self._loader.get_event
        # Cached, because a snapshot mostly repeats the same few hundred words.
        self._known: dict[tuple[str, tuple[bool, bool], str | None], object] = {}

    def document(self) -> Any:
        """Return the only document; None if there is none."""
        found: list[object] = []
        while not isinstance(event := self._next(), StreamEndEvent):
            if isinstance(event, DocumentStartEvent):
                if found:
                    raise _unusable("another document", event)
                found.append(self._any(self._next(), 1))
        return found[0] if found else None

    def _any(self, event: Any, level: int) -> Any:
        kind = type(event)
        if kind is ScalarEvent:
            return self._scalar(event)
        if kind is AliasEvent:
            return self._alias(event, level)
        if level > _MAX_DEPTH:
            raise _unusable(f"more than {_MAX_DEPTH} levels", event)
        if event.tag not in _TAGS:
            raise _unusable(f"the tag {shown(event.tag)}", event)
        return self._mapping(event, level) if kind is MappingStartEvent else self._sequence(event, level)

    def _mapping(self, _start: Any, level: int) -> Any:
        result: dict[str, object] = {}
        while type(event := self._next()) is not MappingEndEvent:
            key = self._key(event, result)
            result[key] = self._any(self._next(), level + 1)
        return result

    def _sequence(self, _start: Any, level: int) -> Any:
        result: list[object] = []
        while type(event := self._next()) is not SequenceEndEvent:
            result.append(self._any(event, level + 1))
        return result

    def _scalar(self, event: Any) -> Any:
        known = (event.value, event.implicit, event.tag)
        try:
            return self._known[known]
        except KeyError:
            value = self._known[known] = self._loader.construct_object(self._node(event), deep=True)
            return value

    def _alias(self, event: Any, _level: int) -> Any:
        raise _unusable("an alias", event)

    def _key(self, event: Any, others: Container[str]) -> str:
        if type(event) is not ScalarEvent:
            raise _unusable("a key that is a collection or an alias", event)
        key = _Values._scalar(self, event)
        if not isinstance(key, str):
            raise _unusable(f"the key {event.value}, which must be quoted to be a text", event)
        if key in others:
            raise _unusable(f"the key {shown(key)} twice", event)
        return key

    def _node(self, event: Any) -> yaml.ScalarNode:
        if NUL in event.value:
            raise _unusable(NO_NUL, event)
        tag = event.tag or self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag == _MERGE:
            raise _unusable("a merge key", event)
        if tag not in _SCALAR_TAGS:
            raise _unusable(f"the tag {shown(tag)}", event)
        return yaml.ScalarNode(_TEXT if tag == "!" else tag, event.value, event.start_mark, event.end_mark, event.style)


class _Nodes(_Values):
    """Makes nodes, and counts how many the tree would have with its aliases expanded."""

    def __init__(self, content: bytes, line: int) -> None:
        super().__init__(content)
        self._line = line
        # Nodes by their anchor. None while that node is still being made.
        self._named: dict[str, yaml.Node | None] = {}
        # By the id of a node: how many nodes it contains, including itself, and how many levels.
        self._sizes: dict[int, tuple[int, int]] = {}

    def _any(self, event: Any, level: int) -> Any:
        if type(event) is AliasEvent or not event.anchor:
            return super()._any(event, level)
        if event.anchor in self._named:
            raise _unusable(f"the anchor {event.anchor} twice", event)
        self._named[event.anchor] = None
        node = self._named[event.anchor] = super()._any(event, level)
        return node

    def _alias(self, event: Any, level: int) -> Any:
        if event.anchor not in self._named:
            raise _unusable(f"an alias of {event.anchor}, which is not defined before it", event)
        node = self._named[event.anchor]
        if node is None:
            raise _unusable("an alias inside the value that it refers to", event)
        if level - 1 + self._sizes[id(node)][1] > _MAX_DEPTH:
            raise _unusable(f"more than {_MAX_DEPTH} levels", event)
        return node

    def _mapping(self, start: Any, level: int) -> Any:
        pairs: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        while type(event := self._next()) is not MappingEndEvent:
            key = self._key(event, pairs)
            pairs[key] = self._any(event, level), self._any(self._next(), level + 1)
        return self._sized(
            yaml.MappingNode(_MAPPING, [*pairs.values()]), [node for _, node in pairs.values()], start, event
        )

    def _sequence(self, start: Any, level: int) -> Any:
        nodes: list[yaml.Node] = []
        while type(event := self._next()) is not SequenceEndEvent:
            nodes.append(self._any(event, level + 1))
        return self._sized(yaml.SequenceNode(_SEQUENCE, nodes), nodes, start, event)

    def _scalar(self, event: Any) -> Any:
        node = self._node(event)
        self._sizes[id(node)] = 1, 0
        return node

    def _node(self, event: Any) -> yaml.ScalarNode:
        node = super()._node(event)
        node.start_mark = self._placed(node.start_mark)
        return node

    def _placed(self, mark: Any) -> Any:
        return yaml.Mark("", 0, mark.line + self._line, mark.column, None, 0) if self._line else mark

    def _sized(self, node: yaml.CollectionNode, inner: list[yaml.Node], start: Any, end: Any) -> yaml.Node:
        node.start_mark, node.end_mark, node.flow_style = self._placed(start.start_mark), end.end_mark, start.flow_style
        sizes = [self._sizes[id(each)] for each in inner]
        count = 1 + sum(count for count, _ in sizes)
        if count > max(_EXPANDED_AT_LEAST, _EXPANSION * len(self._sizes)):
            raise _unusable(f"aliases that expand to {count} values", node)
        self._sizes[id(node)] = count, 1 + max((levels for _, levels in sizes), default=0)
        return node


class _Refused(yaml.MarkedYAMLError):
    """Valid YAML that is refused."""


def _unusable(what: str, place: yaml.Event | yaml.Node) -> _Refused:
    return _Refused(problem=f"it has {what}", problem_mark=cast("yaml.Mark", place.start_mark))
