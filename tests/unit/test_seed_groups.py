"""Groups of rows in seed files: shared values, rows from CSV, and ranges that must not overlap."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from directus_sync.errors import InvalidSeed
from directus_sync.seed import csv_rows, reading
from directus_sync.seed.rows import rows
from directus_sync.seed.values import Literal, Row
from tests.seeds import KNOWN, a_file

HEAD = "brackets:\n  $each: {event: {club: {slug: a}, slug: b}, kind: speed}\n"
RANGES = "  $disjoint: [low < high, first <= last]\n"
Read = Callable[[str, str], tuple[Row, ...]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a function that reads a seed file with a CSV file in the same folder."""

    def reading_both(text: str, table: str) -> tuple[Row, ...]:
        (tmp_path / "rules.csv").write_bytes(table.encode())
        (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
        return rows([reading.read(tmp_path / "a.yaml")], KNOWN)

    return reading_both


def texts(row: Row) -> dict[str, str | None]:
    return {name: value.text for name, value in row.given.items() if isinstance(value, Literal)}


def test_rows_of_a_group_have_its_shared_values() -> None:
    one, other = rows([a_file(HEAD + "  $rows: [{low: 0, first: 1}, {low: 5, first: 1}]")], KNOWN)
    assert texts(one) == {"kind": "speed", "low": "0", "first": "1"}
    assert (one.label, other.label) == ("speed 0 1 b a", "speed 5 1 b a")


@pytest.mark.parametrize("inside", ["\u2028", "\u2029", "\x85", "\f", "\v", "\x1c"])
def test_a_line_of_a_csv_file_ends_only_at_cr_or_lf(tmp_path: Path, inside: str) -> None:
    (tmp_path / "a.csv").write_bytes(f'name\r\nx{inside}y\r\n"a\nb"\rz'.encode())
    rows = list(csv_rows.read(tmp_path / "a.csv", "a.yaml:1"))
    assert [node.value for _, fields in rows for node in fields.values()] == [f"x{inside}y", "a\nb", "z"]
    assert [where.rpartition(":")[2] for where, _ in rows] == ["2", "3", "5"]


def test_a_csv_file_is_read_like_the_same_rows_in_yaml(read: Read) -> None:
    table = '\ufefflow, first,penalty,high,options\n0,1,007,,"{a: [1, no]}"\n\n"5\n",1,null,~,\n'
    one, other = read(HEAD + "  $rows: rules.csv", table)
    assert texts(one) == {
        "kind": "speed",
        "low": "0",
        "first": "1",
        "penalty": "007",
        "high": None,
        "options": '{"a": [1, "no"]}',
    }
    assert texts(other) == {"kind": "speed", "low": "5", "first": "1", "penalty": None, "high": None, "options": None}
    assert [row.where.rpartition("/")[2] for row in (one, other)] == ["rules.csv:2", "rules.csv:4"]


# The seed file, the CSV file, the place of the error, the error.
REFUSED = {
    "no rows": (HEAD, "", "a.yaml:1", "must have $rows"),
    "an unknown word": (HEAD + "  $row: []\n  $rows: []", "", "a.yaml:1", "can't have $row"),
    "a field of the group": (HEAD + "  $rows: []\n  low: 1", "", "a.yaml:1", "can't have low"),
    "a shared field again in a row": (HEAD + "  $rows: [{kind: a}]", "", "a.yaml:3", "kind is also in $each"),
    "a shared field again in a table": (
        HEAD + "  $rows: rules.csv",
        "low,kind\n1,a",
        "rules.csv:2",
        "is also in $each",
    ),
    "an unknown shared field": (
        "brackets:\n  $each:\n    hue: 1\n  $rows: rules.csv",
        "low\n1",
        "a.yaml:3",
        "brackets has no field hue",
    ),
    "a list of shared fields": ("brackets:\n  $each: [1]\n  $rows: []", "", "a.yaml:2", "$each must be a mapping"),
    "a mapping instead of rows": ("brackets:\n  $rows: {}", "", "a.yaml:2", "$rows must be a list of rows or the name"),
    "a missing table": (HEAD + "  $rows: none.csv", "", "a.yaml:3", "none.csv can't be read: No such file"),
    "an unknown column": (HEAD + "  $rows: rules.csv", "low,hue\n1,2", "rules.csv:2", "brackets has no field hue"),
    "a column twice": (HEAD + "  $rows: rules.csv", "low,low\n1,2", "rules.csv:1", "name each field once"),
    "a column without a name": (HEAD + "  $rows: rules.csv", "low,\n1,2", "rules.csv:1", "name each field once"),
    "a cell too many": (HEAD + "  $rows: rules.csv", "low,first\n1,1\n2,1,0", "rules.csv:3", "has 3 cells"),
    "a cell too few": (HEAD + "  $rows: rules.csv", "low,first\n1", "rules.csv:2", "has 1 cells"),
    "an open quote": (HEAD + "  $rows: rules.csv", 'low,first\n1,"1', "rules.csv:2", "the file is not CSV"),
    "a NUL": (HEAD + "  $rows: rules.csv", "low,first\n1,2\0", "rules.csv:2", "the character NUL"),
    "an incomplete mapping": (
        HEAD + "  $rows: rules.csv",
        'low,first,options\n1,1,"{a"',
        "rules.csv:2",
        "a cell can't",
    ),
    "a reference in a table": (
        "brackets:\n  $rows: rules.csv",
        'low,event\n1,"{hue: 1}"',
        "rules.csv:2",
        "events has no field hue",
    ),
    "a reference over two lines": (
        "brackets:\n  $rows: rules.csv",
        'low,event\n1,"{slug: a,\nhue: 1}"',
        "rules.csv:3",
        "events has no field hue",
    ),
    "a range with NaN": (
        HEAD + RANGES + "  $rows: [{low: NaN, first: 1}, {low: 1, first: 1}]",
        "",
        "a.yaml:4",
        "must be a number",
    ),
    "an overlap shown as the file writes it": (
        HEAD + RANGES + "  $rows: [{low: 1e1, first: 1}, {low: 2, high: 20, first: 1}]",
        "",
        "a.yaml:4",
        "overlap: 1e1 to any, 1 to any and 2 to 20, 1 to any",
    ),
    "an invalid range": (HEAD + "  $disjoint: [low]\n  $rows: []", "", "a.yaml:3", "must be a list of ranges"),
    "no ranges": (HEAD + "  $disjoint: []\n  $rows: []", "", "a.yaml:3", "must be a list of ranges"),
    "a range of an unknown field": (
        HEAD + "  $disjoint: [low < hihg]\n  $rows: [{low: 1, first: 1}]",
        "",
        "a.yaml:3",
        "brackets has no field hihg",
    ),
    "a range of words": (
        HEAD + RANGES + "  $rows: [{low: a, first: 1}, {low: b, first: 1}]",
        "",
        "a.yaml:4",
        "must be a number",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_invalid_group_is_refused_with_its_line(read: Read, case: str) -> None:
    text, table, where, what = REFUSED[case]
    with pytest.raises(InvalidSeed) as caught:
        read(text, table)
    found = str(caught.value.where).rpartition("/")[2]
    assert (found, what in caught.value.what) == (where, True), caught.value


# The values low, high, first and last of two rows.
OVERLAPPING = {
    "the same lower bound in another form": ("0,10,1,1", "0.0,5,1,2"),
    "one inside the other": ("0,10,1,1", "2,5,1,1"),
    "one ends after the other begins": ("0,10,1,1", "9.99,20,1,1"),
    "no upper bound": ("0,,1,1", "100,101,1,1"),
    "no lower bound": (",10,1,1", "5,20,1,1"),
    "one ends with the first of the other": ("0,10,1,2", "0,10,2,3"),
    "no last number": ("0,10,1,", "0,10,4,4"),
}
APART = {
    "one ends where the other begins": ("0,10,1,1", "10,20,1,1"),
    "one ends before the first of the other": ("0,10,1,1", "0,10,2,"),
    "one of the two ranges does not overlap": ("0,10,1,1", "20,,1,1"),
}


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("case", OVERLAPPING)
def test_rows_that_overlap_are_refused_with_both_lines(read: Read, case: str, swapped: bool) -> None:
    pair = OVERLAPPING[case][::-1] if swapped else OVERLAPPING[case]
    with pytest.raises(InvalidSeed) as caught:
        read(HEAD + RANGES + "  $rows: rules.csv", "low,high,first,last\n" + "\n".join(pair))
    assert "two rows of brackets overlap" in caught.value.what
    assert [line.rpartition("/")[2] for line in str(caught.value.where).split("\n")] == ["rules.csv:2", "rules.csv:3"]


@pytest.mark.parametrize("case", APART)
def test_rows_that_do_not_overlap_are_read(read: Read, case: str) -> None:
    table = "low,high,first,last\n" + "\n".join(APART[case])
    assert len(read(HEAD + RANGES + "  $rows: rules.csv", table)) == 2


def test_rows_of_another_kind_or_event_may_overlap(read: Read) -> None:
    """Rows of other files are checked, too."""
    text = "brackets:\n  $each: {event: {club: {slug: a}, slug: %s}}\n" + RANGES + "  $rows: rules.csv"
    table = "kind,low,high,first\nspeed,0,10,1\nlate,0,10,1\n"
    assert len(read(text % "b", table)) == 2
    other = a_file("brackets:\n- {event: {club: {slug: a}, slug: b}, kind: late, low: 5, first: 1}", "b.yaml")
    first = a_file(HEAD.replace("speed", "late") + RANGES + "  $rows: [{low: 0, high: 10, first: 1}]")
    with pytest.raises(InvalidSeed, match="overlap") as caught:
        rows([first, other], KNOWN)
    assert str(caught.value.where) == "a.yaml:4\nb.yaml:2"
    elsewhere = a_file("brackets:\n- {event: {club: {slug: a}, slug: c}, kind: late, low: 5, first: 1}", "b.yaml")
    assert len(rows([first, elsewhere], KNOWN)) == 2
