"""The demonstration track in a real hypertable: written, repeated and refused; and `make positions` itself."""

from __future__ import annotations

import sys
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest

from tests.commands import finished
from tests.conftest import Cloning, Finished, Tool
from tests.events import DEVICES, register
from tools.positions.track import Fix, fixes

START = datetime(2026, 6, 6, 6, tzinfo=UTC)


def write(tool: Tool, *arguments: str) -> Finished:
    return finished([sys.executable, "-m", "tools.positions", *arguments], tool.environ)


@pytest.fixture
def registered(deployed: Tool) -> Tool:
    """A deployed database with the test entry and its devices."""
    register(deployed.database)
    return deployed


def last_line(tool: Tool, *arguments: str) -> tuple[int, str]:
    done = write(tool, *arguments)
    return done.code, done.out.splitlines()[-1]


def test_positions_are_written_once_for_the_test_entry(registered: Tool) -> None:
    assert last_line(registered, "--minutes", "10") == (0, "Wrote 1800 positions, 0 exist already")
    columns = [field.name for field in fields(Fix) if field.name != "fault"]
    stored = registered.database.rows(f"SELECT {', '.join(columns)}, faulty FROM positions ORDER BY ts, device_id")
    assert stored == [
        (*(getattr(fix, column) for column in columns), fix.fault is not None)
        for fix in fixes(DEVICES, START, 10 * 60, seed=1)
    ]
    assert last_line(registered, "--minutes", "10") == (0, "Wrote 0 positions, 1800 exist already")
    assert last_line(registered, "--minutes", "11", "--seed", "2") == (0, "Wrote 180 positions, 1800 exist already")


def test_a_dry_run_prints_the_positions_and_writes_nothing(registered: Tool) -> None:
    shown = write(registered, "--minutes", "20", "--dry-run")
    assert (shown.code, shown.out.splitlines()[-1]) == (3, "Would write 3600 positions, 0 exist already"), shown.text
    assert registered.database.value("SELECT count(*) FROM positions") == 0
    assert registered.database.value("SELECT count(*) FROM show_chunks('positions')") == 0

    *lines, _ = write(registered, "--minutes", "20").out.splitlines()
    assert lines == shown.out.splitlines()[:-1]
    counted = registered.database.rows(
        "SELECT device_id, count(*), count(*) FILTER (WHERE faulty) FROM positions GROUP BY 1 ORDER BY 1"
    )
    assert [line.partition(" (")[0] for line in lines] == [
        f"  {device}  2026-06-06T08:00:00+02:00 to 2026-06-06T08:19:59+02:00: {count} fixes, {faulty} of them faulty"
        for device, count, faulty in counted
    ]
    assert last_line(registered, "--minutes", "20", "--dry-run") == (0, "Would write 0 positions, 3600 exist already")


def test_devices_and_start_can_be_chosen(deployed: Tool) -> None:
    device = "350000000000099"
    options = ("--devices", device, device, "--start", "2026-06-06T23:59:00Z", "--minutes", "2")
    assert last_line(deployed, *options) == (0, "Wrote 120 positions, 0 exist already")
    found = deployed.database.rows("SELECT device_id, min(ts), max(ts) FROM positions GROUP BY device_id")
    midnight = datetime(2026, 6, 7, tzinfo=UTC)
    assert found == [(device, midnight - timedelta(minutes=1), midnight + timedelta(seconds=59))]
    assert deployed.database.value("SELECT count(*) FROM show_chunks('positions')") == 2


def test_a_database_that_is_not_ready_is_refused_with_the_next_command(empty: Tool, clone: Cloning) -> None:
    def refused(tool: Tool, said: str) -> None:
        done = write(tool)
        assert (done.code, done.out) == (2, ""), done.text
        assert said in done.err

    refused(empty.with_settings(DB_DATABASE="not_there"), "error[database-unavailable]: ")
    refused(empty, "positions is missing, or lacks columns: device_id, ")
    assert empty.alembic("upgrade", "pre_0003").code == 0
    refused(empty, "positions is missing, or lacks columns: faulty\n  next:  make migrate")
    assert empty.alembic("upgrade", "pre@head").code == 0
    refused(empty, "this database has no entries: it was never deployed\n  next:  make migrate")
    refused(
        Tool(clone("deployed")),
        "there is no test entry with devices: number 301 of rally-albania-2026\n"
        "  next:  make seed, or name the devices with --devices",
    )


def test_make_positions_writes_to_the_database_of_the_environment(registered: Tool) -> None:
    made = finished(["make", "positions", "ARGS=--minutes 1"], registered.environ)
    assert made.code == 0, made.text
    assert made.out.endswith("Wrote 180 positions, 0 exist already\n")
