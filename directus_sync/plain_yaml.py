"""YAML as Directus writes it, read in one pass; refuses what Directus never writes and a parser can't bear."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

import yaml

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
_NO_KEY: Final = object()


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


class _Sequence:
    """A list that is being read."""

    def __init__(self) -> None:
        self.value: list[object] = []

    def add(self, value: object, _: yaml.Event) -> None:
        self.value.append(value)


class _Mapping:
    """A mapping that is being read; takes its keys and values in turn."""

    def __init__(self) -> None:
        self.value: dict[Any, object] = {}
        self._texts: set[str] = set()
        self._key: object = _NO_KEY

    def add(self, value: object, event: yaml.Event) -> None:
        if self._key is not _NO_KEY:
            self.value[self._key] = value
            self._key = _NO_KEY
            return
        if not isinstance(event, yaml.ScalarEvent):
            raise _unusable("a key that is a collection", event)
        if event.value in self._texts:
            raise _unusable(f"the key {shown(event.value)} twice", event)
        self._texts.add(event.value)
        self._key = value


class _Builder:
    """Makes values from the parser's events. With a tree of nodes in between it would take three times as long."""

    def __init__(self, loader: _Loader) -> None:
        self._loader: Any = loader  # types-PyYAML leaves out what is used here
        # A snapshot is mostly the same few hundred words.
        self._scalars: dict[tuple[str, tuple[bool, bool], str | None], object] = {}

    def document(self) -> object:
        """Return the one document; None where there is none."""
        top = _Sequence()
        within: list[_Sequence | _Mapping] = [top]
        event: yaml.Event
        while not isinstance(event := self._loader.get_event(), yaml.StreamEndEvent):
            if isinstance(event, yaml.ScalarEvent):
                within[-1].add(self._scalar(event), event)
            elif isinstance(event, yaml.CollectionStartEvent):
                if len(within) > _MAX_DEPTH:
                    raise _unusable(f"more than {_MAX_DEPTH} levels", event)
                if event.tag not in _TAGS:
                    raise _unusable(f"the tag {shown(event.tag)}", event)
                within.append(_Mapping() if isinstance(event, yaml.MappingStartEvent) else _Sequence())
            elif isinstance(event, yaml.CollectionEndEvent):
                finished = within.pop()
                within[-1].add(finished.value, event)
            elif isinstance(event, yaml.AliasEvent):
                raise _unusable("an alias", event)
            elif isinstance(event, yaml.DocumentStartEvent) and top.value:
                raise _unusable("another document", event)
        return top.value[0] if top.value else None

    def _scalar(self, event: yaml.ScalarEvent) -> object:
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
