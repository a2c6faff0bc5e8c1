"""The processor's queries on a real hypertable: answers equal to plain Python, and plans that use the indexes."""

from __future__ import annotations

import itertools
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import psycopg2
import pytest

from tests.conftest import ROOT, Cloning, Database
from tests.events import EVENT, register
from tools.bench.positions import load, queries
from tools.bench.positions.outcome import Size
from tools.positions import store
from tools.positions.track import Fix, fixes

MIDNIGHT = datetime(2026, 6, 7, tzinfo=UTC)
START = MIDNIGHT - timedelta(minutes=20)
LONG_AGO, FAR_AHEAD = MIDNIGHT - timedelta(days=30), MIDNIGHT + timedelta(days=30)
# Two devices that move, one with only faulty fixes, one without fixes, and one that is not registered.
MOVING = ("350000000003011", "350000000003012")
FAULTY, SILENT, UNKNOWN = "350000000003013", "350000000003014", "350000000003015"

OTHER_EVENT = "00000000-0000-4000-8000-000000000002"

Rows = list[tuple[Any, ...]]
Execute = Callable[..., Rows]


@contextmanager
def prepared(database: Database, *, mode: str = "auto", explain: str = "") -> Iterator[Execute]:
    """Yield a function that executes one of the prepared queries by name."""
    with database.connect() as connection:
        connection.execute(f"SET plan_cache_mode = {mode}")
        connection.execute(store.QUERIES.read_text(encoding="utf-8"))
        cursor = psycopg.ClientCursor(connection)

        def execute(name: str, *values: object) -> Rows:
            statement = f"{explain} EXECUTE {name} ({', '.join(['%s'] * len(values))})"
            return cursor.execute(statement, values).fetchall()

        yield execute


@contextmanager
def psycopg2_connection(database: Database) -> Iterator[Any]:
    """Yield a psycopg2 connection, as the code under test expects."""
    with closing(psycopg2.connect(database.conninfo)) as connection:
        connection.autocommit = True
        yield connection


# Answers


@pytest.fixture(scope="module")
def track() -> list[Fix]:
    """Fixes of forty minutes around a midnight, where one chunk ends."""
    moving = list(fixes([*MOVING, UNKNOWN], START, 40 * 60, seed=7))
    faulty = [fix for fix in fixes([FAULTY], START, 40 * 60, seed=7) if fix.fault]
    assert faulty
    return moving + faulty


@pytest.fixture(scope="module")
def small(clone: Cloning, track: list[Fix]) -> Database:
    database = clone("deployed")
    register(database, {302: MOVING[1:], 301: [SILENT, MOVING[0], FAULTY]})
    with psycopg2_connection(database) as connection:
        assert store.write(connection, track, keep=True) == len(track)
    return database


@pytest.fixture
def execute(small: Database) -> Iterator[Execute]:
    with prepared(small) as found:
        yield found


def good_fixes(track: list[Fix], device: str, since: datetime, until: datetime = FAR_AHEAD) -> Rows:
    """Return the expected rows: a device's good fixes in a window, ordered by time."""
    return sorted(
        (fix.ts, fix.latitude, fix.longitude, fix.altitude, fix.angle, fix.speed, fix.satellites)
        for fix in track
        if fix.device_id == device and fix.fault is None and since <= fix.ts < until
    )


def test_last_position_returns_the_last_good_fix(execute: Execute, small: Database, track: list[Fix]) -> None:
    for device in (*MOVING, FAULTY, SILENT, UNKNOWN, "no such device"):
        assert execute("last_position", device) == good_fixes(track, device, LONG_AGO)[-1:]
    # This also holds if the last fix is marked as faulty later.
    *_, before, last = good_fixes(track, MOVING[0], LONG_AGO)
    with small.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute("UPDATE positions SET faulty = true WHERE device_id = %s AND ts = %s", (MOVING[0], last[0]))
        connection.execute(store.QUERIES.read_text(encoding="utf-8"))
        assert psycopg.ClientCursor(connection).execute("EXECUTE last_position (%s)", MOVING[:1]).fetchall() == [before]


@pytest.mark.parametrize("since", [LONG_AGO, MIDNIGHT + timedelta(days=1)])
def test_last_positions_of_event_returns_a_row_for_each_device(
    execute: Execute, track: list[Fix], since: datetime
) -> None:
    assert execute("last_positions_of_event", OTHER_EVENT, since) == []
    expected = []
    for number, device in [(301, MOVING[0]), (301, FAULTY), (301, SILENT), (302, MOVING[1])]:
        last = (good_fixes(track, device, since) or [(None,) * 7])[-1]
        expected.append((number, device, *last[:3], *last[4:6]))
    assert execute("last_positions_of_event", EVENT, since) == expected


def test_positions_in_window_includes_the_start_and_excludes_the_end(execute: Execute, track: list[Fix]) -> None:
    windows = [
        (START, START + timedelta(minutes=40)),
        (MIDNIGHT - timedelta(minutes=5), MIDNIGHT + timedelta(minutes=5)),
        (MIDNIGHT, MIDNIGHT + timedelta(seconds=1)),
        (MIDNIGHT, MIDNIGHT),
    ]
    for device, window in itertools.product((MOVING[0], FAULTY, SILENT), windows):
        assert execute("positions_in_window", device, *window) == good_fixes(track, device, *window)


