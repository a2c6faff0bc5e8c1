"""Edits the text of YAML files entry by entry: every line that did not change stays as it was written. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import yaml

from directus_sync import plain_yaml
from directus_sync.resources.items import text as canonical

_WIDTH: Final = 120
_INDENT: Final = 2
# A mapping without entries. A key without a value would be null, and a file of nothing but comments has no value.
_EMPTY: Final = "{}\n"
# In place of a value: the entry goes.
_GONE: Final = object()


def flow(value: object) -> str:
    """Return a value as YAML on one line."""
    written = yaml.dump(
        dict(value) if isinstance(value, Mapping) else value,
        Dumper=plain_yaml.Dumper,
        default_flow_style=True,
        sort_keys=False,
        allow_unicode=True,
        width=10**6,
    )
    return str(written).removesuffix("...\n").strip()


def entries(text: str, below: str | None, wanted: Mapping[str, Any]) -> str:
    """Return the text with these entries of its mapping, or of the one below a key; None removes an entry.

    An entry that exists is written in its place, a new one after the last.
    """
    return _with_entries(text, below, {name: _GONE if value is None else value for name, value in wanted.items()})


def document(text: str, wanted: Mapping[str, Any]) -> str:
    """Return the text with exactly these entries in its mapping."""
    root = plain_yaml.tree(text.encode())
    old = plain_yaml.value(root) if root is not None else {}
    there = dict.fromkeys(old, _GONE) if isinstance(old, Mapping) else {}
    return _with_entries(text, None, {**there, **_in_order(old, wanted)})


def _in_order(old: object, new: Any) -> Any:
    """Return a value with its keys in the order that they had, new ones after them: a database keeps none."""
    if isinstance(old, list) and isinstance(new, list):
        return [*map(_in_order, old, new), *new[len(old) :]]
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return new
    return {key: _in_order(old.get(key), new[key]) for key in dict.fromkeys([*old, *new]) if key in new}


def _with_entries(text: str, below: str | None, wanted: Mapping[str, Any]) -> str:
    """Return the text edited line by line; where that would say something else, all of it written again."""
    if text and not text.endswith("\n"):
        text += "\n"
    root = plain_yaml.tree(text.encode())
    everything: Any = plain_yaml.value(root) if isinstance(root, yaml.MappingNode) else {}
    inside = everything if below is None else everything.get(below)
    left = {**(inside if isinstance(inside, Mapping) else {}), **wanted}
    left = {name: value for name, value in left.items() if value is not _GONE}
    expected = left if below is None else {**everything, below: left}
    edited = _edited_text(text, root, below, wanted)
    if _says(edited, expected):
        return edited
    return "".join(_entry(name, value, 0) for name, value in expected.items()) or _EMPTY


def _says(text: str, expected: object) -> bool:
    """Tell whether a text is read as this. An alias may have lost its anchor, or an entry come behind the end."""
    with suppress(plain_yaml.Unreadable):
        root = plain_yaml.tree(text.encode())
        return root is not None and canonical(plain_yaml.value(root)) == canonical(expected)
    return False


def _edited_text(text: str, root: yaml.Node | None, below: str | None, wanted: Mapping[str, Any]) -> str:
    holder = _holder(root, below)
    if holder is None or holder.flow_style:
        there = plain_yaml.value(holder) if holder is not None else {}
        kept = {**there, **wanted} if isinstance(there, dict) else dict(wanted)
        return _rewritten(text, root, below, {name: value for name, value in kept.items() if value is not _GONE})
    is_left = any(value is not _GONE for value in {**dict(_named(holder)), **wanted}.values())
    if below is not None and not is_left:
        return _rewritten(text, root, below, {})
    lines = text.splitlines(keepends=True)
    for edit in sorted(_edits(holder, wanted, lines), key=lambda edit: edit.start, reverse=True):
        lines[edit.start : edit.end] = [edit.text] if edit.text else []
    return "".join(lines if is_left else [*lines, _EMPTY])


@dataclass(frozen=True)
class _Edit:
    """Lines to replace, counted from 0, the second number excluded."""

    start: int
    end: int
    text: str


def _edits(holder: yaml.MappingNode, wanted: Mapping[str, Any], lines: list[str]) -> Iterator[_Edit]:
    """Yield the edits of a block mapping: of the entries that differ, and behind the last one the new ones."""
    found = _named(holder)
    for name, value in wanted.items():
        if name in found and not _is_same(plain_yaml.value(found[name][1]), value):
            yield from _edited(*found[name], value, lines)
    column, end = holder.start_mark.column, _last_line(holder) + 1
    new = [_entry(name, value, column) for name, value in wanted.items() if name not in found and value is not _GONE]
    if new:
        yield _Edit(end, end, "".join(new))


def _edited(key: yaml.Node, node: yaml.Node, value: Any, lines: list[str]) -> Iterator[_Edit]:
    start, end = key.start_mark.line, _last_line(node) + 1
    if isinstance(node, yaml.MappingNode) and _is_block(node) and isinstance(value, Mapping) and value:
        yield from _edits(node, {**dict.fromkeys(_named(node), _GONE), **value}, lines)
        return
    if start == end - 1 and value is not _GONE and not _is_block(node):
        line = lines[start]
        # What stands before the value is how people align it, and after it may be a comment.
        spliced = line[: node.start_mark.column] + flow(value) + line[node.end_mark.column :]
        if len(spliced.rstrip("\n")) <= _WIDTH:
            yield _Edit(start, end, spliced)
            return
    yield _Edit(start, end, "" if value is _GONE else _entry(str(key.value), value, key.start_mark.column))


def _entry(name: str, value: Any, column: int) -> str:
    """Return an entry on one line; a mapping or a list that is too long for that has a line for each key or value."""
    indent, key = " " * column, flow(name)
    line = f"{indent}{key}: {flow(value)}"
    if len(line) <= _WIDTH or not isinstance(value, Mapping | list):
        return line + "\n"
    if isinstance(value, Mapping):
        below = "".join(_entry(key, child, column + _INDENT) for key, child in value.items())
    else:
        below = "".join(f"{indent}  - {flow(child)}\n" for child in value)
    return f"{indent}{key}:\n{below}"


def _is_same(one: object, other: object) -> bool:
    """Tell whether two values are written alike: to Python 1 is True."""
    return other is not _GONE and canonical(one) == canonical(other)


def _holder(root: yaml.Node | None, below: str | None) -> yaml.MappingNode | None:
    if below is None:
        return root if isinstance(root, yaml.MappingNode) else None
    pairs: Iterable[tuple[yaml.Node, yaml.Node]] = root.value if isinstance(root, yaml.MappingNode) else ()
    return next((value for key, value in pairs if key.value == below and isinstance(value, yaml.MappingNode)), None)


def _rewritten(text: str, root: yaml.Node | None, below: str | None, value: Mapping[str, Any]) -> str:
    """Return the text with the whole mapping rewritten: it was on one line, or not there."""
    body = "".join(_entry(name, child, _INDENT if below else 0) for name, child in value.items())
    lines = text.splitlines(keepends=True)
    if below is None:
        place = slice(root.start_mark.line, _last_line(root) + 1) if root is not None else slice(len(lines), None)
        lines[place] = [body or _EMPTY]
        return "".join(lines)
    written = f"{below}:\n{body}" if value else f"{below}: {_EMPTY}"
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    for key, child in pairs:
        if key.value == below:
            lines[key.start_mark.line : _last_line(child) + 1] = [written]
            return "".join(lines)
    return f"{text.rstrip()}\n{written}".lstrip()


def _named(holder: yaml.MappingNode) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Return the keys and values of a mapping, by name."""
    return {str(key.value): (key, value) for key, value in holder.value}


def _is_block(node: yaml.Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and not node.flow_style


def _last_line(node: yaml.Node) -> int:
    """Return the line in which a node ends; that of a block is where its last value ends."""
    if _is_block(node) and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    mark = node.end_mark
    return int(mark.line) - (1 if mark.column == 0 and mark.line > node.start_mark.line else 0)
