from __future__ import annotations

import pytest

from tests.course import insert_all
from tests.migrations.revising import Revised, Standing, refusal


@pytest.fixture
def revised(standing_at: Standing) -> Revised:
    """A database before the revision, with a row in every collection."""
    found = standing_at("post_0013")
    with found.database.connect() as connection:
        insert_all(connection)
    return found


def test_missing_times_and_outcomes_are_filled_in(revised: Revised) -> None:
    database = revised.database
    database.execute(
        "UPDATE stages SET status = 'closed', opened_at = NULL, starts_at = '2026-06-07T07:00Z',"
        " closed_at = '2026-06-06T06:00Z';"
        "UPDATE stage_results SET publication = 'official', computed_at = '2026-06-07T08:00Z';"
        "UPDATE entry_penalties SET outcome = NULL; UPDATE penalty_formulas SET outcome = NULL"
    )
    revised.upgrade("post_0014")
    # A stage must not be closed before it is opened.
    assert database.value("SELECT opened_at = '2026-06-06T06:00Z' FROM stages")
    assert database.value("SELECT published_at = '2026-06-07T08:00Z' FROM stage_results")
    for table in ("entry_penalties", "penalty_formulas"):
        assert database.value(f"SELECT outcome FROM {table}") == "none"


def test_the_revision_refuses_a_penalty_with_other_seconds_than_it_counts(revised: Revised) -> None:
    revised.database.execute("UPDATE entry_penalties SET status = 'overridden', penalty_seconds = 60")
    refused = refusal(revised.upgrade, "post_0014")
    assert "entry_penalties_counts_check can't be added: 1 row of entry_penalties violates CHECK" in refused


def test_a_downgrade_allows_an_empty_outcome_again(revised: Revised) -> None:
    revised.upgrade("post_0014")
    revised.downgrade("post_0013")
    revised.database.execute("UPDATE entry_penalties SET outcome = NULL")
