"""The YAML readers: one for files that Directus writes, and one for files that people write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from directus_sync.catalog import file as catalog_file
from directus_sync.errors import SyncError
from directus_sync.schema import approvals
from directus_sync.seed import reading
from directus_sync.settings import Settings
from directus_sync.yaml_files import plain_yaml, scalars

TEXTS = st.text("ab:-#'\" \n0x_1,~é", max_size=12) | st.sampled_from(["yes", "null", "2024-01-01", "=", "-"])
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers() | FLOATS | TEXTS
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=30
)


class _NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def typed(value: object) -> object:
    """Return the value with its types, because Python finds True equal to 1."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return type(value), value


@given(DOCUMENTS, st.booleans() | st.none())
@settings(max_examples=300)
def test_a_document_reads_back_as_it_was_written(document: Any, flow: bool | None) -> None:
    content = yaml.dump(document, Dumper=_NoAliases, default_flow_style=flow, allow_unicode=True).encode()
    assert typed(plain_yaml.load(content)) == typed(document)


@pytest.mark.parametrize(
    ("plain", "value"), [("1", 1), ("true", True), ("null", None), ("1.5", 1.5), ("0x1F", 31), ("-.inf", float("-inf"))]
)
def test_a_quoted_scalar_is_a_text_even_beside_an_equal_plain_one(plain: str, value: object) -> None:
    quoted, double, tagged = f"'{plain}'", f'"{plain}"', f"!!str {plain}"
    for text in (quoted, double, tagged):
        for order in ([text, plain, text], [plain, text, plain]):
            read = plain_yaml.load(f"[{', '.join(order)}]".encode())
            assert typed(read) == typed([plain if item == text else value for item in order])


def test_a_date_is_read_as_text_as_by_directus() -> None:
    assert plain_yaml.load(b"[2024-01-01, 2024-01-01T10:00:00Z]") == ["2024-01-01", "2024-01-01T10:00:00Z"]


def test_numbers_beyond_json_are_read_as_by_javascript() -> None:
    found = plain_yaml.load(f"[.inf, -.INF, .NaN, 1e999, {'9' * 5000}, {'9' * 400}]".encode())
    assert str(found) == "[inf, -inf, nan, inf, inf, inf]"


def test_the_committed_snapshot_is_read_as_pyyaml_reads_it() -> None:
    content = Settings.snapshot.read_bytes()
    assert typed(plain_yaml.load(content)) == typed(yaml.load(content, Loader=yaml.CSafeLoader))


BOMB = "\n".join(["a0: &a0 [x, x, x, x, x, x, x, x, x, x]", *(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)
)])  # fmt: skip


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("a: &x 1\nb: *x\n", "an alias"),
        (BOMB, "an alias"),
        ("a: 1\n<<: {b: 2}\n", "a merge key"),
        ("a: 1\n'a': 2\n", "twice"),
        ("1: a\n", "the key 1, which must be quoted"),
        ("true: a\n", "the key true, which must be quoted"),
        ("a: !!set {b}\n", "the tag"),
        ("a: !mine [b]\n", "the tag"),
        ("a: !mine b\n", "tag '!mine'"),
        ("a: !!binary aGk=\n", "tag 'tag:yaml.org,2002:binary'"),
        ("? [a]\n: b\n", "a key that is a collection or an alias"),
        ("a: &x 1\n? *x\n: b\n", "a key that is a collection or an alias"),
        ("a: 1\n---\nb: 2\n", "another document"),
        ("---\n---\n", "another document"),
        ("[" * 101 + "]" * 101, "more than 100 levels"),
        ("[" * 100_000, "more than 100 levels"),
    ],
)
def test_yaml_that_directus_never_writes_is_refused_with_its_place(content: str, why: str) -> None:
    assert plain_yaml.load(("[" * 100 + "]" * 100).encode())
    with pytest.raises(yaml.MarkedYAMLError) as caught:
        plain_yaml.load(content.encode())
    assert why in str(caught.value.problem)
    lines = content.splitlines() or [""]
    assert 0 <= caught.value.problem_mark.line < len(lines)  # type: ignore[union-attr]


@given(DOCUMENTS)
@example({"a": ["1e3", "0o7", "yes", "=", "2024-01-01", "a\u2028b", "1:30", "", "<<"]})
def test_a_dumped_document_reads_back_equal(document: Any) -> None:
    assert typed(plain_yaml.load(scalars.dump(document))) == typed(document)
    assert typed(yaml.safe_load(scalars.dump({"a": "1e3"}))) == typed({"a": "1e3"})


