"""An event with its entries and devices, inserted with SQL because a seed would start a Directus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.conftest import Database

EVENT = "00000000-0000-4000-8000-000000000001"
# Equal to the test entry in snapshots/seeds/.
SLUG = "rally-albania-2026"
RACE_NUMBER = 301
DEVICES = ("350000000003011", "350000000003012", "350000000003013")


def register(database: Database, entries: Mapping[int, Sequence[str]] | None = None) -> None:
    """Create the event. entries: IMEIs by race number; the test entry by default."""
    with database.connect() as connection:
        connection.execute(
            f"INSERT INTO organizations (id, name, slug) VALUES ('{EVENT}', 'Club', 'club');"
            "INSERT INTO events (id, organization_id, name, slug, discipline, starts_at, ends_at)"
            f" VALUES ('{EVENT}', '{EVENT}', 'Rally', '{SLUG}', 'rally', '2026-06-06Z', '2026-06-14Z');"
            f"INSERT INTO classes (id, event_id, code, name) VALUES ('{EVENT}', '{EVENT}', 'C-2', 'C-2')"
        )
        for number, devices in (entries or {RACE_NUMBER: DEVICES}).items():
            connection.execute(
                "WITH entry AS (INSERT INTO entries (id, event_id, class_id, race_number, status)"
                " VALUES (gen_random_uuid(), %(event)s, %(event)s, %(number)s, 'started') RETURNING id),"
                " added AS (INSERT INTO devices (id, imei, model)"
                " SELECT gen_random_uuid(), imei, 'FMB920' FROM unnest(%(devices)s::text[]) AS imei RETURNING id)"
                "INSERT INTO entry_devices (id, entry_id, device_id)"
                " SELECT gen_random_uuid(), entry.id, added.id FROM entry, added",
                {"event": EVENT, "number": number, "devices": list(devices)},
            )
