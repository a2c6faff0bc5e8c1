"""The text and the JSON of plans, checks, deploys and the status."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from directus_sync.catalog.upkeep import Verified
from directus_sync.report import plans, results
from directus_sync.report.outcome import Checked, Deployed, Status
from directus_sync.schema import diff, guard
from directus_sync.schema.diff import Action, Change, ItemKind, SchemaDiff
from directus_sync.schema.plan import Approvals, Mover, Plan, Verdict
from directus_sync.schema.snapshot import Snapshot
from directus_sync.state.history import Deploy, Failure
from tests.versions import revision

Planned = Callable[..., Plan]
EMPTY = Plan(diff.NO_DIFFERENCE)


def lines(plan: Plan) -> list[str]:
    return plans.plan(plan).splitlines()


# Plans


def test_a_plan_counts_then_lists(planned: Planned) -> None:
    approved = Approvals(destroy={"station.elev": "was moved"})
    assert lines(planned("field_renamed", rows=37, approvals=approved)) == [
        "Plan: 1 to add, 0 to change, 1 to remove; 37 rows at risk",
        "  - station.elev       field, decimal; 37 rows at risk; approved: was moved",
        "  + station.elevation  field, decimal",
    ]


def test_a_new_collection_stands_for_its_fields_and_relations(planned: Planned) -> None:
    assert lines(planned("collection_added")) == ["Plan: 1 to add, 0 to change, 0 to remove", "  + zone  3 fields"]


def test_one_field_is_not_called_fields() -> None:
    added = [Change(Action.ADD, ItemKind.COLLECTION, "events"), Change(Action.ADD, ItemKind.FIELD, "events", "id")]
    difference = SchemaDiff(tuple(added), "hash", {})
    plan = guard.decide(difference, [Verdict(change, Mover.GIT) for change in added], {}, Approvals())
    assert lines(plan)[1] == "  + events  1 field"


def test_a_removal_says_that_it_is_refused_and_what_it_costs(planned: Planned) -> None:
    assert lines(planned("collection_removed", rows=1)) == [
        "Plan: 0 to add, 0 to change, 1 to remove; 1 row at risk",
        "  - station  collection; 1 row at risk; refused: unapproved-destruction",
    ]


def test_what_the_server_changed_is_called_so(planned: Planned) -> None:
    assert lines(planned("note_changed", base=None))[1].endswith(
        "; changed by the server; refused: uncaptured-live-work"
    )


def test_a_changed_field_shows_both_values(planned: Planned) -> None:
    assert lines(planned("length_grows"))[1] == "  ~ station.code  schema.max_length: 255 -> 500"


def test_a_changed_relation_is_told_from_the_field_of_the_same_name(planned: Planned) -> None:
    assert lines(planned("on_delete_changed"))[1] == (
        "  ~ station.country  relation, schema.on_delete: SET NULL -> CASCADE"
    )


def test_a_long_value_is_shortened(planned: Planned) -> None:
    (line,) = lines(planned("field_meta_null"))[1:]
    assert len(line) < 100
    assert "..." in line


def test_more_than_three_edits_are_counted(planned: Planned) -> None:
    assert lines(planned("widened_integer_to_string"))[1].endswith(" and 2 more")


def test_a_property_that_is_not_there_is_called_nothing(planned: Planned) -> None:
    assert lines(planned("field_meta_nested_removal"))[1] == (
        "  ~ station.code  meta.note: as painted on the mast -> nothing"
    )


def test_no_plan_has_blanks_at_line_ends_or_names_of_the_code(
    planned: Planned, captured_answers: Mapping[str, Any]
) -> None:
    for edit in captured_answers:
        for line in lines(planned(edit)):
            assert line == line.rstrip()
            assert "ABSENT" not in line.upper()


def test_the_counts_of_a_plan_are_those_of_its_lines(planned: Planned, captured_answers: Mapping[str, Any]) -> None:
    for edit in captured_answers:
        head, *items = lines(planned(edit))
        signs = [item.strip()[0] for item in items]
        assert head == (f"Plan: {signs.count('+')} to add, {signs.count('~')} to change, {signs.count('-')} to remove")


def test_colour_is_only_around_signs(planned: Planned) -> None:
    plan = planned("field_renamed")
    assert "\x1b[31m-\x1b[0m station.elev" in plans.plan(plan, in_colour=True)
    assert re.sub(r"\x1b\[\d+m", "", plans.plan(plan, in_colour=True)) == plans.plan(plan)


# Plans for machines


def test_a_plan_for_machines_has_every_entry_and_every_edit(planned: Planned) -> None:
    document = plans.plan_document(planned("type_string_to_text"))
    assert document == {
        "add": 0,
        "change": 1,
        "remove": 0,
        "rows_at_risk": 0,
        "refused": False,
        "items": [
            {
                "action": "change",
                "kind": "field",
                "id": "station.code",
                "moved_by": "git",
                "rows_at_risk": 0,
                "refused": None,
                "approved": None,
                "takes_along": [],
                "named_by": [],
                "edits": [
                    {"path": "type", "before": "string", "after": "text"},
                    {"path": "schema.data_type", "before": "character varying", "after": "text"},
                    {"path": "schema.max_length", "before": 255, "after": None},
                ],
            }
        ],
        "unmatched_approvals": [],
    }


def test_a_plan_for_machines_tells_null_from_not_there(planned: Planned) -> None:
    (item,) = plans.plan_document(planned("field_meta_nested_removal"))["items"]
    assert item["edits"] == [{"path": "meta.note", "before": "as painted on the mast"}]


def test_a_plan_for_machines_says_what_is_refused_and_why(planned: Planned) -> None:
    (item,) = plans.plan_document(planned("field_removed", base=None, rows=3))["items"]
    assert (item["refused"], item["moved_by"], item["rows_at_risk"]) == ("uncaptured-live-work", "server", 3)


# Deploys

PRE, POST = revision("pre_0001_create"), revision("post_0001_add")


def test_the_last_line_of_a_deploy_can_be_read_alone(planned: Planned) -> None:
    done = Deployed(
        (PRE,),
        bootstrapped=True,
        pushed=planned("collection_added"),
        post=(POST, POST),
        verified=Verified(),
        seconds=14.24,
    )
    assert results.deployed(done) == "Deployed in 14.2 s: 1 pre, 1 change, 2 post; 0 rows at risk"


def test_a_deploy_that_had_nothing_to_do_says_so() -> None:
    done = Deployed((), bootstrapped=False, pushed=EMPTY, post=(), verified=Verified(), seconds=0.25)
    assert results.deployed(done) == "Nothing to do: database and Directus equal the checkout (250 ms)"


def test_a_deploy_that_left_the_schema_alone_pushed_nothing() -> None:
    skipped = Deployed((PRE,), bootstrapped=False, pushed=None, post=(), verified=Verified(), seconds=1.0)
    assert results.deployed_document(skipped)["pushed"] is None
    assert results.deployed(skipped).startswith("Deployed in 1.0 s: 1 pre, 0 changes, 0 post")


# Checks


def test_a_check_that_finds_nothing_says_so() -> None:
    found = Checked({"pre": (), "post": ()}, bootstrap=False, plan=EMPTY)
    assert results.checked(found) == "Nothing differs: database and Directus equal the checkout"
    assert results.checked_document(found)["equal"] is True


def test_a_check_names_pending_revisions_and_what_to_run() -> None:
    found = Checked({"pre": (), "post": (POST,)}, bootstrap=False, plan=EMPTY)
    assert results.checked(found) == (
        "post: 1 revision pending (post_0001)\nnext: directus-sync deploy brings the checkout to the database"
    )
    assert results.checked_document(found)["pending"] == {"pre": [], "post": ["post_0001"]}


def test_a_check_of_a_server_that_somebody_edited_names_pull(planned: Planned) -> None:
    found = Checked({"pre": (), "post": ()}, bootstrap=False, plan=planned("note_changed", base=None))
    assert "next: directus-sync pull captures what was changed in Directus" in results.checked(found)


def test_a_check_says_when_directus_s_tables_are_missing() -> None:
    found = Checked({"pre": (), "post": ()}, bootstrap=True, plan=EMPTY)
    assert "Directus's own tables are missing" in results.checked(found)
    assert results.checked_document(found)["equal"] is False


# Status


def status(**facts: Any) -> str:
    known: dict[str, Any] = {
        "database": "h:5432/d",
        "heads": {"pre": ("pre_0001", "pre_0001"), "post": (None, "post_0001")},
        "lock_holder": None,
        "deploy": None,
        "snapshot_sha256": "f" * 64,
        "recorded_sha256": None,
    }
    return results.status(Status(**{**known, **facts}))


def test_a_status_of_a_new_database_says_what_is_not_there() -> None:
    assert status() == (
        "database   h:5432/d\n"
        "pre        pre_0001\n"
        "post       nothing applied, checkout has post_0001\n"
        "snapshot   ffffffffffff, none recorded\n"
        "deployed   never\n"
        "lock       free"
    )


def test_a_status_tells_of_the_last_deploy() -> None:
    at, took = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), timedelta(seconds=2)
    deploy = Deploy(at, took, "box", "pre_0001", "post_0001", "11.17.4", "f" * 64, 1, 2, [], ["events.notes differs"])
    text = status(deploy=deploy)
    assert "deployed   2026-01-02 03:04:05 UTC by box, in 2.0 s" in text
    assert "note       events.notes differs\n" in text


@pytest.mark.parametrize(("sha256", "text"), [("f" * 64, ", as recorded"), ("0" * 64, ", differs from the recorded")])
def test_a_status_compares_the_file_with_what_was_recorded(sha256: str, text: str) -> None:
    assert f"snapshot   ffffffffffff{text}\n" in status(recorded_sha256=sha256)


def test_a_status_names_who_holds_the_lock() -> None:
    assert status(lock_holder="directus-sync deploy box:7 (pid 42)").endswith("box:7 (pid 42)")


def test_a_status_tells_who_deployed_and_of_a_failure_since() -> None:
    at, took = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), timedelta(seconds=2)
    deploy = Deploy(
        at,
        took,
        "box",
        "pre_0001",
        "post_0001",
        "11.17.4",
        "f" * 64,
        1,
        2,
        [],
        [],
        "node as trm_deploy",
        None,
        "c" * 40,
    )
    text = status(deploy=deploy, failure=Failure(at, "box", "lock-timeout"))
    assert "UTC by node as trm_deploy on box, in 2.0 s, commit cccccccccccc\n" in text
    assert "failed     2026-01-02 03:04:05 UTC on box: lock-timeout\n" in text


# Words


def test_contents_are_counted_by_section(live: Snapshot) -> None:
    assert results.contents(live) == "2 collections, 21 fields, 1 relation"