def test_a_repeated_value_is_written_twice_instead_of_as_an_alias() -> None:
    twice = ["x"]
    assert b"&" not in scalars.dump([twice, twice])


@pytest.mark.parametrize(
    ("content", "why", "line"),
    [
        (BOMB, "aliases that expand to 11111 values", 4),
        ("a: 1\nb: &x [*x]\n", "an alias inside the value that it refers to", 2),
        ("a: &x [" + "[" * 60 + "]" * 60 + "]\nb: " + "[" * 60 + "*x" + "]" * 60, "more than 100 levels", 2),
        ("[" * 100_000, "more than 100 levels", 1),
        ("a: 1\na: 2\n", "the key 'a' twice", 2),
        ("a: 1\n<<: {b: 2}\n", "a merge key", 2),
        ("a:\n- 1: a\n", "the key 1, which must be quoted to be a text", 2),
        ("a: !!set {b}\n", "the tag", 1),
        ("a: !mine b\n", "the tag", 1),
        ("? [a]\n: b\n", "a key that is a collection", 1),
        ("a: [\n", "it is not YAML: did not find expected node content", 2),
        ("a: 1\n---\nb: 2\n", "it has another document", 2),
        ("a: *b\n", "it has an alias of b, which is not defined before it", 1),
        ("a: &x 1\nb: &x 2\nc: *x\n", "it has the anchor x twice", 2),
        ('a: 1\nb: ["x\\0y"]\n', "it has the character NUL", 2),
        ('a: 1\n"x\\u0000y": 2\n', "it has the character NUL", 2),
        # Bytes that are not text have no line.
        (b"\xff", "it is not YAML: invalid leading UTF-8 octet", None),
        ("a: \u00e9\n".encode("utf-16"), "save it as UTF-8", None),
    ],
)
def test_bad_yaml_in_a_hand_written_file_is_refused_with_its_line(
    content: str | bytes, why: str, line: int | None
) -> None:
    with pytest.raises(plain_yaml.Unreadable) as caught:
        plain_yaml.tree(content.encode() if isinstance(content, str) else content)
    assert why in caught.value.reason
    assert caught.value.where("a.yaml") == ("a.yaml" if line is None else f"a.yaml:{line}")


# A few of the readers, as examples.
READERS: dict[str, Callable[[Path], object]] = {
    "seeds": reading.read,
    "catalog": catalog_file.load,
    "approvals": approvals.read,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("content", "where"),
    [(BOMB, ":4"), ("[" * 100_000, ":1"), ("a: 1\na: 2\n", ":2"), ("\x00", "")],
)
def test_every_reader_of_hand_written_files_refuses_bad_yaml_with_its_line(
    tmp_path: Path, reader: str, content: str, where: str
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SyncError, match="the file can't be used: it") as caught:
        READERS[reader](path)
    assert caught.value.where == f"{path}{where}"


def test_aliases_are_allowed_in_hand_written_files() -> None:
    row = "- {event: *e, club: *c}\n"
    root = plain_yaml.tree(("e: &e {slug: a, of: {name: b}}\nc: &c {slug: d}\nrows:\n" + row * 5000).encode())
    assert isinstance(root, yaml.MappingNode)
    assert root.value[0][1] is root.value[2][1].value[0].value[0][1]


def test_nodes_have_their_lines_and_tags() -> None:
    root = plain_yaml.tree(b"a: yes\nb: 1e3\nc: ~\n")
    assert isinstance(root, yaml.MappingNode)
    assert [(node.start_mark.line, node.tag.rpartition(":")[2]) for _, node in root.value] == [
        (0, "str"), (1, "float"), (2, "null"),
    ]  # fmt: skip
    assert plain_yaml.tree(b"# nothing\n") is None


def test_a_key_can_have_an_anchor_and_a_part_of_a_file_its_first_line() -> None:
    root = plain_yaml.tree(b"- {&k low: 1}\n- {kind: *k}\n", line=7)
    assert isinstance(root, yaml.SequenceNode)
    assert [node.start_mark.line for node in root.value] == [7, 8]
    assert scalars.value(root) == [{"low": 1}, {"kind": "low"}]
