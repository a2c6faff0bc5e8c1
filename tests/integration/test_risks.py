"""Rows at risk are counted in every table and for every type that Directus makes."""

from __future__ import annotations

import pytest

from directus_sync.postgres import database
from directus_sync.probes import risks
from directus_sync.schema.plan import Hazard, Risk
from tests.conftest import Tool

ODD = ['quo"te', "50%", "a?b", "Upper Case", "x" * 63]


def counted(tool: Tool, risk: Risk) -> int:
    with database.connect(tool.settings, "test") as connection:
        return risks.count(connection, [risk])[risk]


@pytest.mark.parametrize("target", ["geometry(LineString,4326)", "text", "character varying(3)"])
def test_a_geometry_that_becomes_another_type_is_counted(deployed: Tool, target: str) -> None:
    assert counted(deployed, Risk(Hazard.RETYPE, "geofences", "geometry", target)) == 0


@pytest.mark.parametrize("name", ODD)
def test_rows_are_counted_whatever_the_names(deployed: Tool, name: str) -> None:
    quoted = '"{}"'.format(name.replace('"', '""'))
    deployed.database.execute(f"CREATE TABLE public.{quoted} ({quoted} text); INSERT INTO public.{quoted} VALUES ('a')")
    assert counted(deployed, Risk(Hazard.TABLE, name)) == 1
    assert counted(deployed, Risk(Hazard.COLUMN, name, name)) == 1
    assert counted(deployed, Risk(Hazard.RETYPE, name, name, "integer")) == 1
