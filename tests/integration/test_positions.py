"""The demonstration track in a real hypertable: written once, repeated, refused; and `make positions` itself."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import ROOT, Cloning, Finished, Tool
from tests.events import DEVICES, register
from tools.positions.track import fixes

START = datetime(2026, 6, 6, 6, tzinfo=UTC)


def write(tool: Tool, *arguments: str) -> Finished:
    done = subprocess.run(
        [sys.executable, "-m", "tools.positions", *arguments],
        cwd=ROOT,
        env=tool.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def registered(deployed: Tool) -> Tool:
    """A deployed database with the test entry and its devices."""
    register(deployed.database)
    return deployed


def test_the_test_entry_s_devices_get_a_track_once(registered: Tool) -> None:
    first = write(registered, "--minutes", "30")
    assert first.code == 0, first.text
    assert first.out.endswith("Wrote 5400 positions, 0 there already\n")
    stored = registered.database.rows(
        "SELECT device_id, ts, ingested_at, latitude, longitude, altitude, angle, speed, satellites, priority, codec,"
        " attributes, faulty FROM positions ORDER BY ts, device_id"
    )
    expected = fixes(DEVICES, START, 30 * 60, seed=1)
    assert stored == [
        (
            fix.device_id, fix.ts, fix.ingested_at, fix.latitude, fix.longitude, fix.altitude, fix.angle, fix.speed,
            fix.satellites, fix.priority, fix.codec, fix.attributes, fix.fault is not None,
        )
        for fix in expected
    ]  # fmt: skip

    again = write(registered, "--minutes", "30")
    assert (again.code, again.out.splitlines()[-1]) == (0, "Wrote 0 positions, 5400 there already"), again.text
    other = write(registered, "--minutes", "31", "--seed", "2")
    assert (other.code, other.out.splitlines()[-1]) == (0, "Wrote 180 positions, 5400 there already"), other.text
    assert registered.database.value("SELECT count(*) FROM positions") == 5580


def test_the_summary_counts_what_is_in_the_database(registered: Tool) -> None:
    shown = write(registered, "--minutes", "60").out
    counted = registered.database.rows(
        "SELECT device_id, count(*), count(*) FILTER (WHERE faulty) FROM positions GROUP BY 1 ORDER BY 1"
    )
    *lines, _ = shown.splitlines()
    assert [line.partition(" (")[0] for line in lines] == [
        f"  {device}  2026-06-06T08:00:00+02:00 to 2026-06-06T08:59:59+02:00: {count} fixes, {faulty} of them faulty"
        for device, count, faulty in counted
    ]


def test_a_dry_run_tells_the_same_and_writes_nothing(registered: Tool) -> None:
    shown = write(registered, "--minutes", "2", "--dry-run")
    assert (shown.code, shown.out.splitlines()[-1]) == (3, "Would write 360 positions, 0 there already"), shown.text
    assert registered.database.value("SELECT count(*) FROM positions") == 0
    assert registered.database.value("SELECT count(*) FROM show_chunks('positions')") == 0
    assert write(registered, "--minutes", "2").out.splitlines()[:-1] == shown.out.splitlines()[:-1]
    assert write(registered, "--minutes", "2", "--dry-run").code == 0


def test_any_devices_can_be_named_and_any_time(deployed: Tool) -> None:
    device = "350000000000099"
    options = ("--devices", device, device, "--start", "2026-06-06T23:59:00Z", "--minutes", "2")
    done = write(deployed, *options)
    assert (done.code, done.out.splitlines()[-1]) == (0, "Wrote 120 positions, 0 there already"), done.text
    ((found, first, last),) = deployed.database.rows(
        "SELECT device_id, min(ts), max(ts) FROM positions GROUP BY device_id"
    )
    midnight = datetime(2026, 6, 7, tzinfo=UTC)
    assert (found, first, last) == (device, midnight - timedelta(minutes=1), midnight + timedelta(seconds=59))
    assert deployed.database.value("SELECT count(*) FROM show_chunks('positions')") == 2


def test_a_database_that_is_not_ready_is_told_which_command_makes_it_so(empty: Tool, clone: Cloning) -> None:
    refused = write(empty)
    assert (refused.code, refused.out) == (2, ""), refused.text
    assert "positions is missing, or lacks columns: device_id, " in refused.err
    assert "next:  make migrate" in refused.err

    assert empty.alembic("upgrade", "pre_0003").code == 0
    assert "positions is missing, or lacks columns: faulty\n  next:  make migrate" in write(empty).err
    assert empty.alembic("upgrade", "pre@head").code == 0
    assert "this database has no entries: it was not deployed yet\n  next:  make migrate" in write(empty).err

    unseeded = write(Tool(clone("deployed")))
    assert (unseeded.code, unseeded.out) == (2, ""), unseeded.text
    assert "there is no test entry with devices: number 301 of rally-albania-2026" in unseeded.err
    assert "next:  make seed, or name the devices with --devices" in unseeded.err


def test_a_database_that_is_not_there_is_an_error_of_the_settings(empty: Tool) -> None:
    refused = write(empty.with_settings(DB_DATABASE="not_there"))
    assert refused.code == 2, refused.text
    assert refused.err.startswith("error[database-unavailable]: ")


def test_make_positions_writes_to_the_database_that_is_named(registered: Tool) -> None:
    made = subprocess.run(
        ["make", "positions", "ARGS=--minutes 1"],
        cwd=ROOT,
        env=registered.environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert made.stdout.endswith("Wrote 180 positions, 0 there already\n")
