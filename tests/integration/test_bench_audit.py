"""The audit benchmark at a small size. It fails unless the rows and their records exist."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from tests.conftest import Tool
from tools.bench import audit
from tools.bench.errors import BenchError


@pytest.fixture
def connection(deployed: Tool) -> Iterator[Any]:
    with closing(psycopg2.connect(deployed.database.conninfo)) as opened:
        opened.autocommit = True
        yield opened


def test_crossings_are_timed_with_and_without_the_trigger(connection: Any) -> None:
    cost = audit.compare(connection, 400, 2)
    assert (cost.rows, len(cost.with_trigger), len(cost.without_trigger)) == (400, 2, 2)
    assert min(cost.with_trigger + cost.without_trigger) > 0


def test_the_benchmark_fails_if_the_trail_records_nothing(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION audit.record_insert() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RETURN NULL; END $$"
        )
    with pytest.raises(BenchError, match="the work was not done"):
        audit.compare(connection, 400, 1)
