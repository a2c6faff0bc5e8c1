from __future__ import annotations

from tests.conftest import Tool
from tests.course import AREA, BOW_TIE, ROWS, insert


def test_an_outline_that_crosses_itself_is_in_the_way(deployed: Tool) -> None:
    assert deployed.alembic("downgrade", "post_0004").code == 0
    with deployed.database.connect() as connection:
        for table in ("organizations", "events"):
            insert(connection, table, ROWS[table])
        insert(connection, "geofences", {**ROWS["geofences"], "geometry": BOW_TIE})
    refused = deployed.alembic("upgrade", "post_0005")
    assert refused.code != 0
    assert "geofences_geometry_check can't be added: 1 row of geofences violates CHECK (ST_IsValid(geom" in refused.err
    assert f"({AREA})" in refused.err

    deployed.database.execute("UPDATE geofences SET geometry = ST_MakeValid(ST_Envelope(geometry))")
    assert deployed.alembic("upgrade", "post@head").code == 0
