"""removals.yaml: reading it, refusing bad files, and pruning it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from directus_sync.errors import InvalidRemovals
from directus_sync.schema import approvals
from directus_sync.schema.approvals import Removal
from directus_sync.schema.plan import Approvals
from directus_sync.schema.snapshot import Snapshot

ENTRIES = [
    "- item: events.notes\n  reason: moved\n",
    "- item: events\n  reason: >\n    no longer\n    held\n",
    "- reason: renamed\n  item: entries.class\n",
]
HEADER = "# What may go, and why.\n"


def snapshot(*items: str, relations: tuple[str, ...] = ()) -> Snapshot:
    """Return a snapshot with these collections, fields and relations."""
    sections: dict[str, dict[tuple[str, ...], Any]] = {
        "collections": {(item,): {} for item in items if "." not in item},
        "fields": {tuple(item.split(".")): {} for item in items if "." in item},
        "systemFields": {},
        "relations": {tuple(item.split(".")): {} for item in relations},
    }
    return Snapshot(b"", "schema.yaml", "11.17.4", sections)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "removals.yaml"


def written(path: Path, text: str) -> tuple[Removal, ...]:
    path.write_text(text, encoding="utf-8")
    return approvals.read(path)


THREE = (
    Removal("events.notes", "moved", (1, 3)),
    Removal("events", "no longer held", (3, 7)),
    Removal("entries.class", "renamed", (7, 9)),
)


@pytest.mark.parametrize(
    ("text", "removals"),
    [
        (HEADER + "".join(ENTRIES), THREE),
        # A last line without a line break belongs to its approval.
        ("- item: a\n  reason: \u00e9", (Removal("a", "\u00e9", (0, 2)),)),
        ("- {item: ' a.b ', reason: ' why '}\n", (Removal("a.b", "why", (0, 1)),)),
        *((text, ()) for text in ("", "# none yet\n", "[]\n")),
    ],
)
def test_an_approval_has_an_item_a_reason_and_its_lines(path: Path, text: str, removals: tuple[Removal, ...]) -> None:
    # A missing file is an empty list.
    assert approvals.read(path) == ()
    assert written(path, text) == removals


INCOMPLETE = "an approval has an `item` and a `reason`, and nothing else"
EMPTY = "item and reason must not be empty"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: b\n", 1, "the file must be a list"),
        ("# one\n- item: a\n", 2, INCOMPLETE),
        ("- a\n", 1, INCOMPLETE),
        ("- [item, reason]\n", 1, INCOMPLETE),
        ("- item: a\n  reason: b\n- reason: b\n", 3, INCOMPLETE),
        ("- item: a\n  reason: b\n  until: c\n", 1, INCOMPLETE),
        ("- item: a\n  reason: b\n  item: c\n", 3, "the file can't be used: it has the key 'item' twice"),
        ("- item: a\n  reason: [b]\n", 1, INCOMPLETE),
        (
            "- item: a\n  reason: b\n  [c]: d\n",
            3,
            "the file can't be used: it has a key that is a collection or an alias",
        ),
        ("- item: a\n  reason: ''\n", 1, EMPTY),
        ("- item: a\n  reason: ' '\n", 1, EMPTY),
        ("- item:\n  reason: b\n", 1, EMPTY),
        ("- item: ' '\n  reason: b\n", 1, EMPTY),
    ],
)
def test_a_bad_approval_is_refused_at_its_line(path: Path, text: str, line: int, what: str) -> None:
    with pytest.raises(InvalidRemovals) as caught:
        written(path, text)
    assert (caught.value.what, caught.value.where) == (what, f"{path}:{line}")
    assert caught.value.next == "write it as\n- item: events.notes\n  reason: moved to the regulations page"


@pytest.mark.parametrize("content", [b"- [", b"\xff\xfe\x00", b"[" * 5000], ids=["syntax", "encoding", "depth"])
def test_a_file_that_cannot_be_read_is_named(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(InvalidRemovals, match=r"the file can't be used: \S") as caught:
        approvals.read(path)
    assert (caught.value.where or "").startswith(str(path))
    assert caught.value.next == "write it as\n- item: events.notes\n  reason: moved to the regulations page"


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRemovals, match="can't be read"):
        approvals.read(tmp_path)


def test_a_reason_in_the_file_wins_over_the_command_line(path: Path) -> None:
    removals = written(path, ENTRIES[0])
    assert approvals.combine(removals, ["events.notes", "teams"], ["a", "b"]) == Approvals(
        {"events.notes": "moved", "teams": "on the command line"}, frozenset({"a", "b"})
    )


def test_a_snapshot_lists_the_ids_of_its_collections_fields_and_relations() -> None:
    assert snapshot("events", "events.notes", relations=("a.b",)).ids == {"events", "events.notes", "a.b"}
    with_a_dot = Snapshot(b"", "", "", {"collections": {}, "fields": {("a", "b.c"): {}}, "relations": {}})
    assert with_a_dot.ids == {"a.b.c"}


@pytest.mark.parametrize("ending", ["", "\n", "\n\n# the end\n"])
@pytest.mark.parametrize("gone", [(0,), (1,), (2,), (0, 2), (0, 1, 2)])
def test_pruning_removes_exactly_the_given_approvals(path: Path, gone: tuple[int, ...], ending: str) -> None:
    text = HEADER + "".join(ENTRIES)[:-1] + ending
    removals = written(path, text)
    approvals.prune(path, [removals[number] for number in gone])
    left = HEADER + "".join(entry for number, entry in enumerate(ENTRIES) if number not in gone)
    rest = left[:-1] + ending if 2 not in gone else left + ending[1:]
    assert path.read_text(encoding="utf-8") == rest
    assert [removal.item for removal in approvals.read(path)] == [
        removal.item for number, removal in enumerate(removals) if number not in gone
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"- {item: a,\n   reason: b\n  }\n- item: c\n  reason: d\n", b"- item: c\n  reason: d\n"),
        (b"---\n- item: a.b\n  reason: why\n", b"---\n"),
        (f"{ENTRIES[0]}# \u00e9: older\n{ENTRIES[2]}".encode(), f"# \u00e9: older\n{ENTRIES[2]}".encode()),
        (b"# x\r\n- item: a\r\n  reason: b\r\n- item: c\r\n  reason: d", b"# x\r\n- item: c\r\n  reason: d"),
        ("- item: a\u2028  reason: b\u2028- item: c\n  reason: d".encode(), b"- item: c\n  reason: d"),
    ],
)
def test_pruning_keeps_the_bytes_of_all_other_lines(path: Path, before: bytes, after: bytes) -> None:
    path.write_bytes(before)
    approvals.prune(path, approvals.read(path)[:1])
    assert path.read_bytes() == after


@pytest.mark.parametrize(
    "text",
    [
        "[{item: a, reason: b}, {item: c, reason: d}]\n",
        "-\n  item: a\n  reason: b\n- item: c\n  reason: d\n",
        "- item: a\n  reason: &why b\n- item: c\n  reason: *why\n",
        "- item: a\n  reason: b\n  \n  # More.\n- {item: c,\n   reason: d}\n- # x\n  item: e\n  reason: f\n",
    ],
)
def test_an_approval_that_shares_lines_with_another_is_not_pruned(path: Path, text: str) -> None:
    removals = written(path, text)
    with pytest.raises(InvalidRemovals, match="cannot be removed line by line"):
        approvals.prune(path, (removals[0], removals[-1]) if len(removals) == 3 else removals[:1])
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("number", [1, 20, 21, 50])
def test_the_file_that_an_error_proposes_can_be_read_for_any_names(tmp_path: Path, number: int) -> None:
    odd = ["no: thing", "# half", "yes", "1e3", "a 'b' \"c\"", "- item", "x" * 200, "{}", "events.*"]
    names = [*odd, *(f"events.field_{n}" for n in range(50))][:number]
    lines = approvals.example(names)
    path = tmp_path / "removals.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    assert [removal.item for removal in approvals.read(path)] == names[:20]
    more = ["  # and 1 more, which directus-sync diff lists"] if number == 21 else []
    more = ["  # and 30 more, which directus-sync diff lists"] if number == 50 else more
    assert [line for line in lines if "directus-sync diff" in line] == more
