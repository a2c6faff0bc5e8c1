"""A small part of the project's schema, for faster tests: comparing the whole schema takes three times as long."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

from tests.conftest import SNAPSHOT, RunningDirectus
from tests.snapshots import Document, edited

ROWS: Final = """
INSERT INTO vehicles (id, make, model, plate) VALUES (gen_random_uuid(), 'Toyota', 'Land Cruiser', 'AA 301 BB');
INSERT INTO devices (id, imei, model) VALUES (gen_random_uuid(), '350000000000001', 'FMB920')"""
COLLECTIONS: Final = frozenset(
    {"organisation", "organizations", "devices", "vehicles", "organization_devices", "organization_vehicles"}
)
# Fields that list rows of collections that are left out.
LISTS: Final = frozenset({"entries", "events", "organization_users"})


def file(folder: Path) -> Path:
    """Write the small snapshot into a folder; return its path."""
    folder.mkdir(exist_ok=True)
    return edited(Path(shutil.copy(SNAPSHOT, folder)), _leave_out)


def pushed(running: RunningDirectus) -> None:
    """Push the small snapshot, and insert a vehicle and a device."""
    with tempfile.TemporaryDirectory() as folder:
        done = running.tool("push", "--snapshot", file(Path(folder)))
    assert done.code == 0, done.text
    running.database.execute(ROWS)


def _leave_out(document: Document) -> None:
    for section in ("collections", "fields", "relations"):
        document[section] = [entry for entry in document[section] if entry["collection"] in COLLECTIONS]
    document["fields"] = [entry for entry in document["fields"] if entry["field"] not in LISTS]
