"""A deploy that cannot lock a table names the holder, lets readers pass, and continues once the table is free."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from directus_sync.commands import push
from directus_sync.errors import ApplyFailed
from directus_sync.output import Progress
from directus_sync.postgres import database as sessions
from directus_sync.postgres import patience
from directus_sync.settings import Settings
from directus_sync.steps.planning import Request
from tests.checkout import Checkout
from tests.conftest import Database, Tool
from tests.snapshots import edited, with_firmware

HOLDER = "a_forgotten_psql"


class ReleasingProgress(Progress):
    """Releases the held table once the push reports that it waits."""

    def __init__(self, holder: psycopg.Connection) -> None:
        super().__init__()
        self.holder = holder
        self.said = ""

    def note(self, text: str) -> None:
        if text.startswith("Waiting for a table that others use"):
            self.said = text
            self.holder.rollback()


@contextmanager
def held(database: Database, table: str = "devices") -> Iterator[psycopg.Connection]:
    """Hold a table like a reader, in a transaction that has been open for two seconds."""
    with psycopg.connect(database.conninfo, application_name=HOLDER) as connection:
        connection.execute(f"SELECT count(*) FROM public.{table}")
        time.sleep(2.1)
        yield connection


def longest_wait(database: Database, until: threading.Event) -> float:
    """Read the table repeatedly until the event; return the longest time of a read, in seconds."""
    longest = 0.0
    with database.connect() as reader:
        while not until.is_set():
            started = time.monotonic()
            reader.execute("SELECT count(*) FROM public.devices")
            longest = max(longest, time.monotonic() - started)
            time.sleep(0.05)
    return longest


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, deployed: Tool, snapshot_file: Path) -> Settings:
    """Settings to push one new field of devices, with a lock timeout of 1 s instead of 4."""
    monkeypatch.setattr(sessions, "LOCK_MILLISECONDS", 1000)
    edited(snapshot_file, with_firmware)
    return dataclasses.replace(deployed.settings, snapshot=snapshot_file)


def test_push_waits_for_a_table_lets_readers_pass_and_succeeds(deployed: Tool, impatient: Settings) -> None:
    done = threading.Event()
    with held(deployed.database) as holder, ThreadPoolExecutor() as threads:
        reading = threads.submit(longest_wait, deployed.database, done)
        progress = ReleasingProgress(holder)
        try:
            push.run(impatient, Request(), progress)
        finally:
            done.set()
    assert ": devices: held for " in progress.said
    assert f"by {HOLDER} (pid " in progress.said
    assert "idle in transaction)" in progress.said
    assert reading.result() < 5
    column = "SELECT count(*) FROM information_schema.columns WHERE (table_name, column_name) = ('devices', 'firmware')"
    assert deployed.database.value(column) == 1


@pytest.mark.parametrize("worker", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_push_fails_naming_the_holder_of_a_table_and_leaves_no_copy(
    deployed: Tool, impatient: Settings, monkeypatch: pytest.MonkeyPatch, worker: bool
) -> None:
    monkeypatch.setattr(patience, "SECONDS", 1.0)
    before = deployed.database.contents()
    settings = dataclasses.replace(impatient, worker=worker)
    with held(deployed.database), pytest.raises(ApplyFailed, match="could not lock a table within 1 s") as failed:
        push.run(settings, Request(), Progress())
    assert "devices: held for" in str(failed.value)
    assert f"by {HOLDER} (pid " in str(failed.value)
    assert "pg_terminate_backend" in str(failed.value)
    assert deployed.database.contents() == before


@pytest.mark.slow
def test_a_failed_revision_or_restore_names_the_holder_of_a_table(deployed: Tool, tmp_path: Path) -> None:
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
