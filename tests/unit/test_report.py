"""The text and the JSON of plans, checks, deploys and status."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from directus_sync.catalog.upkeep import Verified
from directus_sync.report import plans, results
from directus_sync.report.outcome import Checked, Deployed, Status
from directus_sync.resources.access_kinds import POLICIES
from directus_sync.resources.plan import Judged, ResourceChange, ResourcePlan
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


def test_a_plan_shows_the_counts_and_then_the_items(planned: Planned) -> None:
    approved = Approvals(destroy={"station.elev": "was moved"})
    assert lines(planned("field_renamed", rows=37, approvals=approved)) == [
        "Plan: 1 to add, 0 to change, 1 to remove; 37 rows at risk",
        "  - station.elev       field, decimal; 37 rows at risk; approved: was moved",
        "  + station.elevation  field, decimal",
    ]


def test_a_collection_with_one_field_has_a_singular_count() -> None:
    added = [Change(Action.ADD, ItemKind.COLLECTION, "events"), Change(Action.ADD, ItemKind.FIELD, "events", "id")]
    difference = SchemaDiff(tuple(added), "hash", {})
    plan = guard.decide(difference, [Verdict(change, Mover.GIT) for change in added], {}, Approvals())
    assert lines(plan)[1] == "  + events  1 field"


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        # One line for the collection with its fields and relations.
        ("collection_added", "  + zone  3 fields"),
        ("collection_removed", "  - station  collection; 1 row at risk; refused: unapproved-destruction"),
        ("length_grows", "  ~ station.code  schema.max_length: 255 -> 500"),
        ("on_delete_changed", "  ~ station.country  relation, schema.on_delete: SET NULL -> CASCADE"),
        ("field_meta_nested_removal", "  ~ station.code  meta.note: as painted on the mast -> nothing"),
        ("widened_integer_to_string", "  ~ .* and 2 more"),
        ("field_meta_null", r"(?=.{,99}$)  ~ .*\.\.\..*"),
    ],
)
def test_a_change_is_shown_as_one_line(planned: Planned, edit: str, line: str) -> None:
    (found,) = lines(planned(edit, rows=1))[1:]
    assert re.fullmatch(line.replace("+", "[+]"), found)


def test_a_change_made_in_directus_is_marked(planned: Planned) -> None:
    (line,) = lines(planned("note_changed", base=None))[1:]
    assert line.endswith("; changed by the server; refused: uncaptured-live-work")


def test_the_counts_of_a_plan_equal_its_lines_and_no_line_ends_with_a_blank(
    planned: Planned, captured_answers: Mapping[str, Any]
) -> None:
    for edit in captured_answers:
        head, *items = lines(planned(edit))
        signs = [item.strip()[0] for item in items]
        assert head == (f"Plan: {signs.count('+')} to add, {signs.count('~')} to change, {signs.count('-')} to remove")
        assert [line for line in (head, *items) if line != line.rstrip() or "ABSENT" in line.upper()] == []


def test_colour_is_only_around_signs(planned: Planned) -> None:
    plan = planned("field_renamed")
    assert "\x1b[31m-\x1b[0m station.elev" in plans.plan(plan, in_colour=True)
    assert re.sub(r"\x1b\[\d+m", "", plans.plan(plan, in_colour=True)) == plans.plan(plan)


# Plans as JSON


def test_a_plan_as_json_has_every_item_and_every_edit(planned: Planned) -> None:
    document = plans.plan_document(planned("type_string_to_text"))
    assert (document["add"], document["change"], document["remove"], document["refused"]) == (0, 1, 0, False)
    (item,) = document["items"]
    assert (item["action"], item["kind"], item["id"], item["moved_by"]) == ("change", "field", "station.code", "git")
    assert item["edits"] == [
        {"path": "type", "before": "string", "after": "text"},
        {"path": "schema.data_type", "before": "character varying", "after": "text"},
        {"path": "schema.max_length", "before": 255, "after": None},
    ]


def test_a_plan_as_json_has_refusals_and_distinguishes_null_from_missing(planned: Planned) -> None:
    (item,) = plans.plan_document(planned("field_meta_nested_removal"))["items"]
    assert item["edits"] == [{"path": "meta.note", "before": "as painted on the mast"}]
    (item,) = plans.plan_document(planned("field_removed", base=None, rows=3))["items"]
    assert (item["refused"], item["moved_by"], item["rows_at_risk"]) == ("uncaptured-live-work", "server", 3)


# Deploys

PRE, POST = revision("pre_0001_create"), revision("post_0001_add")


def test_the_last_line_of_a_deploy_summarises_it(planned: Planned) -> None:
    nothing = Deployed((), bootstrapped=False, pushed=EMPTY, post=(), verified=Verified(), seconds=0.25)
    assert results.deployed(nothing) == "Nothing to do: database and Directus equal the checkout (250 ms)"
    done = replace(nothing, pre=(PRE,), pushed=planned("collection_added"), post=(POST, POST), seconds=14.24)
    assert results.deployed(done) == "Deployed in 14.2 s: 1 pre, 1 change, 2 post; 0 rows at risk"
    policy = ResourceChange(Action.ADD, POLICIES, "a", (), ({"id": "1"},))
    access = ResourcePlan("access", (Judged(policy, Mover.GIT, None),))
    both = replace(done, families=(access, ResourcePlan("resources")))
    assert results.deployed(both) == "Deployed in 14.2 s: 1 pre, 1 change, 2 post, 1 change of access; 0 rows at risk"
    # Mode skip: the schema was left alone.
    skipped = replace(nothing, pre=(PRE,), pushed=None, seconds=1.0)
    assert results.deployed_document(skipped)["pushed"] is None
    assert results.deployed(skipped).startswith("Deployed in 1.0 s: 1 pre, 0 changes, 0 post")


# Checks


def test_a_check_names_the_differences_and_the_command_to_run(planned: Planned) -> None:
    equal = Checked({"pre": (), "post": ()}, bootstrap=False, plan=EMPTY)
    pending = replace(equal, pending={"pre": (), "post": (POST,)})
    deploy = "next: directus-sync deploy brings the checkout to the database"
    pull = "next: directus-sync pull captures what was changed in Directus"
    edited = planned("note_changed", base=None)
    for found, said in (
        (equal, "Nothing differs: database and Directus equal the checkout"),
        (pending, f"post: 1 revision pending (post_0001)\n{deploy}"),
        (replace(equal, plan=edited), f"{plans.plan(edited)}\n{pull}"),
        (
            replace(equal, bootstrap=True),
            f"Directus's own tables are missing, or older than the installed version\n{deploy}",
        ),
    ):
        assert results.checked(found) == said
        assert results.checked_document(found)["equal"] is (found is equal)
    assert results.checked_document(pending)["pending"] == {"pre": [], "post": ["post_0001"]}


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


def test_the_status_of_a_new_database_shows_what_is_missing() -> None:
    assert status() == (
        "database   h:5432/d\n"
        "pre        pre_0001\n"
        "post       nothing applied, checkout has post_0001\n"
        "snapshot   ffffffffffff, none recorded\n"
        "deployed   never\n"
        "lock       free"
    )


@pytest.mark.parametrize(("sha256", "text"), [("f" * 64, ", as recorded"), ("0" * 64, ", differs from the recorded")])
def test_a_status_compares_the_file_with_the_recorded_snapshot(sha256: str, text: str) -> None:
    assert f"snapshot   ffffffffffff{text}\n" in status(recorded_sha256=sha256)


def test_a_status_shows_the_last_deploy_a_later_failure_and_the_lock_holder() -> None:
    at, took = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), timedelta(seconds=2)
    deploy = Deploy(at, took, "box", "pre_0001", "post_0001", "11.17.4", "f" * 64, 1, 2, [], ["events.notes differs"])
    text = status(deploy=deploy, lock_holder="directus-sync deploy box:7 (pid 42)")
    assert "deployed   2026-01-02 03:04:05 UTC by box, in 2.0 s" in text
    assert "note       events.notes differs\n" in text
    assert text.endswith("box:7 (pid 42)")
    known = replace(deploy, account="node as trm_deploy", commit="c" * 40)
    text = status(deploy=known, failure=Failure(at, "box", "lock-timeout"))
    assert "UTC by node as trm_deploy on box, in 2.0 s, commit cccccccccccc\n" in text
    assert "failed     2026-01-02 03:04:05 UTC on box: lock-timeout\n" in text


# Words


def test_contents_are_counted_by_section(live: Snapshot) -> None:
    assert results.contents(live) == "2 collections, 21 fields, 1 relation"
