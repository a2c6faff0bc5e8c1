from __future__ import annotations

import psycopg
import pytest

from tests.conftest import Tool
from tests.course import AREA, BOW_TIE, ROWS, insert, insert_all


def test_the_message_says_what_is_wrong_and_where(deployed: Tool) -> None:
    with deployed.database.connect() as connection:
        insert_all(connection)
        # Whoever has another search path is told all the same.
        connection.execute("SET search_path TO pg_catalog")
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            connection.execute(
                "UPDATE public.geofences SET geometry = (SELECT public.ST_MakePolygon(public.ST_MakeLine(ARRAY["
                "public.ST_SetSRID(public.ST_MakePoint(19.8, 41.3), 4326), public.ST_SetSRID(public.ST_MakePoint(19.9,"
                " 41.4), 4326), public.ST_SetSRID(public.ST_MakePoint(19.9, 41.3), 4326),"
                " public.ST_SetSRID(public.ST_MakePoint(19.8, 41.4), 4326),"
                " public.ST_SetSRID(public.ST_MakePoint(19.8, 41.3), 4326)]))) WHERE id = %s",
                (AREA,),
            )
    assert caught.value.diag.message_primary == (
        "The outline of Area is no area: self-intersection at longitude 19.85000, latitude 41.35000."
        " Draw it without crossing itself."
    )
    assert caught.value.diag.constraint_name == "geofences_geometry_check"


def test_without_it_the_check_holds(deployed: Tool) -> None:
    assert deployed.alembic("downgrade", "post_0005").code == 0
    with deployed.database.connect() as connection:
        insert(connection, "organizations", ROWS["organizations"])
        insert(connection, "events", ROWS["events"])
        with pytest.raises(psycopg.errors.CheckViolation, match="violates check constraint"):
            insert(connection, "geofences", {**ROWS["geofences"], "geometry": BOW_TIE})
