"""Laws of the guard, which hold for every base, file and live schema, and for all approvals.

Each law returns whether a case is relevant to it. At least a third of the cases must be relevant. `make test` tries the
same cases each time; TIER=slow tries twenty times as many, different ones each time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from directus_sync.schema import comparison, diff, guard
from directus_sync.schema.diff import Action, Change, ItemKind
from directus_sync.schema.plan import Approvals, Plan, PlanItem
from directus_sync.schema.rules import SchemaRule
from directus_sync.schema.snapshot import Snapshot
from tests.properties.cases import Case, cases, entries
from tests.properties.directus import Entry, Key, answer, applied, compared, in_meta
from tests.properties.documents import TYPES
from tests.properties.edits import add_field, leave_out, remove_collection, remove_field, system_index, turn

SLOW = os.environ.get("TIER") == "slow"
EXAMPLES = settings(max_examples=2000 if SLOW else 100, derandomize=not SLOW, deadline=None, database=None)

# The section of an item, and its key.
Name = tuple[str, Key]

ANY = cases()
WITH_REMOVALS = cases(also_git=(remove_field, remove_collection))
INCOMPLETE = cases(also_git=(leave_out,))
WITH_MORE = cases(also_git=(add_field, turn))
WITH_INDEXES = cases(also_git=(system_index,))


Check = Callable[[Case], bool]


def law(drawn: st.SearchStrategy[Case] = ANY) -> Callable[[Check], Callable[[], None]]:
    """Turn a check into a test: it must hold for every case, and at least a third of the cases must be relevant."""

    def made(check: Check) -> Callable[[], None]:
        def test() -> None:
            held: list[bool] = []

            @given(drawn)
            @EXAMPLES
            def every(case: Case) -> None:
                held.append(check(case))

            every()
            assert sum(held) * 3 >= len(held), f"only {sum(held)} of {len(held)} cases hold what the law is about"

        test.__doc__ = check.__doc__
        return test

    return made


# Differences, computed without the code under test


def entry_of(snapshot: Snapshot | None, section: str, key: Key) -> Entry | None:
    """Return the part of an entry that Directus compares, or None if the entry is missing."""
    entry = None if snapshot is None else snapshot.section(section).get(key)
    return None if entry is None else compared(section, entry)


def leaves(entry: object, path: Key = ()) -> Iterator[tuple[Key, object]]:
    """Yield the path and value of every property. A list is one property."""
    if isinstance(entry, Mapping):
        for key, value in entry.items():
            yield from leaves(value, (*path, key))
    else:
        # With the type, because Python finds True equal to 1.
        yield path, (type(entry), entry)


def edited(before: Entry, after: Entry) -> set[Key]:
    """Return the paths of the properties that differ."""
    if before is after:
        return set()
    one, other = dict(leaves(before)), dict(leaves(after))
    return {path for path in one.keys() | other.keys() if one.get(path) != other.get(path)}


def changed(before: Snapshot | None, after: Snapshot) -> set[Name]:
    """Return the items that differ, or that only one side has."""
    both = {(section, key) for version in (before, after) for section, key, _ in entries(version)}
    # As JSON, because Python finds True equal to 1.
    return {item for item in both if _as_json(entry_of(before, *item)) != _as_json(entry_of(after, *item))}


def _as_json(entry: Entry | None) -> str:
    return json.dumps(entry, sort_keys=True, default=str)


def below(name: str, items: set[Name]) -> bool:
    """Return whether one of the items has this name or belongs to the item of this name."""
    return any(f"{'.'.join(key)}.".startswith(f"{name}.") for _, key in items)


def without_foreign_key(entry: Entry | None) -> Entry | None:
    """Return the entry without its foreign key, which is judged with the relation."""
    if entry is None or not entry.get("schema"):
        return entry
    schema = {key: value for key, value in entry["schema"].items() if not key.startswith("foreign_key_")}
    return {**entry, "schema": schema}


def lost(ours: Snapshot, base: Snapshot | None, theirs: Snapshot) -> Iterator[Key]:
    """Yield the items whose changes since the base in `ours` are missing in `theirs`."""
    related = changed(ours, theirs)
    for section, key, _ in entries(ours):
        found = [entry_of(version, section, key) for version in (base, ours, theirs)]
        if section == "fields" and ("relations", key) in related:
            found = [without_foreign_key(entry) for entry in found]
        before, here, there = found
        assert here is not None
        work = edited(before or {}, here)
        if work and (there is None or work & edited(here, there)):
            yield key


def names_for(case: Case, key: Key) -> set[str]:
    """Return the names that refuse or approve the loss of an item: its own, or that of its dropped collection."""
    dropped = {entry["collection"] for entry in case.raw["collections"] if entry["diff"][0]["kind"] == "D"}
    return {".".join(key), *dropped & {key[0]}}


def unlisted(server: Snapshot, file: Snapshot) -> set[Key]:
    """Return the keys of Directus's own columns whose index the file lacks."""
    return server.section("systemFields").keys() - file.section("systemFields").keys()


