"""Planning: what each row is, which row each reference means, and the order in which rows are created."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from directus_sync.errors import InvalidSeed
from directus_sync.seed import Action, planning
from directus_sync.seed.model import Collection, Column, Field
from directus_sync.seed.planning import FieldEdit, SeedPlan
from directus_sync.seed.resolving import Existing
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


def test_rows_that_are_missing_are_created_in_the_order_of_their_references() -> None:
    assert created(a_plan(TWO)) == [["clubs a"], ["events b a"]]


# Two rules, of which the key of one has a part without a value.
RULES = """
    rules:
    - {event: &event {club: {slug: a}, slug: b}, kind: late, stage: null, cost: 60}
    - {event: *event, kind: late, stage: {name: one}, cost: 90}
    fines:
    - {name: f, rule: {event: *event, kind: late, stage: null}}
"""


def test_null_is_a_value_in_a_key_that_says_so() -> None:
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


def test_a_part_of_such_a_key_must_be_written_down_all_the_same() -> None:
    with pytest.raises(InvalidSeed, match="a row of rules lacks its key: event, kind, stage"):
        a_plan(RULES.replace("stage: null, cost", "cost"), there())


def test_rows_that_are_there_need_nothing() -> None:
    plan = a_plan(TWO, there())
    assert (actions(plan), plan.writes) == ([Action.NONE, Action.NONE], False)


def test_a_row_that_differs_is_left_alone_and_overwritten_by_force() -> None:
    lists = there()
    lists.rows["events"][0]["starts"] = 12
    left, forced = a_plan(TWO, lists), a_plan(TWO, lists, force=True)
    assert (actions(left)[0], left.writes) == (Action.LEAVE, False)
    assert (actions(forced)[0], forced.writes) == (Action.OVERWRITE, True)
    assert next(left.rows)[1].edits == (FieldEdit("starts", 12, 10, left=True),)
    assert next(forced.rows)[1].written == (FieldEdit("starts", 12, 10),)


def test_a_value_that_nobody_touched_since_it_was_seeded_follows_its_file() -> None:
    lists = there()
    lists.rows["events"][0]["starts"] = 9
    lists.seeded["events", "e1"] = {"starts": 9}
    for force in (False, True):
        plan = a_plan(TWO, lists, force=force)
        assert (actions(plan)[0], plan.writes) == (Action.UPDATE, True)
        assert next(plan.rows)[1].written == (FieldEdit("starts", 9, 10),)


def test_a_value_that_was_edited_after_it_was_seeded_is_left_alone() -> None:
    lists = there()
    lists.rows["events"][0]["starts"] = 12
    lists.seeded["events", "e1"] = {"starts": 9}
    assert actions(a_plan(TWO, lists))[0] is Action.LEAVE


def test_a_row_gets_what_changed_in_its_file_beside_what_was_edited() -> None:
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


def test_what_is_equal_becomes_the_base_once() -> None:
    lists = there()
    plan = a_plan(TWO, lists)
    assert plan.news["clubs", "c1"] == {"slug": "a"}
    lists.record(plan.news)
    assert a_plan(TWO, lists).news == {}


def test_only_the_fields_of_the_file_are_compared() -> None:
    lists = there()
    lists.rows["events"][0]["options"] = {"a": 1}
    assert not a_plan(TWO, lists, force=True).writes


def test_a_reference_that_leads_elsewhere_differs() -> None:
    stage = {"id": "s1", "name": "one", "event": "e0"}
    lists = there()
    lists.rows["stages"] = [stage]
    (_, judged), *_ = a_plan("stages:\n- {name: one, event: {slug: b}}", lists).rows
    assert judged.edits == (FieldEdit("event", "e0", "events b", left=True),)


def test_a_reference_matches_a_row_of_the_database_alone() -> None:
    plan = a_plan("stages:\n- {name: one, event: {club: {slug: a}, slug: b}}", there())
    assert created(plan) == [["stages one"]]


def test_a_reference_by_what_an_operator_edited_still_means_the_row_of_the_file() -> None:
    text = "$keys: {cars: [plate]}\ncars:\n- {plate: x, colour: red}\n"
    lists = Lists({"cars": [{"id": 1, "plate": "x", "colour": "blue"}]})
    assert actions(a_plan(text, lists)) == [Action.LEAVE]


NOWHERE = {
    "nothing": ("stages:\n- name: one\n  event: {slug: b}", "a.yaml:3", "events b matches no row"),
    "a nested nothing": (
        TWO + "    stages:\n    - {name: one, event: {club: {slug: x}, slug: b}}",
        "a.yaml:9",
        "clubs x",
    ),
}


@pytest.mark.parametrize("case", NOWHERE)
def test_a_reference_that_matches_nothing_is_refused_with_its_line(case: str) -> None:
    text, where, what = NOWHERE[case]
    with pytest.raises(InvalidSeed, match="matches no row") as caught:
        a_plan(text)
    assert (caught.value.where, what in caught.value.what) == (where, True)


@pytest.mark.parametrize("in_database", [True, False])
def test_a_reference_that_matches_two_rows_is_refused(in_database: bool) -> None:
    lists = Lists({"clubs": [{"id": n, "slug": f"s{n}", "name": "same"} for n in (1, 2)]}) if in_database else Lists()
    text = "events:\n- {slug: b, club: {name: same}}\n"
    if not in_database:
        text += "clubs:\n- {slug: s1, name: same}\n- {slug: s2, name: same}\n"
    with pytest.raises(InvalidSeed, match="more than one row") as caught:
        a_plan(text, lists)
    assert caught.value.where == "a.yaml:2"


def test_the_same_row_in_file_and_database_is_one() -> None:
    text = "events:\n- {slug: b, club: {name: same}}\nclubs:\n- {slug: s1, name: same}\n"
    plan = a_plan(text, Lists({"clubs": [{"id": 1, "slug": "s1", "name": "same"}]}))
    assert actions(plan) == [Action.CREATE, Action.NONE]


def test_the_same_row_twice_is_refused_with_both_lines() -> None:
    with pytest.raises(InvalidSeed, match="there twice") as caught:
        a_plan("clubs:\n- slug: a\n- slug: a")
    assert caught.value.where == "a.yaml:2\na.yaml:3"


def test_a_key_of_a_file_s_own_that_matches_two_rows_is_refused() -> None:
    lists = Lists({"cars": [{"id": 1, "plate": "x"}, {"id": 2, "plate": "x"}]})
    with pytest.raises(InvalidSeed, match="cars x matches more than one row"):
        a_plan("$keys: {cars: [plate]}\ncars:\n- plate: x", lists)


def test_a_new_row_without_what_it_needs_is_refused() -> None:
    with pytest.raises(InvalidSeed, match="a new row of events needs club"):
        planning.plan([a_file("$keys: {}\nevents:\n- slug: b")], {"events": without_key()}, Lists(), force=False)


def without_key() -> Collection:
    events = KNOWN["events"]
    return Collection(events.name, events.fields, events.primary_key, (("slug",),))


def test_a_reference_sees_its_own_file_and_those_before_it() -> None:
    clubs, events = "clubs:\n- slug: a", "events:\n- {slug: b, club: {slug: a}}"
    plan = planning.plan([a_file(clubs), a_file(events, "b.yaml")], KNOWN, Lists(), force=False)
    assert created(plan) == [["clubs a"], ["events b a"]]
    with pytest.raises(InvalidSeed, match="matches no row"):
        planning.plan([a_file(events, "b.yaml"), a_file(clubs)], KNOWN, Lists(), force=False)


def test_a_row_may_refer_to_another_of_its_collection() -> None:
    text = "stages:\n- {name: two, input: {name: one}}\n- {name: one}\n- {name: three, input: {name: two}}"
    assert created(a_plan(text)) == [["stages one"], ["stages two"], ["stages three"]]


def test_a_circle_is_closed_in_a_second_step() -> None:
    plan = a_plan("stages:\n- {name: one, input: {name: two}}\n- {name: two, input: {name: one}}")
    ((row, name),) = plan.files[0].order.later
    assert (created(plan), row.label, name) == ([["stages one"], ["stages two"]], "one", "input")


def test_a_circle_that_can_t_be_opened_is_refused_with_its_lines() -> None:
    fields = dict(KNOWN["stages"].fields)
    required = Collection("stages", fields | {"input": _required(fields["input"])}, "id", (("name",),))
    text = "stages:\n- {name: one, input: {name: two}}\n- {name: two, input: {name: one}}"
    with pytest.raises(InvalidSeed, match="in a circle") as caught:
        planning.plan([a_file(text)], KNOWN | {"stages": required}, Lists(), force=False)
    assert caught.value.where == "a.yaml:2\na.yaml:3"


def test_a_key_that_depends_on_itself_is_refused() -> None:
    stages = Collection("stages", KNOWN["stages"].fields, "id", (("input",),))
    text = "stages:\n- {name: one, input: {name: one}}"
    with pytest.raises(InvalidSeed, match="depends on itself"):
        planning.plan([a_file(text)], KNOWN | {"stages": stages}, Lists(), force=False)


def _required(field: Field) -> Field:
    return Field(field.name, Column(field.column.sql_type, nullable=False, has_default=False), related=field.related)


def test_each_collection_is_created_in_one_batch() -> None:
    def lines() -> Iterator[str]:
        yield "events:"
        yield from (f"- {{slug: e{n}, club: {{slug: c{n}}}}}" for n in range(50))
        yield "stages:"
        yield from (f"- {{name: s{n}, event: {{slug: e{n}, club: {{slug: c{n}}}}}}}" for n in range(50))
        yield "clubs:"
        yield from (f"- slug: c{n}" for n in range(50))

    plan = a_plan("\n".join(lines()))
    assert [(batch[0].split()[0], len(batch)) for batch in created(plan)] == [
        ("clubs", 50),
        ("events", 50),
        ("stages", 50),
    ]


def test_rows_that_need_nothing_wait_for_those_of_their_collection_that_do() -> None:
    text = "    stages:\n    - name: free\n    - {name: bound, event: {slug: b}}\n" + TWO.lstrip("\n")
    assert created(a_plan(text)) == [["clubs a"], ["events b a"], ["stages free", "stages bound"]]


def test_the_database_is_asked_once_for_each_collection_and_set_of_fields() -> None:
    lists = there()
    a_plan(TWO + "    - slug: c\n    - slug: d\n", lists)
    assert sorted(lists.lookups) == ["clubs", "clubs", "events"]
