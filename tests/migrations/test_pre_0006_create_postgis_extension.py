from __future__ import annotations

from tests.conftest import RunningDirectus, Tool

# What PostGIS puts into schema public beside functions and types.
RELATIONS = {"geography_columns", "geometry_columns", "spatial_ref_sys"}


def test_the_extension_is_created_once_and_stays_on_downgrade(empty: Tool) -> None:
    for arguments in (("upgrade", "pre_0006"), ("downgrade", "pre_0005"), ("upgrade", "pre_0006")):
        assert empty.alembic(*arguments).code == 0
        assert empty.database.value("SELECT count(*) FROM pg_extension WHERE extname = 'postgis'") == 1


def test_its_tables_and_views_are_nobody_s_collections(directus: RunningDirectus) -> None:
    found = directus.database.rows(
        "SELECT relname::text FROM pg_class c JOIN pg_depend d ON d.objid = c.oid AND d.deptype = 'e'"
        " JOIN pg_extension e ON e.oid = d.refobjid AND extname = 'postgis' WHERE relkind IN ('r', 'v')"
    )
    assert {name for (name,) in found} == RELATIONS
    served = {entry["collection"] for entry in directus.http.get("/collections").json()["data"]}
    assert not served & RELATIONS
    assert not any(name.encode() in directus.export() for name in RELATIONS)


def test_a_server_that_has_it_already_is_left_alone(empty: Tool) -> None:
    empty.database.execute("CREATE EXTENSION postgis")
    done = empty.alembic("upgrade", "pre@head")
    assert done.code == 0, done.text
