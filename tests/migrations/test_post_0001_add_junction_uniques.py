from __future__ import annotations

from directus_sync.state.revisions import checkout_head
from tests.conftest import Tool

NAME = "organization_vehicles_organization_id_vehicle_id_key"


def test_duplicates_are_counted_and_named_before_anything_is_changed(deployed: Tool) -> None:
    assert deployed.alembic("downgrade", "post@base").code == 0
    deployed.database.execute(
        "INSERT INTO organizations (id, name, slug) SELECT gen_random_uuid(), 'org ' || n, 'org-' || n"
        " FROM generate_series(1, 7) AS n;"
        "INSERT INTO vehicles (id, make, model) VALUES ('00000000-0000-4000-8000-000000000001', 'Toyota', 'HZJ 78');"
        "INSERT INTO organization_vehicles (id, organization_id, vehicle_id)"
        " SELECT gen_random_uuid(), id, '00000000-0000-4000-8000-000000000001'"
        " FROM organizations, generate_series(1, 3)"
    )
    before = deployed.database.schema()
    refused = deployed.alembic("upgrade", "post@head")
    assert refused.code != 0
    assert f"{NAME} can't be added: 7 keys of organization_vehicles" in refused.err
    assert refused.err.count("00000000-0000-4000-8000-000000000001)  3 rows") == 5
    assert "and 2 more" in refused.err
    assert "keep one row of each key, then run again" in refused.err
    assert deployed.database.schema() == before

    deploying = deployed("deploy")
    assert deploying.code == 1, deploying.text
    assert "error[precondition-failed]" in deploying.err


def test_a_constraint_that_exists_is_left_alone(deployed: Tool) -> None:
    wanted = deployed.database.schema()
    assert deployed.alembic("stamp", checkout_head("pre"), "--purge").code == 0
    done = deployed.alembic("upgrade", "post@head")
    assert done.code == 0, done.text
    assert deployed.database.schema() == wanted


def test_another_constraint_of_the_name_is_an_error(deployed: Tool) -> None:
    assert deployed.alembic("downgrade", "post@base").code == 0
    deployed.database.execute(f"ALTER TABLE organization_vehicles ADD CONSTRAINT {NAME} UNIQUE (vehicle_id)")
    refused = deployed.alembic("upgrade", "post_0001")
    assert refused.code != 0
    assert f"organization_vehicles has another constraint named {NAME}: UNIQUE (vehicle_id)" in refused.err
