"""Several replicas can boot at once: one deploys, the others wait and then find nothing to do."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from directus_sync.postgres import database, lock
from directus_sync.postgres.lock import LOCK_KEY
from directus_sync.revisions.branches import checkout_head
from tests.conftest import Tool


def test_a_deploy_that_waits_too_long_names_the_holder(settled: Tool) -> None:
    with settled.database.connect() as connection:
        connection.execute("SET application_name = 'somebody deploying'")
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        timed_out = settled.with_settings(DIRECTUS_SYNC_LOCK_WAIT="0.5")("deploy")
        status = settled("status")
    assert timed_out.code == 5, timed_out.text
    assert "held by somebody deploying (pid " in timed_out.err
    assert "lock       somebody deploying (pid " in status.out
    assert "lock       free" in settled("status").out


def test_the_lock_covers_only_one_database(settled: Tool, empty: Tool) -> None:
    with empty.database.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        assert settled.with_settings(DIRECTUS_SYNC_LOCK_WAIT="0").alembic("upgrade", "post@head").code == 0


def test_alembic_alone_takes_the_same_lock(settled: Tool) -> None:
    with settled.database.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        impatient = settled.with_settings(DIRECTUS_SYNC_LOCK_WAIT="0")
        refused = impatient.alembic("upgrade", "post@head")
        assert refused.code != 0
        assert "lock-timeout" in refused.err
        # Reading needs no lock.
        assert checkout_head("post") in impatient.alembic("current").out


@pytest.fixture
def stranger(settled: Tool) -> Iterator[psycopg.Connection[Any]]:
    """A session of a role without rights, which holds the advisory lock."""
    role = f"stranger_{settled.database.name}"
    settled.database.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'of-a-stranger'")
    conninfo = psycopg.conninfo.make_conninfo(settled.database.conninfo, user=role, password="of-a-stranger")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        yield connection
    settled.database.execute(f"DROP ROLE {role}")


def test_a_lock_held_by_a_role_without_rights_delays_nobody(settled: Tool, stranger: psycopg.Connection[Any]) -> None:
    impatient = settled.with_settings(DIRECTUS_SYNC_LOCK_WAIT="0")
    assert impatient("deploy").out.startswith("Nothing to do")
    done = impatient.alembic("upgrade", "post@head")
    assert done.code == 0, done.text
    assert "ignored, because its role may not deploy" in settled("status").out
    with pytest.raises(psycopg.errors.InsufficientPrivilege), stranger.transaction():
        stranger.execute("LOCK TABLE directus_sync.lock IN EXCLUSIVE MODE")


@pytest.mark.usefixtures("stranger")
def test_deploys_exclude_each_other_while_a_stranger_holds_the_lock(settled: Tool) -> None:
    impatient = settled.with_settings(DIRECTUS_SYNC_LOCK_WAIT="0")
    with database.connect(settled.settings, "deploy") as connection, lock.exclusive(connection, 0):
        refused = impatient("deploy")
        assert refused.code == 5, refused.text
        assert f"held by directus-sync deploy {socket.gethostname()}:{os.getpid()} (pid " in refused.err
        assert f"(pid {connection.info.backend_pid}," in refused.err
        assert impatient.alembic("upgrade", "post@head").code != 0
    assert impatient("deploy").code == 0
