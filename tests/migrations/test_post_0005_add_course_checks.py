from __future__ import annotations

from tests.course import AREA, BOW_TIE, ROWS, insert
from tests.migrations.revising import Standing, refusal


def test_the_revision_refuses_an_outline_that_crosses_itself(standing_at: Standing) -> None:
    revised = standing_at("post_0004")
    with revised.database.connect() as connection:
        for table in ("organizations", "events"):
            insert(connection, table, ROWS[table])
        insert(connection, "geofences", {**ROWS["geofences"], "geometry": BOW_TIE})
    refused = refusal(revised.upgrade, "post_0005")
    assert "geofences_geometry_check can't be added: 1 row of geofences violates CHECK (ST_IsValid(geom" in refused
    assert f"({AREA})" in refused
    revised.database.execute("UPDATE geofences SET geometry = ST_MakeValid(ST_Envelope(geometry))")
    revised.upgrade("post@head")
