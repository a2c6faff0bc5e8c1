"""YAML as Directus writes it, read in one pass; refuses what Directus never writes and a parser can't bear."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

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

if TYPE_CHECKING:
    from yaml import SafeLoader as _SafeLoader
else:
    # LibYAML's, where PyYAML was built with it: ten times as fast.
    _SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Directus's own exports are 8 levels deep, and an operator's JSON options some more.
_MAX_DEPTH: Final = 100
_SHOWN: Final = 60

_TAGS: Final = (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_MERGE: Final = "tag:yaml.org,2002:merge"


# File, server and base are mostly the same bytes, and a schema of 250 collections takes a quarter of a second to read.
@lru_cache(maxsize=3)
def load(content: bytes) -> object:
    """Return what the bytes hold, as dicts, lists and scalars.

    Raises yaml.YAMLError for what is no YAML, and for deep nesting, aliases, merge keys, duplicate keys and kinds of
    collections that Directus never writes; ValueError, KeyError, TypeError or AttributeError for a scalar that is
    not what its tag says.
    """
    return _Builder(_Loader(content)).document()


def compose(content: bytes) -> yaml.Node | None:
    """Return the tree of nodes, which know their lines. Takes long, so this is for errors."""
    return yaml.compose(content, Loader=_SafeLoader)


def shown(value: object) -> str:
    """Return a value for a message, short, whatever it is."""
    text = repr(value) if isinstance(value, str | int | float | bool | None) else f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


class _Loader(_SafeLoader):
    """Reads scalars as Directus writes them: a plain one that looks like a number but is none is text."""

    def construct_scalar_or_text(self, node: yaml.ScalarNode) -> object:
        """Construct a scalar; js-yaml leaves `0x_` unquoted, because to it this is text."""
        try:
            return _SafeLoader.yaml_constructors[node.tag](self, node)
        except (ValueError, KeyError):
            return node.value


for _tag in ("int", "float", "bool", "timestamp"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.construct_scalar_or_text)


class _Builder:
    """Makes values from the parser's events. With a tree of nodes in between it would take three times as long."""

    def __init__(self, loader: Any) -> None:  # types-PyYAML leaves out what is used here
        self._loader = loader
        self._next: Callable[[], Any] = loader.get_event
        # A snapshot is mostly the same few hundred words.
        self._scalars: dict[tuple[str, tuple[bool, bool], str | None], object] = {}

    def document(self) -> object:
        """Return the one document; None where there is none."""
        found: list[object] = []
        while not isinstance(event := self._next(), StreamEndEvent):
            if isinstance(event, DocumentStartEvent):
                if found:
                    raise _unusable("another document", event)
                found.append(self._value(self._next(), 1))
        return found[0] if found else None

    def _value(self, event: Any, level: int) -> object:
        kind = type(event)
        if kind is ScalarEvent:
            return self._scalar(event)
        if kind is AliasEvent:
            raise _unusable("an alias", event)
        if level > _MAX_DEPTH:
            raise _unusable(f"more than {_MAX_DEPTH} levels", event)
        if event.tag not in _TAGS:
            raise _unusable(f"the tag {shown(event.tag)}", event)
        return self._mapping(level) if kind is MappingStartEvent else self._sequence(level)

    def _mapping(self, level: int) -> dict[Any, object]:
        result: dict[Any, object] = {}
        texts: set[str] = set()
        while type(event := self._next()) is not MappingEndEvent:
            if type(event) is not ScalarEvent:
                raise _unusable("a key that is a collection or an alias", event)
            if event.value in texts:
                raise _unusable(f"the key {shown(event.value)} twice", event)
            texts.add(event.value)
            key = self._scalar(event)
            result[key] = self._value(self._next(), level + 1)
        return result

    def _sequence(self, level: int) -> list[object]:
        result: list[object] = []
        while type(event := self._next()) is not SequenceEndEvent:
            result.append(self._value(event, level + 1))
        return result

    def _scalar(self, event: Any) -> object:
        known = (event.value, event.implicit, event.tag)
        try:
            return self._scalars[known]
        except KeyError:
            value = self._scalars[known] = self._constructed(event)
            return value

    def _constructed(self, event: Any) -> object:
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag == _MERGE:
            raise _unusable("a merge key", event)
        node = yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark)
        return self._loader.construct_object(node, deep=True)


def _unusable(what: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=f"it has {what}", problem_mark=cast("yaml.Mark", event.start_mark))
