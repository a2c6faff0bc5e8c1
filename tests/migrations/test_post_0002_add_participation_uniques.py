from __future__ import annotations

from tests.conftest import Tool


def test_a_missing_column_is_named(deployed: Tool) -> None:
    assert deployed.alembic("downgrade", "post_0001").code == 0
    deployed.database.execute("ALTER TABLE entries DROP COLUMN race_number")
    refused = deployed.alembic("upgrade", "post_0002")
    assert refused.code != 0
    assert "columns race_number of table entries do not exist yet" in refused.err
    # transaction_per_migration: what the revision had done before is undone.
    assert (
        deployed.database.value("SELECT count(*) FROM pg_constraint WHERE conname = 'classes_event_id_code_key'") == 0
    )


def test_two_classes_of_one_code_belong_to_two_events(deployed: Tool) -> None:
    deployed.database.execute(
        "INSERT INTO organizations (id, name, slug) VALUES (gen_random_uuid(), 'MCA', 'mca');"
        "INSERT INTO events (id, organization_id, name, slug, discipline, starts_at, ends_at)"
        " SELECT gen_random_uuid(), id, slug || n, slug || n, 'rally', now(), now() + INTERVAL '1 day'"
        " FROM organizations, generate_series(1, 2) AS n;"
        "INSERT INTO classes (id, event_id, code, name) SELECT gen_random_uuid(), id, 'M-1', 'M-1' FROM events"
    )
    assert deployed.database.value("SELECT count(*) FROM classes WHERE code = 'M-1'") == 2
