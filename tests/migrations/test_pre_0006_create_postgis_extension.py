from __future__ import annotations

import pytest

from tests.conftest import RunningDirectus
from tests.migrations.revising import Standing

# The tables and views that PostGIS makes in schema public.
RELATIONS = {"geography_columns", "geometry_columns", "spatial_ref_sys"}


def test_the_extension_stays_on_downgrade_and_may_already_exist(standing_at: Standing) -> None:
    revised = standing_at("pre_0005")
    assert revised.database.value("SELECT count(*) FROM pg_extension WHERE extname = 'postgis'") == 1
    revised.upgrade("pre_0006")


@pytest.mark.slow
def test_postgis_s_tables_and_views_are_not_collections(directus: RunningDirectus) -> None:
    found = directus.database.rows(
        "SELECT relname::text FROM pg_class c JOIN pg_depend d ON d.objid = c.oid AND d.deptype = 'e'"
        " JOIN pg_extension e ON e.oid = d.refobjid AND extname = 'postgis' WHERE relkind IN ('r', 'v')"
    )
    assert {name for (name,) in found} == RELATIONS
    served = {entry["collection"] for entry in directus.http.get("/collections").json()["data"]}
    assert not served & RELATIONS
