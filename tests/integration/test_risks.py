"""Rows at risk are counted in every table, for every type that Directus creates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest

from directus_sync.postgres import database
from directus_sync.probes import risks
from directus_sync.schema.plan import Hazard, Risk
from tests.conftest import Copying, Tool
from tests.databases import identifier

ODD = ['quo"te', "50%", "a?b", "Upper Case", "x" * 63]


@pytest.fixture(scope="module")
def tool(copied: Copying) -> Iterator[Tool]:
    """The tool, on one database for all tests. Each test creates its own tables."""
    with copied("bootstrapped") as found:
        yield Tool(found)


def counted(tool: Tool, risk: Risk) -> int:
    with database.connect(tool.settings, "test") as connection:
        return risks.count(connection, [risk])[risk]


@pytest.mark.parametrize("target", ["geometry(LineString,4326)", "text", "character varying(3)"])
def test_rows_are_counted_for_a_change_of_a_geometry_s_type(settled: Tool, target: str) -> None:
    assert counted(settled, Risk(Hazard.RETYPE, "geofences", "geometry", target)) == 0


@pytest.mark.parametrize("name", ODD)
def test_rows_are_counted_in_tables_with_odd_names(tool: Tool, name: str) -> None:
    quoted = identifier(name)
    tool.database.execute(f"CREATE TABLE public.{quoted} ({quoted} text); INSERT INTO public.{quoted} VALUES ('a')")
    assert counted(tool, Risk(Hazard.TABLE, name)) == 1
    assert counted(tool, Risk(Hazard.COLUMN, name, name)) == 1
    assert counted(tool, Risk(Hazard.RETYPE, name, name, "integer")) == 1


@pytest.mark.parametrize(
    ("kind", "value", "key", "of", "rows"),
    [
        ("integer", "5", "numeric(10,5)", "5", 0),
        ("numeric(10,5)", "5", "integer", "5", 0),
        ("text", "007", "integer", "7", 0),
        ("text", "x", "integer", "7", 1),
        ("text", "6F2B5C1E-0D3A-5B8E-9A51-3C0D5F6B7A01", "uuid", "6f2b5c1e-0d3a-5b8e-9a51-3c0d5f6b7a01", 0),
        ("text", "abcd", "character varying(3)", "abc", 1),
    ],
)
def test_rows_without_a_target_are_counted_even_if_types_differ(
    tool: Tool, kind: str, value: str, key: str, of: str, rows: int
) -> None:
    tool.database.execute(
        f"DROP TABLE IF EXISTS keys, refs; CREATE TABLE keys (id {key} PRIMARY KEY); INSERT INTO keys VALUES ('{of}');"
        f" CREATE TABLE refs (key {kind}); INSERT INTO refs VALUES ('{value}'), (NULL)"
    )
    assert counted(tool, Risk(Hazard.REFERENCE, "refs", "key", refers=("keys", "id"))) == rows


# An index row holds at most about 2,700 bytes. A value that can be compressed may be longer.
NOISE = "substr((SELECT string_agg(md5(n::text), '') FROM generate_series(1, 100) AS n), 1, {})"
LINE = "st_setsrid((SELECT st_makeline(st_makepoint(sqrt(n), sqrt(n + 1))) FROM generate_series(1, {}) AS n), 4326)"


@pytest.mark.parametrize(
    ("kind", "value", "rows"),
    [
        ("text", NOISE.format(2692), 0),
        ("text", NOISE.format(2693), 1),
        ("text", "repeat('a', 100000)", 0),
        ("text", f"repeat('a', 5000) || {NOISE.format(2300)}", 0),
        ("text", f"repeat('a', 5000) || {NOISE.format(2500)}", 1),
        ("geometry", LINE.format(100), 0),
        ("geometry", LINE.format(1000), 1),
    ],
)
def test_values_too_long_for_an_index_are_counted(tool: Tool, kind: str, value: str, rows: int) -> None:
    tool.database.execute(
        f"DROP TABLE IF EXISTS longer; CREATE TABLE longer (id serial, value {kind});"
        f" INSERT INTO longer SELECT 1, {value}"
    )
    assert counted(tool, Risk(Hazard.INDEX, "longer", "value")) == rows
    made = "SELECT count(*) FROM pg_indexes WHERE tablename = 'longer'"
    with suppress(psycopg.errors.ProgramLimitExceeded):
        tool.database.execute("CREATE INDEX ON longer (value)")
    assert tool.database.value(made) == 1 - rows
