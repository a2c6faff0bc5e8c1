"""Laws of the guard, over thousands of generated bases, files and servers."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from directus_sync.schema import comparison, guard
from directus_sync.schema.comparison import comparable
from directus_sync.schema.diff import Action, Change, SchemaDiff
from directus_sync.schema.plan import Approvals, Plan
from directus_sync.schema.snapshot import Snapshot

EXAMPLES = settings(max_examples=2000, deadline=None, database=None)

NAMES = ("events", "entries", "classes")
FIELDS = ("id", "name", "notes")
TYPES = ("string", "text", "integer", "alias", "timestamp")
ROWS = st.integers(0, 3)

Sections = dict[str, dict[tuple[str, ...], dict[str, Any]]]


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """A snapshot of up to three collections; values come from few, so that two are often equal."""
    sections: Sections = {"collections": {}, "fields": {}, "systemFields": {}, "relations": {}}
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True)):
        meta = {"note": draw(st.sampled_from(["old", "new", None])), "sort": draw(st.integers(1, 2))}
        sections["collections"][(name,)] = {"collection": name, "meta": meta, "schema": {"name": name}}
        for field in draw(st.lists(st.sampled_from(FIELDS), unique=True)):
            sections["fields"][(name, field)] = _field(draw, name, field)
            if draw(st.booleans()):
                relation = {"collection": name, "field": field, "related_collection": draw(st.sampled_from(NAMES))}
                on_delete = draw(st.sampled_from(["RESTRICT", "SET NULL"]))
                sections["relations"][(name, field)] = {**relation, "meta": {}, "schema": {"on_delete": on_delete}}
    return Snapshot(b"", "generated", "11.17.4", sections)


def _field(draw: st.DrawFn, collection: str, field: str) -> dict[str, Any]:
    kind = draw(st.sampled_from(TYPES))
    choices = draw(st.lists(st.sampled_from(["a", "b", "c"]), max_size=3))
    entry = {"collection": collection, "field": field, "type": kind, "meta": {"options": {"choices": choices}}}
    if kind == "alias":
        return entry
    schema = {"data_type": {"string": "character varying", "timestamp": "timestamp with time zone"}.get(kind, kind)}
    limits = {"max_length": draw(st.sampled_from([255, 10]))} if kind == "string" else {}
    return {**entry, "schema": {**schema, **limits, "is_nullable": draw(st.booleans())}}


def _plan(base: Snapshot | None, wanted: Snapshot, live: Snapshot, rows: int, approvals: Approvals) -> Plan:
    difference = SchemaDiff(comparison.between(live, wanted))
    return _judged(difference, base, wanted, live, rows, approvals)


def _judged(
    difference: SchemaDiff, base: Snapshot | None, wanted: Snapshot, live: Snapshot, rows: int, approvals: Approvals
) -> Plan:
    verdicts = guard.judge(difference, base=base, wanted=wanted, live=live)
    counted = {risk: rows for verdict in verdicts for risk in verdict.risks}
    return guard.decide(difference, verdicts, counted, approvals)


def _entry(change: Change, snapshot: Snapshot | None) -> object:
    if snapshot is None:
        return None
    key = (change.collection,) if change.field is None else (change.collection, change.field)
    return comparable(change.kind, snapshot.section(change.kind.value).get(key))


def _value(entry: Any, path: tuple[str | int, ...]) -> object:
    for step in path:
        entry = entry.get(step, "absent") if isinstance(entry, dict) else "absent"
    return entry


IDS = st.sets(st.sampled_from([*NAMES, *(f"{name}.{field}" for name in NAMES for field in FIELDS)]))


@given(st.none() | snapshots(), snapshots(), snapshots(), ROWS, IDS, IDS)
@EXAMPLES
def test_what_only_the_server_knows_is_never_sent_away(
    base: Snapshot | None, wanted: Snapshot, live: Snapshot, rows: int, destroy: set[str], discard: set[str]
) -> None:
    plan = _plan(base, wanted, live, rows, Approvals(dict.fromkeys(destroy, "why"), frozenset(discard)))
    if plan.refused:
        return
    for item in plan.items:
        change = item.verdict.change
        if item.id in discard or change.action is Action.ADD:
            continue
        known = _entry(change, base)
        assert known is not None, f"{item.id} is nowhere but on the server, and would go"
        if change.action is Action.REMOVE:
            assert known == _entry(change, live), f"{item.id} was edited on the server, and would go"
            assert item.id in destroy
        for edit in change.edits:
            if not any(isinstance(step, int) for step in edit.path):
                assert _value(known, edit.path) == _value(_entry(change, live), edit.path)


@given(st.none() | snapshots(), snapshots(), snapshots(), ROWS)
@EXAMPLES
def test_applying_a_plan_and_judging_again_gives_an_empty_plan(
    base: Snapshot | None, wanted: Snapshot, live: Snapshot, rows: int
) -> None:
    every = frozenset(change.id for change in comparison.between(live, wanted))
    _plan(base, wanted, live, rows, Approvals(dict.fromkeys(every, "why"), every))
    assert not _plan(base, wanted, wanted, rows, Approvals())
    assert guard.unpushed(wanted, wanted, live) == ()


@given(st.none() | snapshots(), snapshots(), snapshots(), ROWS, st.randoms())
@EXAMPLES
def test_the_judgement_does_not_depend_on_order(
    base: Snapshot | None, wanted: Snapshot, live: Snapshot, rows: int, order: random.Random
) -> None:
    changes = list(comparison.between(live, wanted))
    shuffled = list(changes)
    order.shuffle(shuffled)
    one = _judged(SchemaDiff(tuple(changes)), base, wanted, live, rows, Approvals())
    other = _judged(SchemaDiff(tuple(shuffled)), base, wanted, live, rows, Approvals())
    assert {(item.verdict.change.kind, item.id, item.rule, item.rows) for item in one.items} == {
        (item.verdict.change.kind, item.id, item.rule, item.rows) for item in other.items
    }


@given(st.none() | snapshots(), snapshots(), snapshots())
@EXAMPLES
def test_a_pull_never_overwrites_what_only_the_file_knows(
    base: Snapshot | None, file: Snapshot, live: Snapshot
) -> None:
    lost = guard.unpushed(file, base, live)
    for change in comparison.between(live, file):
        entry = _entry(change, file)
        if entry is not None and entry != _entry(change, base) and change.action is Action.ADD:
            assert change.id in lost