def ids(plan: Plan) -> set[str]:
    return {item.id for item in plan.refused}


# The laws


@law()
def test_live_work_is_lost_only_if_it_is_discarded_by_name(case: Case) -> bool:
    passed = case.approvals.discard | ids(case.plan())
    # Indexes of Directus's own columns are never dropped; the next law checks this.
    work = [key for key in lost(case.live, case.base, case.file) if key not in case.live.section("systemFields")]
    for key in work:
        assert names_for(case, key) & passed, f"{key} is only on the server, and would go"
    return bool(work)


@law(
    WITH_INDEXES.filter(
        lambda case: case.live.section("systemFields").keys() != case.file.section("systemFields").keys()
    )
)
def test_system_indexes_stay_are_added_from_the_file_and_are_never_refused(case: Case) -> bool:
    before, wanted = (set(side.section("systemFields")) for side in (case.live, case.file))
    after = applied(case.live.sections, {"systemFields": case.raw["systemFields"]})
    assert set(after["systemFields"]) == before | wanted
    assert not {".".join(key) for key in before | wanted} & ids(case.plan(Approvals()))
    return before != wanted


@law(WITH_REMOVALS)
def test_an_item_that_git_removes_goes_only_if_it_is_approved_by_name(case: Case) -> bool:
    """A discard approves only the loss of items that were also changed in Directus."""
    moved = changed(case.base, case.live)
    passed = ids(case.plan()) | case.approvals.destroy.keys()
    passed |= {name for name in case.approvals.discard if below(name, moved)}
    gone = [
        key
        for section, key, entry in entries(case.live)
        if section != "systemFields" and _loses_rows(entry, case.file.section(section).get(key), case.rows)
    ]
    for key in gone:
        assert names_for(case, key) & passed, f"{key} would go, and nobody approved it"
    return bool(gone)


def _loses_rows(before: Entry, after: Entry | None, rows: int) -> bool:
    return after is None or bool(rows and before.get("schema") and after.get("type") == "alias" != before["type"])


@law()
def test_every_refusal_has_a_cause(case: Case) -> bool:
    """Checked without approvals, so that there are refusals, and with those of the case."""
    plan = case.plan(Approvals())
    for item in plan.refused:
        assert _has_cause(item, case), f"{item.id} is refused as {item.rule}: {item.verdict.faults}"
    for item in case.plan().refused:
        given = case.approvals
        assert item.rule not in {SchemaRule.UNCAPTURED, SchemaRule.CONFLICT} or item.id not in given.discard
        assert item.rule is not SchemaRule.DESTRUCTION or item.id not in given.destroy
    return bool(plan.refused)


def _has_cause(item: PlanItem, case: Case) -> bool:
    return item.rule in CAUSES and CAUSES[item.rule](item, case)


def _server_changed(item: PlanItem, case: Case) -> bool:
    return below(item.id, changed(case.base, case.live))


def _git_changed(item: PlanItem, case: Case) -> bool:
    return below(item.id, changed(case.base, case.file))


def _is_made_differently(item: PlanItem, case: Case) -> bool:
    change = item.verdict.change
    entry = entry_of(case.file, change.kind.value, change.key) or {}
    before = entry_of(case.live, change.kind.value, change.key) or {}
    fixed = change.action is Action.CHANGE and _is_fixed(before, entry)
    alone = _has_no_table(case, change, entry) or _is_unrelated(case, change, entry)
    return fixed or alone or _is_not_made(change.kind, entry)


def _has_no_table(case: Case, change: Change, entry: Mapping[str, Any]) -> bool:
    """Return whether a field that needs a column has none in the file, or its collection has no table."""
    if change.kind is not ItemKind.FIELD or entry.get("type") == "alias":
        return False
    owner = case.file.section("collections").get((change.collection,))
    return not entry.get("schema") or (owner is not None and not owner.get("schema"))


