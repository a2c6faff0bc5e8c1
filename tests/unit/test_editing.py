"""YAML files that are edited entry by entry read back as intended."""

from __future__ import annotations

from itertools import chain, combinations
from typing import Any

import pytest

from directus_sync.resources import editing
from directus_sync.yaml_files import plain_yaml

TEXTS = {
    "a line each": "# Top.\na: 1\nb: [x]  # two\nc: {d: e}\n",
    "blocks": "a:\n  b: 1\nb:\n  - x\n  # Between.\n  - y\nc:\n  d:\n    e: f\n# End.",
    "one line": "{a: 1, b: [x], c: {d: e}}\n",
    "CRLF": "a: 1\r\nb:\r\n  - x\r\nc:\r\n  d: e\r\n",
    "a mark at both ends": "---\na: 1\nb: [x]\nc: {d: e}\n...\n",
    "line separators": "a: 1 # one\u2028b: 'x\u2028  y'\nc: z\n",
}
SUBSETS = list(chain.from_iterable(combinations("abc", number) for number in range(4)))


def value(text: str) -> Any:
    return plain_yaml.load(text.encode())


@pytest.mark.parametrize("gone", SUBSETS, ids="".join)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_removed_entries_leave_the_others_unchanged(text: str, gone: tuple[str, ...]) -> None:
    left = {name: each for name, each in value(text).items() if name not in gone}
    assert value(editing.entries(text, dict.fromkeys(gone))) == left
    assert value(editing.document(text, left)) == left


@pytest.mark.parametrize("gone", SUBSETS, ids="".join)
@pytest.mark.parametrize("flow", [False, True])
def test_entries_below_a_key_can_be_removed_too(gone: tuple[str, ...], flow: bool) -> None:
    inside = "top: {a: 1, b: {c: d}, c: []}" if flow else "top:\n  a: 1\n  b:\n    c: d\n  # Two.\n  c: []"
    text = f"# First.\n{inside}\nother: kept\n"
    left = {name: each for name, each in value(text)["top"].items() if name not in gone}
    assert value(editing.entries(text, {"top": left})) == {"top": left, "other": "kept"}


@pytest.mark.parametrize("empty", [{}, []])
def test_an_entry_can_become_empty(empty: object) -> None:
    for text in TEXTS.values():
        assert value(editing.document(text, {"a": empty, "c": {"d": empty}})) == {"a": empty, "c": {"d": empty}}


def test_comments_stay_when_the_last_entry_is_removed_and_another_is_added() -> None:
    text = editing.entries("# Why.\na: 1\n# End.\n", {"a": None})
    assert text == "# Why.\n# End.\n{}\n"
    assert editing.entries(text, {"b": 2}) == "# Why.\n# End.\nb: 2\n"
    assert editing.entries("# Why.\n", {"b": 2}) == "# Why.\nb: 2\n"


@pytest.mark.parametrize("text", ["# Why.", "---\n# Why.", ""])
def test_an_entry_does_not_become_part_of_a_comment(text: str) -> None:
    assert value(editing.entries(text, {"a": 1})) == {"a": 1}
    assert value(editing.entries(text, {"below": {"a": 1}})) == {"below": {"a": 1}}


def test_an_alias_keeps_its_value_when_its_anchor_is_removed() -> None:
    edited = editing.entries("a: &list [x]\nb: {c: *list}\n", {"a": None})
    assert value(edited) == {"b": {"c": ["x"]}}