@pytest.mark.parametrize("device", [MOVING[0], SILENT])
@pytest.mark.parametrize("seconds", [1, 30, 3600])
def test_gaps_in_window_returns_long_gaps_between_good_fixes(
    execute: Execute, track: list[Fix], device: str, seconds: int
) -> None:
    window = (START, START + timedelta(minutes=40))
    times = [row[0] for row in good_fixes(track, device, *window)]
    longer = timedelta(seconds=seconds)
    expected = [pair for pair in itertools.pairwise(times) if pair[1] - pair[0] > longer]
    assert bool(expected) == (device in MOVING and seconds <= 30)
    assert execute("gaps_in_window", device, *window, longer) == expected


def test_the_example_in_docs_positions_works_in_psql(small: Database, track: list[Fix]) -> None:
    page = (ROOT / "docs" / "positions.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^PGPASSWORD.*?\)\"$", page, re.MULTILINE | re.DOTALL)
    environ = {**small.environ, "DB_DATABASE": small.name}
    done = subprocess.run(["bash", "-c", example], cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    last, latitude, *_ = good_fixes(track, MOVING[0], LONG_AGO)[-1]
    assert f" {last:%Y-%m-%d %H:%M:%S}+00 |" in done.stdout
    assert f" {latitude} |" in done.stdout


# Plans

SIZE = Size(devices=125, days=3, seconds=200)
DAYS = [load.START + timedelta(days=day) for day in range(SIZE.days)]
WINDOW = (DAYS[1] + timedelta(seconds=50), DAYS[1] + timedelta(seconds=110))
EACH_MODE = pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])


def filled(database: Database, size: Size) -> Database:
    for day in DAYS:
        rows = load.ROWS.format(seconds=size.seconds, devices=size.devices, day=day.isoformat())
        database.execute(f"INSERT INTO positions ({load.NAMES}) SELECT {load.NAMES} FROM ({rows}) AS made")
    database.execute("ANALYZE")
    return database


@pytest.fixture(scope="module")
def large(clone: Cloning) -> Database:
    """Three chunks of 125 devices each."""
    database = clone("deployed")
    with psycopg2_connection(database) as connection:
        load.register(connection, SIZE.devices)
    return filled(database, SIZE)


@pytest.fixture(scope="module")
def few_devices(clone: Cloning) -> Database:
    """Three devices, one of which sent nothing after the first day."""
    database = filled(clone("deployed"), Size(devices=3, days=3, seconds=5000))
    database.execute(f"DELETE FROM positions WHERE device_id = '{load.imei(1)}' AND ts >= '{DAYS[1].isoformat()}'")
    database.execute("VACUUM ANALYZE")
    return database


def planned(database: Database, mode: str, name: str, *values: object) -> Mapping[str, Any]:
    explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)"
    with prepared(database, mode=mode, explain=explain) as execute:
        ((plans,),) = execute(name, *values)
    return dict(plans[0]["Plan"])


ARGUMENTS: Mapping[str, Sequence[object]] = {
    "last_position": (load.imei(7),),
    "last_positions_of_event": (load.EVENT, DAYS[0]),
    "position_before": (load.imei(7), WINDOW[0]),
    "positions_in_window": (load.imei(7), *WINDOW),
    "gaps_in_window": (load.imei(7), *WINDOW, timedelta(seconds=10)),
}


@EACH_MODE
def test_every_query_uses_an_index_and_a_window_reads_only_its_chunk(large: Database, mode: str) -> None:
    assert re.findall(r"^PREPARE (\w+)", store.QUERIES.read_text(encoding="utf-8"), re.MULTILINE) == list(ARGUMENTS)
    for name, values in ARGUMENTS.items():
        plan = planned(large, mode, name, *values)
        found = queries.access(plan)
        assert found, plan
        if name.startswith("last_"):
            assert found == {"last_positions": 1}, plan
        else:
            assert set(found) <= {"positions_faulty_idx", "positions_device_ts"}, plan
        if name.endswith("_in_window"):
            assert sum(found.values()) == 1, plan
            # The planner excludes chunks if it knows the values; otherwise TimescaleDB excludes them at startup.
            excluded = sum(node.get("Chunks excluded during startup", 0) for node in queries.nodes(plan))
            assert excluded == (0 if mode == "force_custom_plan" else 2)


@EACH_MODE
@pytest.mark.parametrize(("device", "chunks"), [(1, 3), (2, 1)])
def test_position_before_stops_at_the_newest_chunk_with_a_fix(
    few_devices: Database, mode: str, device: int, chunks: int
) -> None:
    """The first device sent nothing after the first day."""
    plan = planned(few_devices, mode, "position_before", load.imei(device), FAR_AHEAD)
    assert plan["Actual Rows"] == 1
    assert set(queries.access(plan)) <= {"positions_faulty_idx", "positions_device_ts"}
    searched = [node for node in queries.nodes(plan) if "Index Name" in node and node["Actual Loops"]]
    assert len(searched) == chunks
    # A lookup reads one page of each of three index levels and one page of the table.
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] <= chunks * 4


def test_position_before_returns_the_last_good_fix_before_a_time(execute: Execute, track: list[Fix]) -> None:
    for device in (MOVING[0], FAULTY, SILENT):
        for time in (LONG_AGO, MIDNIGHT, MIDNIGHT + timedelta(minutes=5), FAR_AHEAD):
            assert execute("position_before", device, time) == good_fixes(track, device, LONG_AGO, time)[-1:]
