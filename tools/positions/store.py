"""Writes fixes to the database. Owns the check that the database is ready, and the COPY."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Final

from directus_sync.errors import WrongSettings
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from tools.positions.track import Fix

# The test entry in snapshots/seeds/.
EVENT: Final = "rally-albania-2026"
RACE_NUMBER: Final = 301

# Prepared statements, with the names in docs/positions.md.
QUERIES: Final = Path(__file__).with_name("queries.sql")

COLUMNS: Final = (*(field.name for field in fields(Fix) if field.name != "fault"), "faulty")


def devices_of_test_entry(connection: Connection) -> list[str]:
    """Return the IMEIs of the test entry's devices.

    Raises WrongSettings if the database was never deployed or seeded.
    """
    if not database.has(connection, "public.entry_devices"):
        raise WrongSettings("this database has no entries: it was never deployed", next="make migrate")
    found = database.query(
        connection,
        "SELECT devices.imei FROM events JOIN entries ON entries.event_id = events.id"
        " JOIN entry_devices ON entry_devices.entry_id = entries.id"
        " JOIN devices ON devices.id = entry_devices.device_id"
        " WHERE events.slug = %s AND entries.race_number = %s ORDER BY devices.imei",
        (EVENT, RACE_NUMBER),
    )
    if not found:
        raise WrongSettings(
            f"there is no test entry with devices: number {RACE_NUMBER} of {EVENT}",
            next="make seed, or name the devices with --devices",
        )
    return [imei for (imei,) in found]


def require_positions(connection: Connection) -> None:
    """Raise WrongSettings unless the table exists with all columns."""
    found = database.query(
        connection,
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass('public.positions') AND NOT attisdropped",
    )
    missing = [column for column in COLUMNS if (column,) not in found]
    if missing:
        raise WrongSettings(f"positions is missing, or lacks columns: {', '.join(missing)}", next="make migrate")


def write(connection: Connection, fixes: Iterable[Fix], *, keep: bool) -> int:
    """Add the fixes whose device and time are new, in one transaction, and return their number.

    keep: False rolls back.
    """
    names = ", ".join(COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        # Through a temporary table, because COPY has no ON CONFLICT.
        cursor.execute("CREATE TEMPORARY TABLE arrived (LIKE positions) ON COMMIT DROP")
        cursor.copy_expert(f"COPY arrived ({names}) FROM STDIN (FORMAT csv)", _csv(fixes))
        cursor.execute(
            f"INSERT INTO positions ({names}) SELECT {names} FROM arrived ON CONFLICT (device_id, ts) DO NOTHING"
        )
        added = cursor.rowcount
        cursor.execute("COMMIT" if keep else "ROLLBACK")
    return added


def _csv(fixes: Iterable[Fix]) -> io.StringIO:
    text = io.StringIO()
    writer = csv.writer(text)
    for fix in fixes:
        *plain, attributes = (getattr(fix, column) for column in COLUMNS[:-1])
        writer.writerow([*plain, json.dumps(attributes), fix.fault is not None])
    text.seek(0)
    return text
