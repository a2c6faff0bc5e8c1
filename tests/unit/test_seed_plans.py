"""Planning a seed: the action for each row, the target of each reference, and the order of creation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from directus_sync.errors import InvalidSeed
from directus_sync.seed import Action, planning
from directus_sync.seed.model import Collection
from directus_sync.seed.planning import FieldEdit, SeedPlan
from directus_sync.seed.resolving import Existing
from directus_sync.seed.values import Row
from tests.seeds import KNOWN, Lists, a_file, a_plan

TWO = """
    events:
    - club: {slug: a}
      slug: b
      starts: 10
    clubs:
    - slug: a
"""


def actions(plan: SeedPlan) -> list[Action]:
    return [judged.action for _, judged in plan.rows]


def created(plan: SeedPlan) -> list[list[str]]:
    return [
        [f"{row.collection.name} {row.label}" for row in batch] for file in plan.files for batch in file.order.batches
    ]


def there() -> Lists:
    return Lists(
        {"clubs": [{"id": "c1", "slug": "a"}], "events": [{"id": "e1", "club": "c1", "slug": "b", "starts": 10}]}
    )


# Two rules. The key of the first one contains a null.
RULES = """
    rules:
    - {event: &event {club: {slug: a}, slug: b}, kind: late, stage: null, cost: 60}
    - {event: *event, kind: late, stage: {name: one}, cost: 90}
    fines:
    - {name: f, rule: {event: *event, kind: late, stage: null}}
