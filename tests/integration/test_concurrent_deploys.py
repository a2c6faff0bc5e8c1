"""Any number of replicas may boot at once: one works, the others wait and find nothing to do."""

from __future__ import annotations

from directus_sync.catalog import file as catalog_file
from directus_sync.postgres.lock import LOCK_KEY
from directus_sync.state.revisions import checkout_head
from tests.catalogs import CATALOG, read
from tests.conftest import Tool


def test_four_deploys_at_once_on_an_empty_database(empty: Tool) -> None:
    processes = [empty.start("deploy") for _ in range(4)]
    finished = [empty.wait_for(process, timeout=300) for process in processes]

    assert [done.code for done in finished] == [0, 0, 0, 0], "\n".join(done.text for done in finished)
    assert sorted(done.out.startswith("Nothing to do") for done in finished) == [False, True, True, True]
    assert sum("Waiting for the migration lock" in done.err for done in finished) == 3
    assert empty.database.value("SELECT count(*) FROM directus_sync.deploys WHERE changes > 0") == 1
    assert catalog_file.dump(read(empty)) == CATALOG.read_bytes()


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


def test_the_lock_is_of_one_database(settled: Tool, empty: Tool) -> None:
    with empty.database.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        assert settled.with_settings(DIRECTUS_SYNC_LOCK_WAIT="0").alembic("upgrade", "post@head").code == 0


def test_alembic_by_itself_takes_the_same_lock(settled: Tool) -> None:
    with settled.database.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        impatient = settled.with_settings(DIRECTUS_SYNC_LOCK_WAIT="0")
        refused = impatient.alembic("upgrade", "post@head")
        assert refused.code != 0
        assert "lock-timeout" in refused.err
        # Looking needs no lock.
        assert checkout_head("post") in impatient.alembic("current").out
