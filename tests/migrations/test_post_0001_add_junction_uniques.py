from __future__ import annotations

from tests.migrations.revising import Standing, refusal

NAME = "organization_vehicles_organization_id_vehicle_id_key"


def test_duplicates_are_counted_and_named_and_the_revision_is_undone(standing_at: Standing) -> None:
    revised = standing_at("post@base")
    revised.database.execute(
        "INSERT INTO organizations (id, name, slug) SELECT gen_random_uuid(), 'org ' || n, 'org-' || n"
        " FROM generate_series(1, 7) AS n;"
        "INSERT INTO vehicles (id, make, model) VALUES ('00000000-0000-4000-8000-000000000001', 'Toyota', 'HZJ 78');"
        "INSERT INTO organization_vehicles (id, organization_id, vehicle_id)"
        " SELECT gen_random_uuid(), id, '00000000-0000-4000-8000-000000000001'"
        " FROM organizations, generate_series(1, 3)"
    )
    refused = refusal(revised.upgrade, "post_0001")
    assert f"{NAME} can't be added: 7 keys of organization_vehicles" in refused
    assert refused.count("00000000-0000-4000-8000-000000000001)  3 rows") == 5
    assert "and 2 more" in refused
    assert "keep one row of each key, then run again" in refused
    # The earlier constraints of the revision are undone, too.
    assert revised.database.value("SELECT count(*) FROM pg_constraint WHERE conname ~ '^organization_.*_id_key$'") == 0


def test_an_existing_constraint_is_left_alone(standing_at: Standing) -> None:
    revised = standing_at("post_0001")
    oid = f"SELECT oid FROM pg_constraint WHERE conname = '{NAME}'"
    before = revised.database.value(oid)
    revised.database.execute("DELETE FROM directus_sync.alembic_version WHERE version_num = 'post_0001'")
    revised.upgrade("post_0001")
    assert revised.database.value(oid) == before


def test_another_constraint_with_the_same_name_is_an_error(standing_at: Standing) -> None:
    revised = standing_at("post@base")
    revised.database.execute(f"ALTER TABLE organization_vehicles ADD CONSTRAINT {NAME} UNIQUE (vehicle_id)")
    refused = refusal(revised.upgrade, "post_0001")
    assert f"organization_vehicles has another constraint named {NAME}: UNIQUE (vehicle_id)" in refused
    assert f"ALTER TABLE organization_vehicles DROP CONSTRAINT {NAME}" in refused