"""


def test_null_is_a_value_in_a_key_with_nulls_not_distinct() -> None:
    lists = there()
    lists.rows |= {
        "stages": [{"id": "s1", "name": "one"}],
        "rules": [
            {"id": "r1", "event": "e1", "kind": "late", "stage": "s1", "cost": 90},
            {"id": "r2", "event": "e1", "kind": "late", "cost": 60},
        ],
    }
    plan = a_plan(RULES, lists)
    assert actions(plan) == [Action.NONE, Action.NONE, Action.CREATE]
    *_, (_, fine) = plan.rows
    assert plan.resolver.value(fine.row, "rule") == Existing("r2")

    lists.rows["rules"].clear()
    assert created(a_plan(RULES, lists)) == [["rules late null b a", "rules late b a one"], ["fines f"]]


def test_a_null_in_a_key_must_be_written_in_the_file() -> None:
    with pytest.raises(InvalidSeed, match="a row of rules lacks its key: event, kind, stage"):
        a_plan(RULES.replace("stage: null, cost", "cost"), there())


@pytest.mark.parametrize(
    ("value", "seeded", "action", "forced"),
    [
        (10, None, Action.NONE, Action.NONE),
        (12, None, Action.LEAVE, Action.OVERWRITE),
        # Unchanged since it was seeded, and changed since.
        (9, 9, Action.UPDATE, Action.UPDATE),
        (12, 9, Action.LEAVE, Action.OVERWRITE),
    ],
)
def test_a_value_is_updated_unless_somebody_edited_it_and_force_overwrites_it(
    value: int, seeded: int | None, action: Action, forced: Action
) -> None:
    lists = there()
    lists.rows["events"][0]["starts"] = value
    if seeded is not None:
        lists.seeded["events", "e1"] = {"starts": seeded}
    for force, wanted in ((False, action), (True, forced)):
        plan = a_plan(TWO, lists, force=force)
        (_, judged), _ = plan.rows
        assert (actions(plan), plan.writes) == ([wanted, Action.NONE], wanted not in {Action.NONE, Action.LEAVE})
        edit = FieldEdit("starts", value, 10, left=wanted is Action.LEAVE)
        assert judged.edits == (() if wanted is Action.NONE else (edit,))
        assert judged.written == ((edit,) if plan.writes else ())


def test_a_row_is_updated_from_its_file_except_for_edited_fields() -> None:
    lists = Lists({"cars": [{"id": 1, "plate": "x", "colour": "red", "owner": None}]})
    lists.rows["directus_users"] = [{"id": "u", "email": "a@example.com"}]
    lists.seeded["cars", "1"] = {"colour": "blue", "owner": None}
    text = "$keys: {cars: [plate]}\ncars:\n- {plate: x, colour: green, owner: {email: a@example.com}}"
    ((_, judged),) = a_plan(text, lists).rows
    assert judged.action is Action.UPDATE
    assert judged.edits == (
        FieldEdit("colour", "red", "green", left=True),
        FieldEdit("owner", None, "directus_users a@example.com"),
    )


def test_an_equal_row_is_recorded_as_seeded_once() -> None:
    lists = there()
    plan = a_plan(TWO, lists)
    assert plan.to_record["clubs", "c1"] == {"slug": "a"}
    lists.record(plan.to_record)
    assert a_plan(TWO, lists).to_record == {}


def test_a_reference_to_another_row_differs() -> None:
    stage = {"id": "s1", "name": "one", "event": "e0"}
    lists = there()
    lists.rows["stages"] = [stage]
    (_, judged), *_ = a_plan("stages:\n- {name: one, event: {slug: b}}", lists).rows
    assert judged.edits == (FieldEdit("event", "e0", "events b", left=True),)


SAME = "events:\n- {slug: b, club: {name: same}}\n"
TWO_CLUBS = Lists({"clubs": [{"id": n, "slug": f"s{n}", "name": "same"} for n in (1, 2)]})
TWO_CARS = Lists({"cars": [{"id": 1, "plate": "x"}, {"id": 2, "plate": "x"}]})
CIRCLE = "stages:\n- {name: one, input: {name: two}}\n- {name: two, input: {name: one}}"


def like(collection: str, key: str, *required: str) -> Collection:
    """Return a known collection with this key and these required fields."""
    known = KNOWN[collection]
    fields = {
        name: replace(field, column=replace(field.column, nullable=name not in required))
        for name, field in known.fields.items()
    }
    return Collection(collection, fields, known.primary_key, ((key,),))


# The file, the rows of the database, changed collections, the place of the error, the error.
REFUSED: dict[str, tuple[str, Lists, list[Collection], str, str]] = {
    "a reference to a missing row": (
        "stages:\n- name: one\n  event: {slug: b}", Lists(), [], "a.yaml:3", "events b matches no row",
    ),
    "a nested reference to a missing row": (
        TWO + "    stages:\n    - {name: one, event: {club: {slug: x}, slug: b}}", Lists(), [], "a.yaml:9",
        "clubs x matches no row",
    ),
    "a reference to two rows": (SAME, TWO_CLUBS, [], "a.yaml:2", "more than one row"),
    "a reference to two rows in the file": (
        SAME + "clubs:\n- {slug: s1, name: same}\n- {slug: s2, name: same}\n", Lists(), [], "a.yaml:2",
        "more than one row",
    ),
    "a duplicate row": ("clubs:\n- slug: a\n- slug: a", Lists(), [], "a.yaml:2\na.yaml:3", "listed twice"),
    "a key in $keys that matches two rows": (
        "$keys: {cars: [plate]}\ncars:\n- plate: x", TWO_CARS, [], "a.yaml:3", "cars x matches more than one row",
    ),
    "a row without a required field": (
        "events:\n- slug: b", Lists(), [like("events", "slug", "club")], "a.yaml:2", "a new row of events needs club",
    ),
    "a circle of required references": (
        CIRCLE, Lists(), [like("stages", "name", "input")], "a.yaml:2\na.yaml:3", "in a circle",
    ),
    "a key that refers to its own row": (
        "stages:\n- {name: one, input: {name: one}}", Lists(), [like("stages", "input")], "a.yaml:2",
        "depends on itself",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_cannot_be_planned_is_refused_with_its_lines(case: str) -> None:
    text, lists, others, where, what = REFUSED[case]
    known = {**KNOWN, **{other.name: other for other in others}}
    with pytest.raises(InvalidSeed, match=what) as caught:
        planning.plan([a_file(text)], known, lists, force=False)
    assert caught.value.where == where


def test_a_reference_to_a_row_in_both_file_and_database_is_not_ambiguous() -> None:
    text = "events:\n- {slug: b, club: {name: same}}\nclubs:\n- {slug: s1, name: same}\n"
    plan = a_plan(text, Lists({"clubs": [{"id": 1, "slug": "s1", "name": "same"}]}))
    assert actions(plan) == [Action.CREATE, Action.NONE]


def plan_of(first: str, second: str) -> SeedPlan:
    return planning.plan([a_file(first), a_file(second, "b.yaml")], KNOWN, Lists(), force=False)


def test_a_reference_finds_rows_of_its_own_file_and_of_earlier_files() -> None:
    clubs = "clubs:\n- {slug: s1, name: same}\n"
    assert created(plan_of(clubs, SAME)) == [["clubs s1"], ["events b same"]]
    with pytest.raises(InvalidSeed, match="matches no row") as caught:
        plan_of(SAME, clubs)
    assert caught.value.where == "a.yaml:2"


def test_equal_references_are_resolved_for_each_file_separately() -> None:
    first, second = SAME + "clubs:\n- {slug: s1, name: same}\n", SAME.replace("slug: b", "slug: c")
    plan = plan_of(first, second)
    targets = [plan.resolver.value(judged.row, "club") for _, judged in plan.rows if "club" in judged.row.given]
    assert [target.label for target in targets if isinstance(target, Row)] == ["s1", "s1"]
    # The second file adds a club of the same name, so only its own reference is ambiguous.
    with pytest.raises(InvalidSeed, match="more than one row") as caught:
        plan_of(first, second + "clubs:\n- {slug: s2, name: same}\n")
    assert caught.value.where == "b.yaml:2"


# A file, and the batches in which its rows are created.
CREATED = {
    TWO: [["clubs a"], ["events b a"]],
    "stages:\n- {name: two, input: {name: one}}\n- {name: one}\n- {name: three, input: {name: two}}": [
        ["stages one"], ["stages two"], ["stages three"],
    ],
    # A row without references is created together with the other rows of its collection.
    "    stages:\n    - name: free\n    - {name: bound, event: {slug: b}}\n" + TWO.lstrip("\n"): [
        ["clubs a"], ["events b a"], ["stages free", "stages bound"],
    ],
}  # fmt: skip


@pytest.mark.parametrize("text", CREATED)
def test_rows_are_created_in_the_order_of_their_references(text: str) -> None:
    assert created(a_plan(text)) == CREATED[text]


def test_a_circular_reference_is_set_in_a_second_step() -> None:
    plan = a_plan(CIRCLE)
    ((row, name),) = plan.files[0].order.deferred
    assert (created(plan), row.label, name) == ([["stages one"], ["stages two"]], "one", "input")


def test_the_database_is_queried_once_for_each_collection_and_set_of_fields() -> None:
    lists = there()
    a_plan(TWO + "    - slug: c\n    - slug: d\n", lists)
    assert sorted(lists.lookups) == ["clubs", "clubs", "events"]
