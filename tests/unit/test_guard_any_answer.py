"""The guard with arbitrary answers and snapshots, including those that no Directus would produce."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from directus_sync.schema import diff, guard
from directus_sync.schema.diff import ItemKind
from directus_sync.schema.plan import Approvals
from directus_sync.schema.rules import SchemaRule
from directus_sync.schema.snapshot import Snapshot
from tests.properties.directus import in_meta

NOBODY = Approvals()

NAMES = st.sampled_from(["events", "notes"])
VALUES = st.none() | st.booleans() | st.integers(-3, 300) | st.sampled_from(["string", "text", "alias"])
PATHS = st.lists(st.sampled_from(["meta", "schema", "type", "special", "is_nullable"]) | st.integers(0, 3), max_size=4)
SCHEMAS = st.none() | st.fixed_dictionaries({"name": NAMES}, optional={"is_nullable": VALUES, "max_length": VALUES})
ITEMS = st.fixed_dictionaries(
    {"collection": NAMES},
    optional={"type": st.sampled_from(["string", "text", "integer", "alias"]), "meta": st.none(), "schema": SCHEMAS},
)


def without_empty_path(difference: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in difference.items() if key != "path" or value}


PLAIN = st.fixed_dictionaries(
    {"kind": st.sampled_from(["N", "D", "E"]), "path": PATHS, "lhs": VALUES | ITEMS, "rhs": VALUES | ITEMS}
).map(without_empty_path)
INSIDE = PLAIN.filter(lambda difference: "path" in difference)
IN_LIST = st.fixed_dictionaries({"kind": st.just("A"), "path": PATHS, "index": st.integers(0, 3), "item": PLAIN})
WHOLE = st.fixed_dictionaries({"kind": st.sampled_from(["N", "D"]), "lhs": ITEMS, "rhs": ITEMS})
FIRST = INSIDE | IN_LIST | WHOLE


def entries(kind: ItemKind) -> st.SearchStrategy[list[dict[str, Any]]]:
    names = {"collection": NAMES} if kind is ItemKind.COLLECTION else {"collection": NAMES, "field": NAMES}
    differences = st.tuples(FIRST, st.lists(INSIDE | IN_LIST, max_size=2)).map(lambda both: [both[0], *both[1]])
    return st.lists(st.fixed_dictionaries({**names, "diff": differences}), max_size=3)


DIFFS = st.fixed_dictionaries({kind.value: entries(kind) for kind in ItemKind})


def section(kind: ItemKind) -> st.SearchStrategy[dict[tuple[str, ...], Any]]:
    keys = st.tuples(NAMES) if kind is ItemKind.COLLECTION else st.tuples(NAMES, NAMES)
    return st.dictionaries(keys, ITEMS, max_size=3)


SNAPSHOTS = st.fixed_dictionaries({kind.value: section(kind) for kind in ItemKind}).map(
    lambda sections: Snapshot(b"", "schema.yaml", "11.17.4", sections)
)


@given(raw=DIFFS, base=st.none() | SNAPSHOTS, wanted=SNAPSHOTS, live=SNAPSHOTS, rows=st.integers(1, 5))
@settings(max_examples=50)
def test_every_removal_in_any_answer_is_refused_without_approval(
    raw: dict[str, list[dict[str, Any]]], base: Snapshot | None, wanted: Snapshot, live: Snapshot, rows: int
) -> None:
    difference = diff.from_server(("hash", raw))
    verdicts = guard.judge(difference, base=base, wanted=wanted, live=live)
    counted = {risk: rows for verdict in verdicts for risk in verdict.risks}
    names = [change.id for change in difference.changes]
    items = guard.decide(difference, verdicts, counted, NOBODY).items
    approved = guard.decide(difference, verdicts, {}, Approvals(dict.fromkeys(names, "yes"), frozenset(names))).items
    refused, never = (
        {(item.verdict.change.kind, item.id) for item in found if item.rule in rules}
        for found, rules in ((items, set(SchemaRule)), (approved, {SchemaRule.INCOMPLETE}))
    )
    entries = [(kind, id_of(entry), entry["diff"][0]) for kind in ItemKind for entry in raw[kind.value]]
    assert {(item.verdict.change.kind, item.id) for item in items} == {(kind, name) for kind, name, _ in entries}
    # A field that Directus drops and creates again is one change of its type, which has its own test.
    made = {name for kind, name, first in entries if kind is ItemKind.FIELD and first["kind"] == "N"}
    for kind, name, first in entries:
        if first["kind"] == "D" and not in_meta(kind.value, first) and not (kind is ItemKind.FIELD and name in made):
            assert (kind, name) in refused
            assert (kind, name) in never or "path" not in first


def id_of(entry: Mapping[str, Any]) -> str:
    return ".".join(entry[key] for key in ("collection", "field") if key in entry)
