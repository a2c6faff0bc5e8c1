"""Fills both tables. Owns the rows, which PostgreSQL generates, and the clock while they are written."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from directus_sync.postgres.database import Connection
from tools.bench.errors import BenchError
from tools.bench.positions.outcome import Bytes, Kind, Loaded, Size
from tools.bench.scenario import in_turn
from tools.devstack.progress import step
from tools.positions.store import COLUMNS

Connections = Mapping[Kind, Connection]

START: Final = datetime(2026, 6, 6, tzinfo=UTC)
EVENT: Final = "00000000-0000-4000-8000-000000000001"


class Way(NamedTuple):
    """A coordinate in degrees, linear in stage, second and device. begin: its start; the others: the step of each."""

    begin: float
    stage: float
    second: float
    device: float

    def at(self, stage: int, second: int, device: int) -> float:
        """Return the coordinate of a device in a second of a stage."""
        return self.begin + self.stage * stage + self.second * second + self.device * device

    @property
    def sql(self) -> str:
        """Return the coordinate as SQL, from the columns `stage`, `second` and `device`."""
        return f"({self.begin} + {self.stage} * stage + {self.second} * second + {self.device} * device)"


# The devices drive side by side, less than a metre apart, at 29 km/h. The stages are 2 km apart.
LONGITUDE: Final = Way(19.8, 0, -0.00003, 0.00001)
LATITUDE: Final = Way(41.3, 0.05, 0.00007, 0)
# A fix of each device for each second, in the order of arrival. 2 in 100 fixes are faulty, 20 in a row.
ROWS: Final = f"""\
SELECT imei AS device_id, ts, ts + interval '1.5 s' AS ingested_at,
  {LATITUDE.sql} AS latitude, {LONGITUDE.sql} AS longitude,
  20 + second % 90 AS altitude, (second * 7 + device) % 360 AS angle, 40 + (second + device) % 60 AS speed,
  8 + (second + device) % 8 AS satellites, 0 AS priority, '8E' AS codec,
  format('{{{{"16": %s, "21": %s, "66": %s, "67": %s, "239": 1, "240": 1}}}}',
    second * 20, 1 + second % 5, 13700 + second % 200, 4040 + device % 20)::jsonb AS attributes,
  (second + 37 * device) % 1000 < 20 AS faulty
FROM generate_series(0, {{seconds}} - 1) AS second,
  (SELECT device, (350000000000000 + device)::text AS imei FROM generate_series(1, {{devices}}) AS device) AS devices,
  LATERAL (SELECT date '{{day}}' - date '{START:%Y-%m-%d}' + 1 AS stage) AS today,
  LATERAL (SELECT timestamptz '{{day}}' + second * interval '1 s' AS ts) AS time
ORDER BY second, device"""

NAMES: Final = ", ".join(COLUMNS)
COPIED: Final = f"COPY (SELECT {NAMES} FROM ({ROWS}) AS made) TO STDOUT"
# Prints each row as SQL: (..., ...).
SPELLED: Final = (
    "COPY (SELECT '(' || concat_ws(', ', " + ", ".join(f"quote_literal({name})" for name in COLUMNS) + ") || ')'"
    f" FROM ({ROWS}) AS made) TO STDOUT"
)


def imei(device: int) -> str:
    """Return the IMEI of a device. Numbers of devices start at 1."""
    return str(350_000_000_000_000 + device)


def make_plain(connection: Connection) -> None:
    """Replace the hypertable with a plain table that has the same columns and indexes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = 'positions'")
        indexes = [definition for (definition,) in cursor.fetchall()]
        cursor.execute("CREATE TABLE plain (LIKE positions INCLUDING DEFAULTS)")
        cursor.execute("DROP TABLE positions")
        cursor.execute("ALTER TABLE plain RENAME TO positions")
        for definition in indexes:
            cursor.execute(definition)