def _is_unrelated(case: Case, change: Change, entry: Mapping[str, Any]) -> bool:
    """Return whether field and relation refer to different tables, or a table has not exactly one primary key."""
    if change.kind is ItemKind.COLLECTION:
        fields = [field for key, field in case.file.section("fields").items() if key[0] == change.collection]
        return sum(bool((field.get("schema") or {}).get("is_primary_key")) for field in fields) != 1
    field, relation = (case.file.section(section).get(change.key) or {} for section in ("fields", "relations"))
    said, made = ((part.get("schema") or {}).get("foreign_key_table") for part in (field, relation))
    there = (case.live.section("relations").get(change.key) or {}).get("related_collection", made)
    related = change.kind is ItemKind.RELATION and (there != made or _is_incomparable(case, field, made))
    return said != made or related


def _is_incomparable(case: Case, field: Mapping[str, Any], table: str | None) -> bool:
    """Return whether the field cannot have a foreign key to the table.

    It is a primary key or has no column, or the table is missing or its key has another type.
    """
    owner = case.file.section("collections").get((str(table),), {"schema": True})
    key = case.file.section("fields").get((str(table), "id"), {})
    is_key = bool((field.get("schema") or {}).get("is_primary_key"))
    is_whole = field.get("schema") and owner.get("schema")
    return is_key or not is_whole or (table is not None and field.get("type") != key.get("type"))


