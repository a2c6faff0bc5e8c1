"""The one-pass reader reads what PyYAML reads, and refuses what Directus never writes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from directus_sync import plain_yaml
from directus_sync.settings import Settings

TEXTS = st.text("ab:-#'\" \n0x_1,~é", max_size=12) | st.sampled_from(
    ["yes", "null", "1e3", "0o7", "2024-01-01", "=", "-"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS | st.dates() | st.binary()
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=30
)


class _NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def typed(value: object) -> object:
    """Return a value that differs where only the type does: to Python, True is 1."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return type(value), value


@given(DOCUMENTS, st.booleans() | st.none())
@settings(max_examples=300)
def test_what_is_read_is_what_pyyaml_reads(document: Any, flow: bool | None) -> None:
    content = yaml.dump(document, Dumper=_NoAliases, default_flow_style=flow, allow_unicode=True).encode()
    assert typed(plain_yaml.load(content)) == typed(yaml.safe_load(content))


def test_the_committed_snapshot_is_read_as_pyyaml_reads_it() -> None:
    content = Settings.snapshot.read_bytes()
    assert typed(plain_yaml.load(content)) == typed(yaml.safe_load(content))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("a: &x 1\nb: *x\n", "an alias"),
        ("a: 1\n<<: {b: 2}\n", "a merge key"),
        ("a: 1\n'a': 2\n", "twice"),
        ("a: !!set {b}\n", "the tag"),
        ("a: !mine [b]\n", "the tag"),
        ("a: !mine b\n", "tag '!mine'"),
        ("? [a]\n: b\n", "a key that is a collection or an alias"),
        ("a: &x 1\n? *x\n: b\n", "a key that is a collection or an alias"),
        ("a: 1\n---\nb: 2\n", "another document"),
        ("---\n---\n", "another document"),
        ("[" * 101 + "]" * 101, "more than 100 levels"),
    ],
)
def test_what_directus_never_writes_is_refused_with_its_place(content: str, why: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError) as caught:
        plain_yaml.load(content.encode())
    assert why in str(caught.value.problem)
    assert caught.value.problem_mark is not None


def test_a_hundred_levels_are_read() -> None:
    assert plain_yaml.load(("[" * 100 + "]" * 100).encode())