def register(connection: Connection, devices: int) -> None:
    """Create an event with an entry for each device; its ids are the same in every database."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            CREATE TEMPORARY TABLE made AS
            SELECT device, md5('entry ' || device)::uuid AS entry, gen_random_uuid() AS id
            FROM generate_series(1, {devices}) AS device;
            INSERT INTO organizations (id, name, slug) VALUES ('{EVENT}', 'Bench', 'bench');
            INSERT INTO events (id, organization_id, name, slug, discipline, starts_at, ends_at)
            VALUES ('{EVENT}', '{EVENT}', 'Bench', 'bench', 'rally', '2026-06-06Z', '2026-06-14Z');
            INSERT INTO classes (id, event_id, code, name) VALUES ('{EVENT}', '{EVENT}', 'C-1', 'C-1');
            INSERT INTO devices (id, imei, model)
            SELECT id, (350000000000000 + device)::text, 'FMB920' FROM made;
            INSERT INTO entries (id, event_id, class_id, race_number, status)
            SELECT entry, '{EVENT}', '{EVENT}', device, 'started' FROM made;
            INSERT INTO entry_devices (id, entry_id, device_id) SELECT gen_random_uuid(), entry, id FROM made;
            ANALYZE;
            """
        )


def fill(connections: Connections, size: Size, folder: Path) -> dict[Kind, Loaded]:
    """Load all days into both tables. For each day or batch, the tables take turns in coming first.

    Raises BenchError if a table does not have all rows in the end.
    """
    days = [START + timedelta(days=day) for day in range(size.days)]
    _make_earlier(connections, size, days[: size.earlier])
    *copied, last = days[size.earlier :]
    path = folder / "positions.txt"
    copies = dict.fromkeys(Kind, 0.0)
    for number, day in enumerate(copied):
        with step(f"  day {size.earlier + number + 1} of {size.days}, by COPY"):
            _make(connections[Kind.HYPERTABLE], COPIED, size, day, path)
            for kind in in_turn([*Kind], number):
                copies[kind] += _copy(connections[kind], path)
    with step(f"  day {size.days} of {size.days}, in batches of {size.batch}"):
        _make(connections[Kind.HYPERTABLE], SPELLED, size, last, path)
        inserts = dict.fromkeys(Kind, 0.0)
        for number, statement in enumerate(_statements(path, size.batch)):
            for kind in in_turn([*Kind], number):
                inserts[kind] += _execute(connections[kind], statement)
    path.unlink()
    with step("  VACUUM and ANALYZE"):
        for connection in connections.values():
            _execute(connection, "VACUUM (ANALYZE) positions")
            _require(connection, size.rows)
    return {kind: Loaded(copies[kind], inserts[kind]) for kind in Kind}


def _make_earlier(connections: Connections, size: Size, days: Sequence[datetime]) -> None:
    for number, day in enumerate(days):
        rows = ROWS.format(seconds=size.seconds, devices=size.devices, day=day.isoformat())
        with step(f"  day {number + 1} of {size.days}, made in the table"):
            for connection in connections.values():
                _execute(connection, f"INSERT INTO positions ({NAMES}) SELECT {NAMES} FROM ({rows}) AS made")


def sizes(connections: Connections) -> dict[Kind, Bytes]:
    """Return the size of each table on disk."""
    sql = {
        Kind.HYPERTABLE: "SELECT table_bytes + toast_bytes, index_bytes FROM hypertable_detailed_size('positions')",
        Kind.PLAIN: "SELECT pg_table_size('positions'), pg_indexes_size('positions')",
    }
    found = {}
    for kind, connection in connections.items():
        with connection.cursor() as cursor:
            cursor.execute(sql[kind])
            ((rows, indexes),) = cursor.fetchall()
        found[kind] = Bytes(int(rows), int(indexes))
    return found


def _make(connection: Connection, sql: str, size: Size, day: datetime, path: Path) -> None:
    with connection.cursor() as cursor, path.open("w", encoding="utf-8") as file:
        cursor.copy_expert(sql.format(seconds=size.seconds, devices=size.devices, day=day.isoformat()), file)


def _copy(connection: Connection, path: Path) -> float:
    with connection.cursor() as cursor, path.open(encoding="utf-8") as file:
        begun = time.perf_counter()
        cursor.copy_expert(f"COPY positions ({NAMES}) FROM STDIN", file)
        return time.perf_counter() - begun


def _statements(path: Path, batch: int) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        while rows := [line.rstrip("\n") for line in itertools.islice(file, batch)]:
            yield f"INSERT INTO positions ({NAMES}) VALUES {', '.join(rows)} ON CONFLICT (device_id, ts) DO NOTHING"


def _execute(connection: Connection, statement: str) -> float:
    with connection.cursor() as cursor:
        begun = time.perf_counter()
        cursor.execute(statement)
        return time.perf_counter() - begun


def _require(connection: Connection, rows: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM positions")
        ((found,),) = cursor.fetchall()
    if found != rows:
        raise BenchError(f"positions has {found} rows, not {rows}: the work was not done")
