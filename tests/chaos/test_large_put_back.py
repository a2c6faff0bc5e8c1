"""A deploy is killed while it restores a constraint of a large table. The next one drops or attaches the index."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.blows import KILL
from tests.chaos.moments import WAITING, WE_WAIT, Moment, locked, wait_for
from tests.chaos.runs import OURS, End, Line, assert_converges
from tests.conftest import Database, Tool
from tests.processes import until

NAME = "events_organization_id_slug_key"
# 70 MB of events. Replica mode skips triggers, which would take ten times as long.
LARGE = f"""
ALTER TABLE events DROP CONSTRAINT {NAME};
INSERT INTO organizations (id, name, slug) VALUES ('00000000-0000-4000-8000-000000000001', 'Club', 'club');
SET session_replication_role = replica;
INSERT INTO events (id, name, slug, organization_id, discipline, starts_at, ends_at, timezone, notes)
SELECT gen_random_uuid(), 'Rally', 'rally-' || number, '00000000-0000-4000-8000-000000000001', 'rally', now(),
  now() + interval '1 day', 'Europe/Tirane', repeat(md5(number::text), 60) FROM generate_series(1, 36000) AS number"""
VALID = (
    "SELECT indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid WHERE starts_with(relname, 'directus_sync_new_')"
)
ROWS = "SELECT count(*) FROM events"


@pytest.fixture
def large(deployed: Tool) -> Database:
    """A database with a large table that lost a constraint."""
    deployed.database.execute("ALTER TABLE events ALTER notes SET STORAGE PLAIN")
    deployed.database.execute(LARGE)
    deployed.database.execute("ALTER TABLE events ALTER notes SET STORAGE EXTENDED")
    return deployed.database


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lock", "valid"), [("LOCK events IN ROW EXCLUSIVE MODE", False), ("LOCK events IN ACCESS SHARE MODE", True)]
)
def test_the_next_deploy_completes_a_killed_restore(
    large: Database, end_of_first_deploy: End, tmp_path: Path, lock: str, valid: bool
) -> None:
    line = Line(Tool(large), tmp_path)
    with line.running() as run, locked(large, lock):
        wait_for(Moment("waiting", WE_WAIT), run)
        KILL.strike(run)
        run.ended(KILL.seconds or 0)
        until(lambda: not large.value(f"{WAITING} {OURS}".replace("%%", "%")), 10)
    assert large.value(VALID) is valid
    assert_converges(line, end_of_first_deploy)
    assert large.value(ROWS) == 36000
