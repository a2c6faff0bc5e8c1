"""Indexes of large tables are built outside the revision's transaction, also after a killed run."""

from __future__ import annotations

from pathlib import Path

import pytest

from directus_sync.postgres import database, limits
from tests.checkout import Checkout
from tests.conftest import Tool

ADD_INDEX = 'get_bind(); ddl.add_index("positions", "device_id, ts DESC", "positions_large")'
ADD_UNIQUE = 'get_bind(); ddl.add_unique("vehicles", ("make", "model"), "vehicles_large_key", large=True)'
POSITIONS = """
INSERT INTO positions (device_id, ts, latitude, longitude, altitude, angle, speed, satellites, priority, codec,
  attributes) SELECT gen_random_uuid(), '2026-06-06'::timestamptz + day * interval '1 day', 41, 19, 0, 0, 0, 9, 1, '8E',
  '{}' FROM generate_series(1, 3) AS day"""
INDEXES = "SELECT count(*) FROM pg_index WHERE indisvalid AND indexrelid::regclass::text ~ '{}'"


def revised(folder: Path, upgrade: str) -> Checkout:
    """Return a checkout with a new revision that uses the helpers."""
    checkout = Checkout.with_revision(folder, upgrade, "get_bind()", branch="post")
    (path,) = (folder / "migrations" / "versions" / "post").glob("*_change_it.py")
    imports = "from alembic import op\n"
    path.write_text(path.read_text().replace(imports, f"{imports}\nfrom migrations import ddl\n"))
    return checkout


@pytest.fixture
def filled(deployed: Tool) -> Tool:
    """A database with three chunks of positions."""
    deployed.database.execute(POSITIONS)
    return deployed


def test_an_index_of_a_hypertable_is_built_chunk_by_chunk(filled: Tool, tmp_path: Path) -> None:
    checkout = revised(tmp_path, ADD_INDEX)
    for _ in range(2):
        done = checkout.alembic(filled, "upgrade", "post@head")
        assert done.code == 0, done.text
        # One index for the table, and one for each chunk.
        assert filled.database.value(INDEXES.format("positions_large")) == 4
        back = f"SET version_num = '{checkout.base}' WHERE version_num = '{checkout.head}'"
        filled.database.execute(f"UPDATE directus_sync.alembic_version {back}")
    # As after a killed run.
    filled.database.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'positions_large'::regclass")
    assert checkout.alembic(filled, "upgrade", "post@head").code == 0
    assert filled.database.value(INDEXES.format("positions_large")) == 4


def test_a_unique_of_a_large_table_is_built_concurrently_and_attached(deployed: Tool, tmp_path: Path) -> None:
    checkout = revised(tmp_path, ADD_UNIQUE)
    constraint = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'vehicles_large_key'"
    deployed.database.execute("CREATE UNIQUE INDEX vehicles_large_key ON vehicles (make, model)")
    invalid = "SET indisvalid = false WHERE indexrelid = 'vehicles_large_key'::regclass"
    deployed.database.execute(f"UPDATE pg_index {invalid}")
    done = checkout.alembic(deployed, "upgrade", "post@head")
    assert done.code == 0, done.text
    assert deployed.database.value(constraint) == "UNIQUE (make, model)"


def test_a_note_warns_when_chunks_need_many_of_the_server_s_locks(
    filled: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.connect(filled.settings, "test") as connection:
        assert limits.near_lock_limit(connection) == ()
        monkeypatch.setattr(limits, "SHARE", 0.0)
        (said,) = limits.near_lock_limit(connection)
    assert said.startswith("positions has 3 chunks with ")
    assert "max_locks_per_transaction" in said
