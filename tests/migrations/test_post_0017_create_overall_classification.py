"""The overall classification of an event after several stages."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.course import CLASS, EVENT, ROWS, an_id, insert, insert_all

Connection = psycopg.Connection[Any]
HOUR = 3_600_000


@pytest.fixture
def event(session: Connection) -> Connection:
    """A session with an event that has two finished stages, an open one, and no results."""
    insert_all(session)
    session.execute("DELETE FROM entry_penalties; DELETE FROM stage_results")
    insert(session, "classes", {**ROWS["classes"], "id": an_id("second class"), "code": "S-1"})
    stage = ROWS["stages"]
    session.execute("UPDATE stages SET status = 'official'")
    for name, place, status in (("two", 20, "closed"), ("three", 30, "open")):
        insert(session, "stages", {**stage, "id": an_id(name), "name": name, "sort_order": place, "status": status})
    return session


def drives(
    session: Connection, number: int, *results: tuple[str, int | None], status: str = "started", second: bool = False
) -> None:
    """Add an entry with a result in each stage. A result is a status and a number of hours."""
    entry, of_class = an_id(f"entry {number}"), an_id("second class") if second else CLASS
    row = {**ROWS["entries"], "id": entry, "race_number": number, "status": status, "class_id": of_class}
    insert(session, "entries", row)
    for stage, (result, hours) in zip((ROWS["stages"]["id"], an_id("two"), an_id("three")), results, strict=False):
        time = None if hours is None else hours * HOUR
        insert(
            session,
            "stage_results",
            {
                "stage_id": stage, "entry_id": entry, "class_id": of_class, "status": result, "raw_time_ms": time,
                "total_time_ms": time, "penalty_seconds": 5,
            },
        )  # fmt: skip


def standing(session: Connection, fields: str = "race_number, position_overall, position_class") -> list[Any]:
    found = session.execute(
        f"SELECT {fields} FROM overall_classification o JOIN entries e ON e.id = o.entry_id WHERE o.event_id = %s"
        " ORDER BY position_overall NULLS LAST, race_number",
        (EVENT,),
    )
    return found.fetchall()


def test_the_total_time_of_finished_stages_decides_overall_and_in_class(event: Connection) -> None:
    drives(event, 11, ("finished", 2), ("finished", 2), ("finished", 90))
    drives(event, 12, ("finished", 2), ("finished", 1), second=True)
    drives(event, 13, ("finished", 3), ("finished", 3), second=True)
    assert standing(event) == [(12, 1, 1), (11, 2, 1), (13, 3, 2)]
    fields = "race_number, stages, stages_finished, total_time_ms, penalty_seconds, gap_ms, class_gap_ms"
    assert standing(event, fields) == [
        (12, 2, 2, 3 * HOUR, 10, 0, 0),
        (11, 2, 2, 4 * HOUR, 10, HOUR, 0),
        (13, 2, 2, 6 * HOUR, 10, 3 * HOUR, 3 * HOUR),
    ]


def test_an_entry_with_more_finished_stages_is_before_a_faster_one_with_fewer(event: Connection) -> None:
    drives(event, 11, ("finished", 1))
    drives(event, 12, ("finished", 5), ("finished", 5))
    drives(event, 13, ("finished", 1), ("over_time", 3))
    assert standing(event, "race_number, position_overall, gap_ms") == [(12, 1, 0), (13, 2, None), (11, 3, None)]


def test_entries_with_equal_times_are_ordered_by_the_first_stage_or_share_a_place(event: Connection) -> None:
    drives(event, 11, ("finished", 3), ("finished", 1))
    drives(event, 12, ("finished", 1), ("finished", 3))
    drives(event, 13, ("finished", 1), ("finished", 3))
    drives(event, 14, ("finished", 4), ("finished", 4))
    assert standing(event) == [(12, 1, 1), (13, 1, 1), (11, 3, 3), (14, 4, 4)]


@pytest.mark.parametrize("status", ["dnf", "dns", "dq"])
def test_an_entry_that_is_out_has_no_position(event: Connection, status: str) -> None:
    drives(event, 11, ("finished", 1), ("finished", 1), status=status)
    drives(event, 12, ("finished", 2), ("finished", 2))
    assert standing(event) == [(12, 1, 1), (11, None, None)]


def test_an_entry_that_is_disqualified_in_a_stage_or_has_no_time_has_no_position(event: Connection) -> None:
    drives(event, 11, ("finished", 1), ("dq", 1))
    drives(event, 12, ("dnf", None))
    drives(event, 13, ("finished", 2), ("finished", 2))
    assert standing(event) == [(13, 1, 1), (11, None, None), (12, None, None)]


def test_a_classification_is_official_when_all_its_results_are(event: Connection) -> None:
    drives(event, 11, ("finished", 1), ("finished", 1))
    event.execute(
        "UPDATE stage_results SET publication = 'official', published_at = now() WHERE stage_id <> %s", (an_id("two"),)
    )
    assert standing(event, "is_official") == [(False,)]
    event.execute("UPDATE stage_results SET publication = 'official', published_at = now()")
    assert standing(event, "is_official") == [(True,)]