def _is_fixed(before: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """Return whether the change may be impossible: of a primary key, or to a type that may have no cast."""
    is_key = bool((before.get("schema") or {}).get("is_primary_key"))
    return is_key or before.get("type") != entry.get("type")


def _is_not_made(kind: ItemKind, entry: Mapping[str, Any]) -> bool:
    """Return whether Directus would give this column of the cases another type, length or default."""
    if kind is not ItemKind.FIELD or not entry.get("schema"):
        return False
    strange = entry["schema"]["data_type"] in {"double precision", "jsonb"} or entry["type"] in {"unknown", "binary"}
    strange = strange or (entry["type"] == "decimal" and entry["schema"]["numeric_precision"] is None)
    length = entry["schema"]["max_length"] or 0
    strange = strange or (entry["type"] in {"csv", "hash"} and not entry["meta"]["special"])
    strange = strange or _has_no_such_default(entry["type"], entry["schema"]) or _is_no_such_key(entry["schema"])
    # PostgreSQL cannot compare json values, so it cannot index them.
    strange = strange or (entry["type"] == "json" and (entry["schema"]["is_indexed"] or entry["schema"]["is_unique"]))
    return strange or (entry["type"] == "string" and length <= 0) or (entry["type"] == "hash" and length != 255)


def _is_no_such_key(schema: Mapping[str, Any]) -> bool:
    """Return whether a primary key that is not auto-incremented lacks the flags of one."""
    if not schema["is_primary_key"] or schema["has_auto_increment"]:
        return False
    return bool(schema["is_nullable"] or not schema["is_unique"] or schema["is_indexed"])


def _has_no_such_default(kind: str, schema: Mapping[str, Any]) -> bool:
    """Return whether Directus cannot make this default of the cases, which is a text, a number or true."""
    default = schema["default_value"]
    if default is None or schema.get("has_auto_increment"):
        return False
    if kind == "json":
        return isinstance(default, str)
    if kind in {"integer", "bigInteger", "decimal", "float"}:
        return isinstance(default, str | bool)
    if kind in {"string", "text", "csv", "hash", "date", "time", "dateTime", "timestamp"}:
        return not isinstance(default, str)
    return kind != "boolean" or default is not True


def _begins_inside(case: Case, item: PlanItem) -> bool:
    section = item.verdict.change.kind.value
    firsts = [
        entry["diff"][0]
        for entry in case.raw[section]
        if item.id == ".".join(entry[name] for name in ("collection", "field") if name in entry)
    ]
    return any(first["kind"] in {"N", "D"} and "path" in first and not in_meta(section, first) for first in firsts)


# By rule, the only reasons for which it may refuse an item.
CAUSES: Final[Mapping[SchemaRule | None, Callable[[PlanItem, Case], bool]]] = {
    # Without a base, all items of Directus count as changed there.
    SchemaRule.UNCAPTURED: lambda item, case: case.base is None or _server_changed(item, case),
    SchemaRule.CONFLICT: lambda item, case: (
        case.base is not None and _server_changed(item, case) and _git_changed(item, case)
    ),
    SchemaRule.DESTRUCTION: lambda item, _: item.verdict.change.action is Action.REMOVE or item.rows > 0,
    SchemaRule.UNFIT: lambda item, _: item.rows > 0,
    SchemaRule.INCOMPLETE: lambda item, case: _begins_inside(case, item),
    SchemaRule.NOT_REBUILDABLE: _is_made_differently,
}


@law(INCOMPLETE)
def test_an_accepted_plan_makes_directus_equal_to_the_file(case: Case) -> bool:
    """Afterwards nothing is left to push or to refuse, and a pull would overwrite nothing in the file.

    An incomplete entry, which Directus would drop, is refused in spite of all approvals.
    """
    case = Case(case.base, case.file, case.live, 0, case.everything())
    plan = case.plan()
    if plan.refused:
        assert {item.rule for item in plan.refused} <= {SchemaRule.INCOMPLETE, SchemaRule.NOT_REBUILDABLE}
        return False
    after = Snapshot(b"", "after", "11.17.4", applied(case.live.sections, case.raw))
    assert changed(after, case.file) == {("systemFields", key) for key in unlisted(after, case.file)}
    assert not Case(case.file, case.file, after, 1, Approvals()).plan()
    assert guard.unpushed(case.file, case.file, after) == ()
    return bool(plan)


@law(WITH_MORE)
def test_the_order_of_directus_s_answer_does_not_change_verdicts(case: Case) -> bool:
    raw = case.raw
    reverse = {section: found[::-1] for section, found in raw.items()}
    # As text, because items are not hashable.
    one, other = ({repr(item) for item in case.plan(raw=version).items} for version in (raw, reverse))
    assert one == other
    return any(len(found) > 1 for found in raw.values())


@law()
def test_a_pull_names_exactly_the_changes_of_the_file_that_it_would_overwrite(case: Case) -> bool:
    named = set(guard.unpushed(case.file, case.base, case.live))
    ours = changed(case.base, case.file)
    taken = {".".join(key) for key in lost(case.file, case.base, case.live)}
    # A pull would bring back the items that the file removed.
    for section, key in ours:
        if key in case.live.section(section) and key not in case.file.section(section):
            taken.add(".".join(key))
    if case.base is None:
        taken = {".".join(key) for _, key in changed(case.live, case.file)}
    taken -= {".".join(key) for key in unlisted(case.live, case.file)}
    assert taken <= named
    assert named <= {".".join(key) for _, key in ours & changed(case.live, case.file)} or case.base is None
    return bool(taken)


@law()
def test_the_tool_finds_the_same_differences_as_directus(case: Case) -> bool:
    raw = answer(case.live.sections, case.file.sections)
    theirs = diff.from_server(("hash", raw)).changes
    # Directus does not list the fields and relations of a removed collection.
    gone = {entry["collection"] for entry in raw["collections"] if entry["diff"][0]["kind"] == "D"}
    found = [
        change
        for change in comparison.between(case.live, case.file)
        if change.kind not in {ItemKind.FIELD, ItemKind.RELATION} or change.collection not in gone
    ]
    assert {_seen(change) for change in found} == {_seen(change) for change in theirs}
    return bool(theirs)


def _seen(change: diff.Change) -> tuple[object, ...]:
    if change.kind is ItemKind.SYSTEM_FIELD:
        # A snapshot lists only indexed columns; Directus reports a change of the index.
        return change.kind, change.id
    edits = () if change.recreated else tuple(sorted({edit.path[:2] for edit in change.edits}, key=str))
    return change.kind, change.id, change.action, edits


def test_the_cases_cover_every_kind_of_item_every_action_and_every_type() -> None:
    kinds: set[tuple[ItemKind, Action]] = set()
    types: set[object] = set()

    @given(ANY)
    @settings(EXAMPLES, max_examples=300)
    def every(case: Case) -> None:
        for change in comparison.between(case.live, case.file):
            kinds.add((change.kind, change.action))
            types.update((entry_of(side, "fields", change.key) or {}).get("type") for side in (case.live, case.file))

    every()
    assert kinds == {(kind, action) for kind in ItemKind for action in Action} - {
        (ItemKind.SYSTEM_FIELD, Action.CHANGE)
    }
    assert types - {None} == TYPES
