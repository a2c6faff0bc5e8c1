"""Edits the text of YAML files entry by entry. Every line that did not change stays as it was written. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import yaml

from directus_sync.resources.items import text as canonical
from directus_sync.yaml_files import plain_yaml, scalars

_WIDTH: Final = 120
# An empty mapping is written out, because a file of nothing but comments has no value.
_EMPTY: Final = "{}\n"


def flow(value: object) -> str:
    """Return a value as YAML on one line."""
    written = yaml.dump(
        dict(value) if isinstance(value, Mapping) else value,
        Dumper=scalars.Dumper,
        default_flow_style=True,
        sort_keys=False,
        allow_unicode=True,
        width=10**6,
    )
    return str(written).removesuffix("...\n").strip()


def entries(text: str, wanted: Mapping[str, Any]) -> str:
    """Return the text with these entries set in its mapping. None removes an entry."""
    kept = {name: value for name, value in _mapping(plain_yaml.tree(text.encode())).items() if name not in wanted}
    return document(text, {**kept, **{name: value for name, value in wanted.items() if value is not None}})


def document(text: str, wanted: Mapping[str, Any]) -> str:
    """Return the text with exactly these entries in its mapping.

    Existing entries are edited in place, and new ones follow the last. If the edited text would be read as something
    else, all entries are written again.
    """
    if text and not text.endswith("\n"):
        text += "\n"
    root = plain_yaml.tree(text.encode())
    expected = _in_order(_mapping(root), wanted)
    edited = _edited_text(text, root, expected)
    return edited if _says(edited, expected) else _whole(expected)


def _mapping(root: yaml.Node | None) -> Mapping[str, Any]:
    value = scalars.value(root) if root is not None else None
    return value if isinstance(value, dict) else {}


def _in_order(old: object, new: Any) -> Any:
    """Return the new value with its keys in the old order, new keys last. A database does not keep their order."""
    if isinstance(old, list) and isinstance(new, list):
        return [*map(_in_order, old, new), *new[len(old) :]]
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return new
    return {key: _in_order(old.get(key), new[key]) for key in dict.fromkeys([*old, *new]) if key in new}


def _says(text: str, expected: object) -> bool:
    """Return whether the text reads as this value. An edit may remove an anchor, or write after the document's end."""
    with suppress(plain_yaml.Unreadable):
        root = plain_yaml.tree(text.encode())
        return root is not None and canonical(scalars.value(root)) == canonical(expected)
    return False


def _edited_text(text: str, root: yaml.Node | None, wanted: Mapping[str, Any]) -> str:
    lines = text.splitlines(keepends=True)
    if isinstance(root, yaml.MappingNode) and not root.flow_style:
        for edit in sorted(_edits(root, wanted, lines), key=lambda edit: edit.start, reverse=True):
            lines[edit.start : edit.end] = [edit.text] if edit.text else []
        return "".join(lines if wanted else [*lines, _EMPTY])
    place = slice(root.start_mark.line, _last_line(root) + 1) if root is not None else slice(len(lines), None)
    lines[place] = [_whole(wanted)]
    return "".join(lines)


def _whole(wanted: Mapping[str, Any]) -> str:
    return "".join(_entry(name, value, 0) for name, value in wanted.items()) or _EMPTY


@dataclass(frozen=True)
class _Edit:
    """Lines to replace, counted from 0. `end` is the first line that stays."""

    start: int
    end: int
    text: str


def _edits(holder: yaml.MappingNode, wanted: Mapping[str, Any], lines: list[str]) -> Iterator[_Edit]:
    """Yield the edits of a block mapping: of each entry that differs, then of the new entries at its end."""
    found = {str(key.value): (key, node) for key, node in holder.value}
    for name, (key, node) in found.items():
        if name not in wanted:
            yield _Edit(key.start_mark.line, _last_line(node) + 1, "")
        # As JSON, because 1 == True in Python.
        elif canonical(scalars.value(node)) != canonical(wanted[name]):
            yield from _edited(key, node, wanted[name], lines)
    new = [_entry(name, value, holder.start_mark.column) for name, value in wanted.items() if name not in found]
    if new:
        end = _last_line(holder) + 1
        yield _Edit(end, end, "".join(new))


def _edited(key: yaml.Node, node: yaml.Node, value: Any, lines: list[str]) -> Iterator[_Edit]:
    start, end = key.start_mark.line, _last_line(node) + 1
    if isinstance(node, yaml.MappingNode) and _is_block(node) and isinstance(value, Mapping) and value:
        yield from _edits(node, value, lines)
        return
    if start == end - 1 and not _is_block(node):
        line = lines[start]
        # Keep the text before the value, which may align it, and the text after it, which may be a comment.
        spliced = line[: node.start_mark.column] + flow(value) + line[node.end_mark.column :]
        if len(spliced.rstrip("\n")) <= _WIDTH:
            yield _Edit(start, end, spliced)
            return
    yield _Edit(start, end, _entry(str(key.value), value, key.start_mark.column))


def _entry(name: str, value: Any, column: int) -> str:
    """Return an entry on one line. A mapping or list that is too long gets a line for each key or value."""
    indent, key = " " * column, flow(name)
    line = f"{indent}{key}: {flow(value)}"
    if len(line) <= _WIDTH or not isinstance(value, Mapping | list):
        return line + "\n"
    if isinstance(value, Mapping):
        below = "".join(_entry(key, child, column + 2) for key, child in value.items())
    else:
        below = "".join(f"{indent}  - {flow(child)}\n" for child in value)
    return f"{indent}{key}:\n{below}"


def _is_block(node: yaml.Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and not node.flow_style


def _last_line(node: yaml.Node) -> int:
    """Return the line in which a node ends. A block ends where its last value ends."""
    if _is_block(node) and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    mark = node.end_mark
    return int(mark.line) - (1 if mark.column == 0 and mark.line > node.start_mark.line else 0)
