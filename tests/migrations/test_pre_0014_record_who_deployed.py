from __future__ import annotations

from tests.migrations.revising import Standing

COLUMNS = {"account", "image", "commit", "approved"}


def test_the_columns_and_the_table_are_created_and_dropped_on_downgrade(standing_at: Standing) -> None:
    revised = standing_at("pre_0013")
    assert (revised.columns("failures"), COLUMNS & revised.columns("deploys").keys()) == ({}, set())
    revised.upgrade("pre_0014")
    assert revised.columns("failures")
    assert revised.columns("deploys").keys() >= COLUMNS
