"""The helpers for revisions accept every name and every condition."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg2
import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from directus_sync.errors import PreconditionFailed
from migrations import ddl
from tests.conftest import Tool

MADE = """
CREATE TABLE public."Order" (id serial PRIMARY KEY, "order" text, "Select" text, "a ""b"" %" text);
CREATE TABLE public."user" (LIKE public."Order")"""
ROWS = """
INSERT INTO public."Order" ("order", "Select") VALUES ('x', 'y'), ('x', 'y');
INSERT INTO public."user" SELECT * FROM public."Order\""""
COLUMNS = ("order", "Select", 'a "b" %')
TABLES = ("Order", "user")


@pytest.fixture
def made(bootstrapped: Tool) -> Iterator[Tool]:
    """A database with oddly named tables, in which a revision runs."""
    bootstrapped.database.execute(MADE)
    conninfo = bootstrapped.database.conninfo
    engine = sa.create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(conninfo))
    with engine.connect() as connection:
        connection.execute(sa.text("SET search_path TO public, pg_temp"))
        connection.commit()
        context = MigrationContext.configure(connection, opts={"transaction_per_migration": True})
        with context.begin_transaction(_per_migration=True), Operations.context(context):
            yield bootstrapped


@pytest.mark.parametrize("large", [False, True])
def test_a_unique_with_odd_names_is_added_once_and_dropped(made: Tool, large: bool) -> None:
    for table in TABLES:
        for _ in range(2):
            ddl.add_unique(table, COLUMNS, f"Of {table}", large=large)
        assert ddl.table_exists(table)
        ddl.require_columns(table, COLUMNS)
        ddl.drop_unique(table, f"Of {table}")


def test_rows_that_violate_a_constraint_with_odd_names_are_counted(made: Tool) -> None:
    made.database.execute(ROWS)
    for table in TABLES:
        with pytest.raises(PreconditionFailed, match=r"Of all can't be added: 1 key .*has more than one row"):
            ddl.add_unique(table, COLUMNS[:2], "Of all")
        with pytest.raises(PreconditionFailed, match=r"Of all can't be added: 2 rows .*violate CHECK"):
            ddl.add_check(table, "\"order\" LIKE '%z' OR \"Select\" = ':y'", "Of all")


@pytest.mark.usefixtures("made")
def test_a_check_can_have_any_condition() -> None:
    for table in TABLES:
        for _ in range(2):
            ddl.add_check(table, "\"order\" LIKE '%:z' AND id::text <> ':x' AND now() > '2026-06-06 12:30'", "Of all")
        ddl.drop_check(table, "Of all")


def test_an_index_with_an_odd_name_is_built_once(made: Tool) -> None:
    for table in TABLES:
        for _ in range(2):
            ddl.add_index(table, '"order" DESC', f"By {table}")
        assert made.database.value("SELECT count(*) FROM pg_class WHERE relname = %s", f"By {table}") == 1
