"""A deploy that cannot lock a table says who holds it, lets readers pass, and goes on once it is free."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from directus_sync.commands import push
from directus_sync.errors import ApplyFailed
from directus_sync.output import Progress
from directus_sync.steps import pushing
from directus_sync.steps.planning import Request
from tests.checkout import Checkout
from tests.conftest import Database, Tool
from tests.snapshots import edited, with_firmware

HOLDER = "a_forgotten_psql"


@contextmanager
def held(database: Database, table: str = "devices") -> Iterator[psycopg.Connection]:
    """Hold a table as a reader does, in a transaction that has been open for a while, until the block ends it."""
    with psycopg.connect(database.conninfo, application_name=HOLDER) as connection:
        connection.execute(f"SELECT count(*) FROM public.{table}")
        time.sleep(2.1)
        yield connection


def longest_wait(database: Database, until: threading.Event) -> float:
    """Read the table again and again, and return the longest time that took, in seconds."""
    longest = 0.0
    with database.connect() as reader:
        while not until.is_set():
            started = time.monotonic()
            reader.execute("SELECT count(*) FROM public.devices")
            longest = max(longest, time.monotonic() - started)
            time.sleep(0.05)
    return longest


def test_a_push_waits_for_a_table_lets_readers_pass_and_ends_well(deployed: Tool, snapshot_file: Path) -> None:
    edited(snapshot_file, with_firmware)
    done = threading.Event()
    waits: list[float] = []
    reading = threading.Thread(target=lambda: waits.append(longest_wait(deployed.database, done)))
    with held(deployed.database) as holder:
        reading.start()
        process = deployed.start("push", "--snapshot", snapshot_file)
        assert process.stderr is not None
        said = next(line for line in process.stderr if line.startswith("Waiting for a table that others use"))
        holder.rollback()
        pushed = deployed.wait_for(process)
        done.set()
        reading.join()
    assert pushed.code == 0, pushed.text
    assert ": devices: held for " in said
    assert f"by {HOLDER} (pid " in said
    assert "idle in transaction)" in said
    # Directus gives up after 4 s.
    assert waits[0] < 8


def test_a_table_that_stays_held_ends_the_push_with_its_holder_and_no_copy(
    deployed: Tool, snapshot_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited(snapshot_file, with_firmware)
    monkeypatch.setattr(pushing, "PATIENCE_SECONDS", 3.0)
    before = deployed.database.contents()
    settings = deployed.with_settings(DIRECTUS_SYNC_WORKER="off").settings
    with held(deployed.database), pytest.raises(ApplyFailed, match="could not lock a table within 3 s") as failed:
        push.run(dataclasses.replace(settings, snapshot=snapshot_file), Request(), Progress())
    assert "devices: held for" in str(failed.value)
    assert f"by {HOLDER} (pid " in str(failed.value)
    assert "pg_terminate_backend" in str(failed.value)
    assert deployed.database.contents() == before


@pytest.mark.slow
def test_a_revision_and_a_put_back_name_the_holder(deployed: Tool, tmp_path: Path) -> None:
    checkout = Checkout.with_revision(
        tmp_path, 'execute("ALTER TABLE devices ADD COLUMN lent boolean")', 'drop_column("devices", "lent")'
    )
    with held(deployed.database):
        refused = checkout.sync(deployed, "deploy")
    assert refused.code == 1, refused.text
    assert f"by {HOLDER} (pid " in refused.err

    deployed.database.execute("ALTER TABLE entries DROP CONSTRAINT entries_race_number_check")
    with held(deployed.database, "entries"):
        refused = deployed("deploy")
    assert refused.code == 1, refused.text
    assert "entries: held for" in refused.err
    assert f"by {HOLDER} (pid " in refused.err
