from __future__ import annotations

import psycopg
import pytest

from tests.conftest import Tool
from tests.course import ROWS, insert


def test_a_missing_outline_is_refused_as_missing(deployed: Tool) -> None:
    without = {name: value for name, value in ROWS["geofences"].items() if name != "geometry"}
    with deployed.database.connect() as connection:
        insert(connection, "organizations", ROWS["organizations"])
        insert(connection, "events", ROWS["events"])
        with pytest.raises(psycopg.errors.NotNullViolation) as caught:
            insert(connection, "geofences", without)
    assert caught.value.diag.column_name == "geometry"


def test_its_downgrade_makes_the_trigger_as_it_was(deployed: Tool) -> None:
    definition = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'geofences_refuse_invalid_outline'"
    assert "WHEN (" in deployed.database.value(definition)
    assert deployed.alembic("downgrade", "post_0010").code == 0
    assert "WHEN (" not in deployed.database.value(definition)
