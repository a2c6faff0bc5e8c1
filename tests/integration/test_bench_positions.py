"""The positions benchmark at a small size. It fails unless both tables hold the same rows and give the same answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.conftest import Cloning, Database
from tools.bench import positions
from tools.bench.errors import BenchError
from tools.bench.positions import load, queries
from tools.bench.positions.outcome import Kind, Size

SIZE = Size(devices=3, days=3, seconds=1000, batch=400)


@pytest.fixture
def databases(clone: Cloning) -> dict[Kind, Database]:
    return {kind: clone("deployed") for kind in Kind}


@pytest.fixture
def connections(databases: dict[Kind, Database]) -> Iterator[dict[Kind, Any]]:
    with ExitStack() as opened:
        found = {
            kind: opened.enter_context(closing(psycopg2.connect(database.conninfo)))
            for kind, database in databases.items()
        }
        for connection in found.values():
            connection.autocommit = True
        yield found


def test_both_tables_get_the_same_rows_and_every_query_is_timed(
    databases: dict[Kind, Database], connections: dict[Kind, Any], tmp_path: Path
) -> None:
    indexes = "SELECT replace(indexdef, ' ONLY', '') FROM pg_indexes WHERE tablename = 'positions' ORDER BY indexname"
    before = databases[Kind.HYPERTABLE].rows(indexes)

    outcome = positions.compare(connections, SIZE, 2, tmp_path)

    hypertable, plain = (databases[kind] for kind in Kind)
    rows = f"SELECT {load.NAMES} FROM positions ORDER BY ts, device_id"
    assert hypertable.rows(rows) == plain.rows(rows)
    assert len(plain.rows(rows)) == SIZE.rows
    assert hypertable.value("SELECT count(*) FROM show_chunks('positions')") == SIZE.days
    assert plain.value("SELECT count(*) FROM timescaledb_information.hypertables") == 0
    assert plain.rows(indexes) == before
    assert 0 < plain.value("SELECT count(*) FILTER (WHERE faulty) FROM positions") < SIZE.rows / 10

    prepared = re.findall(r"^PREPARE (\w+)", queries.statements(), re.MULTILINE)
    assert {case.query for case in outcome.queries} == set(prepared)
    for kind in Kind:
        assert outcome.loaded[kind].copied > 0
        assert outcome.loaded[kind].inserted > 0
        assert outcome.bytes[kind].rows > 0
        assert outcome.bytes[kind].indexes > 0
        for readings in outcome.queries.values():
            assert len(readings[kind].milliseconds) == 2
            assert readings[kind].access
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_earlier_days_are_loaded_too(connections: dict[Kind, Any], tmp_path: Path) -> None:
    outcome = positions.compare(connections, replace(SIZE, days=4, earlier=2), 1, tmp_path)
    assert outcome.size.copied == SIZE.a_day
    for connection in connections.values():
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*), count(DISTINCT date_trunc('day', ts)) FROM positions")
            assert cursor.fetchone() == (4 * SIZE.a_day, 4)


def test_the_benchmark_fails_if_rows_are_missing_or_differ(connections: dict[Kind, Any], tmp_path: Path) -> None:
    load.make_plain(connections[Kind.PLAIN])
    load.fill(connections, SIZE, tmp_path)
    with connections[Kind.PLAIN].cursor() as cursor:
        cursor.execute("UPDATE positions SET altitude = altitude + 1")
        with pytest.raises(BenchError, match=r"last_position.* has another answer in the plain table"):
            queries.ask(connections, SIZE, 1)
        cursor.execute("TRUNCATE positions")
        cursor.execute("CREATE RULE lost AS ON INSERT TO positions DO INSTEAD NOTHING")
    with connections[Kind.HYPERTABLE].cursor() as cursor:
        cursor.execute("TRUNCATE positions")
    with pytest.raises(BenchError, match="positions has 6000 rows, not 9000"):
        load.fill(connections, SIZE, tmp_path)


@pytest.mark.slow
def test_the_benchmark_reports_a_failed_statement(connections: dict[Kind, Any], tmp_path: Path) -> None:
    with connections[Kind.HYPERTABLE].cursor() as cursor:
        cursor.execute("ALTER TABLE positions ADD CONSTRAINT never CHECK (latitude < 0)")
    with pytest.raises(BenchError, match=r"(?s)PostgreSQL refused a statement.*never"):
        positions.compare(connections, SIZE, 1, tmp_path)
