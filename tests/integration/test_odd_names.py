"""Tables, columns and constraints with unusual names are read, restored and named in messages."""

from __future__ import annotations

import pytest

from directus_sync.catalog import Catalog, Drift, Kind, Object, compare
from directus_sync.catalog import identifier as catalog_name
from directus_sync.errors import PreconditionFailed
from tests.catalogs import put_back, read
from tests.conftest import Cloning, Tool
from tests.databases import identifier

NAMES = ['quo"te.a', "50% of", "q?x#y", "Upper Case", "é" * 31 + "x"]


@pytest.fixture(scope="module")
def tool(clone: Cloning) -> Tool:
    """A database with a table of each name, its rows, and every kind of object that a catalog lists for a table."""
    found = Tool(clone("bootstrapped"))
    for name in NAMES:
        found.database.execute(
            """
            CREATE TABLE {table} (id serial CONSTRAINT {key} PRIMARY KEY, {column} text, "when" timestamptz NOT NULL);
            INSERT INTO {table} ({column}, "when") VALUES ('a', now()), ('a', now());
            ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({column} <> 'b');
            ALTER TABLE {table} ADD CONSTRAINT {unique} UNIQUE (id, {column});
            CREATE INDEX {index} ON {table} (lower({column}));
            COMMENT ON TABLE {table} IS '100% of it''s name';
            COMMENT ON COLUMN {table}.{column} IS 'a column';
            CREATE TRIGGER {trigger} BEFORE UPDATE ON {table} FOR EACH ROW
              EXECUTE FUNCTION suppress_redundant_updates_trigger();
            """.format(
                table=identifier(name),
                column=_named(name, "c"),
                **{part: _named(name, part) for part in ("key", "check", "unique", "index", "trigger")},
            )
        )
    return found


def _named(name: str, part: str) -> str:
    return identifier(f"{name[:20]} {part}")


def test_lost_objects_with_odd_names_are_restored(tool: Tool) -> None:
    expected = read(tool)
    for name in NAMES:
        table = identifier(name)
        tool.database.execute(
            f"ALTER TABLE {table} DROP CONSTRAINT {_named(name, 'check')};"
            f" ALTER TABLE {table} DROP CONSTRAINT {_named(name, 'unique')};"
            f" DROP INDEX {_named(name, 'index')}; DROP TRIGGER {_named(name, 'trigger')} ON {table};"
            f" COMMENT ON TABLE {table} IS NULL; COMMENT ON COLUMN {table}.{_named(name, 'c')} IS NULL"
        )
    assert {found.kind for found in compare(expected, read(tool))} == {Drift.MISSING}
    assert len(put_back(tool, expected)) == 6 * len(NAMES)
    assert read(tool) == expected


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("definition", "what"),
    [
        ("UNIQUE ({c})", "1 key of {name} ({c}) has more than one row"),
        ("CHECK ({c} = 'c')", "2 rows of {name} violate CHECK ({c} = 'c')"),
        ("FOREIGN KEY ({c}) REFERENCES public.{table}({other})", "1 key of {name} ({c}) is not in {table}"),
    ],
    ids=["unique", "check", "foreign key"],
)
def test_rows_that_violate_an_object_with_an_odd_name_are_counted(
    tool: Tool, name: str, definition: str, what: str
) -> None:
    tool.database.execute("CREATE TABLE IF NOT EXISTS others (code text CONSTRAINT others_code_key UNIQUE)")
    parts = {"c": _named(name, "c"), "name": name, "table": "others", "other": "code"}
    item = Object(Kind.CONSTRAINT, f"{catalog_name(name)}.wanted")
    expected = Catalog({**read(tool).definitions, item: definition.format(**parts)})
    with pytest.raises(PreconditionFailed) as caught:
        put_back(tool, expected)
    assert caught.value.what == f"{item} can't be put back: {what.format(**parts)}"


def test_hypertables_with_odd_names_are_recreated(tool: Tool) -> None:
    tables = [f"{name[:20]} h" for name in NAMES]
    for table in tables:
        tool.database.execute(
            f"CREATE TABLE {identifier(table)} (ts timestamptz NOT NULL);"
            f" SELECT create_hypertable(format('%I', $t${table}$t$)::regclass, by_range('ts', INTERVAL '1 day'),"
            " create_default_indexes => false)"
        )
    expected = read(tool)
    # PostgreSQL drops only one hypertable per statement.
    dropped = "; ".join(f"DROP TABLE {identifier(table)}" for table in tables)
    tool.database.execute(dropped)
    made = {str(Object(Kind.HYPERTABLE, catalog_name(table))) for table in tables}
    assert made <= set(put_back(tool, expected))
    assert read(tool) == expected
    tool.database.execute(dropped)
