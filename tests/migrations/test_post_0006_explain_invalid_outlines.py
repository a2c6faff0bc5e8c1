from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.course import AREA, BOW_TIE, insert_all


def test_the_message_for_an_invalid_outline_needs_no_search_path(session: psycopg.Connection[Any]) -> None:
    insert_all(session)
    session.execute("SET search_path TO pg_catalog")
    shape = Jsonb(BOW_TIE)
    with pytest.raises(psycopg.errors.CheckViolation) as caught, session.transaction():
        session.execute(
            "UPDATE public.geofences SET geometry = public.ST_GeomFromGeoJSON(%s) WHERE id = %s", (shape, AREA)
        )
    assert caught.value.diag.message_primary == (
        "The outline of Area is no area: self-intersection at longitude 19.85000, latitude 41.35000."
        " Draw it without crossing itself."
    )
    assert caught.value.diag.constraint_name == "geofences_geometry_check"
