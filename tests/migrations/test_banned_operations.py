"""No revision contains an operation that its branch bans, and the search finds banned operations."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa
from alembic import op

from directus_sync.revisions.branches import VERSIONS
from migrations import ddl
from tests import snapshots
from tests.conftest import SNAPSHOT
from tests.migrations.banned import findings, taken_from_elsewhere

REVISIONS = sorted(VERSIONS.glob("*/*.py"))
DOCUMENT = snapshots.load(SNAPSHOT.read_bytes())
TABLES = frozenset(entry["collection"] for entry in DOCUMENT["collections"] if entry.get("schema"))

EVERYWHERE = {
    'op.execute("TRUNCATE results")': "loses rows",
    'op.execute("DELETE FROM results")': "loses rows",
    'op.execute(sa.text("delete  from results"))': "loses rows",
    'op.execute("DO $$ BEGIN DELETE FROM results; END $$")': "loses rows",
    'op.execute("CREATE VIEW v AS SELECT 5 % 2")': "prints a percent sign twice",
    'op.execute("SET lock_timeout = 0")': "lock_timeout belongs to env.py",
    'op.execute("ALTER TABLE results ADD CHECK (place > 0)")': "a constraint needs a name",
    'op.execute("CREATE INDEX ON results (place, team)")': "an index needs a name",
    'op.execute("CREATE INDEX results_idx ON results (place, team)")': "needs IF NOT EXISTS",
    'op.execute("CREATE UNIQUE INDEX CONCURRENTLY results_idx ON results (place, team)")': "needs IF NOT EXISTS",
    'op.create_check_constraint(None, "results", "place > 0")': "a constraint needs a name",
    'op.create_table("ranks", sa.Column("place", sa.Integer), sa.CheckConstraint("place > 0"))': "needs a name",
    'op.create_table("ranks", sa.Column("place", sa.Integer, unique=True))': "needs a name",
}
IN_PRE = {
    'op.add_column("entries", sa.Column("seat", sa.Integer))': "entries is Directus's",
    'op.rename_table("entries", "registrations")': "entries is Directus's",
    'op.create_index("entries_idx", "entries", ["a", "b"], if_not_exists=True)': "entries is Directus's",
    'op.add_column("directus_users", sa.Column("seat", sa.Integer))': "directus_users is Directus's",
    'op.execute("ALTER TABLE IF EXISTS ONLY public.entries ADD seat int")': "entries is Directus's",
    "op.execute('UPDATE \"entries\" SET notes = NULL')": "entries is Directus's",
    'op.execute("CREATE TRIGGER changed AFTER UPDATE ON entries EXECUTE FUNCTION f()")': "entries is Directus's",
    'for table in TABLES: op.add_column(table, sa.Column("seat", sa.Integer))': "events is Directus's",
    'op.drop_table("results")': "say why in the docstring",
}
IN_POST = {
    'op.rename_collection("entries", "registrations")': "tables and columns are Directus's",
    'op.execute("ALTER TABLE events RENAME TO races")': "tables and columns are Directus's",
    'op.create_table("results", sa.Column("id", sa.Integer))': "tables and columns are Directus's",
    'op.drop_table("entries")': "tables and columns are Directus's",
    'op.alter_column("entries", "notes", nullable=False)': "tables and columns are Directus's",
    'op.create_foreign_key("entries_fk", "entries", "events", ["event_id"], ["id"])': "foreign keys are Directus's",
    'op.create_unique_constraint("events_slug_key", "events", ["slug"])': "Directus's is_",
    'op.create_index("events_idx", "events", ["slug"], if_not_exists=True)': "Directus's is_",
    'for columns in (("slug",), ("a", "b")): ddl.add_unique("events", columns, "events_key")': "Directus's is_",
    'op.execute("ALTER TABLE events ADD COLUMN seat int")': "tables and columns are Directus's",
    'op.execute("ALTER TABLE events ALTER COLUMN name SET NOT NULL")': "tables and columns are Directus's",
    'op.execute("ALTER TABLE events ADD CONSTRAINT k UNIQUE (slug)")': "a unique column is Directus's is_unique",
}
FINE = {
    "pre": [
        'op.rename_collection("entries", "registrations")',
        'op.rename_field("vehicles", "make", "manufacturer")',
        'op.add_column("positions", sa.Column("seat", sa.Integer))',
        'op.create_index("positions_seat_idx", "positions", ["seat"], if_not_exists=True)',
        'op.create_table("events", sa.Column("id", sa.Integer), schema="directus_sync")',
        "op.execute('CREATE OR REPLACE FUNCTION f() RETURNS void AS $$ BEGIN DELETE FROM ranks; END $$')",
    ],
    "post": [
        'op.create_check_constraint("entries_status_check", "entries", "status <> \'\'")',
        'op.create_index("events_lower_idx", "events", [sa.text("lower(slug)")], if_not_exists=True)',
        'op.create_index("e_idx", "events", ["slug"], unique=True, postgresql_where=sa.text("x"), if_not_exists=True)',
        'op.execute("CREATE INDEX IF NOT EXISTS g ON events USING gist ((geometry::geography))")',
        'op.execute("CREATE TRIGGER events_changed AFTER UPDATE ON events EXECUTE FUNCTION f()")',
        'op.drop_constraint("entries_status_check", "entries", if_exists=True)',
    ],
}


@pytest.mark.parametrize("path", REVISIONS, ids=lambda path: path.stem)
def test_a_revision_has_no_banned_operation(path: Path) -> None:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    revision = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(revision)
    assert findings(revision, path.parent.name, TABLES) == []


@pytest.mark.parametrize(
    ("branch", "statement", "what"),
    [
        (branch, *case)
        for branch, cases in (("pre", EVERYWHERE), ("post", EVERYWHERE), ("pre", IN_PRE), ("post", IN_POST))
        for case in cases.items()
    ],
)
def test_a_banned_operation_is_found(branch: str, statement: str, what: str) -> None:
    found = findings(_revision(statement), branch, TABLES)
    assert any(what in finding for finding in found), found


@pytest.mark.parametrize(("branch", "statement"), [(branch, item) for branch in FINE for item in FINE[branch]])
def test_an_allowed_operation_is_not_found(branch: str, statement: str) -> None:
    assert findings(_revision(statement), branch, TABLES) == []


def test_a_drop_with_a_reason_is_allowed() -> None:
    revision = _revision('op.drop_table("results")')
    revision.__doc__ = "Do it.\n\nDrops:     results, which nobody ever filled."
    assert findings(revision, "pre", TABLES) == []


def _revision(statement: str) -> ModuleType:
    """Make a revision of one statement."""
    revision = ModuleType("revision", "Do it.")
    names = {"op": op, "sa": sa, "ddl": ddl, "SCHEMA": "directus_sync"}
    revision.__dict__.update(names, TABLES=("results", "events"))
    exec(f"def upgrade():\n    {statement}\ndef downgrade():\n    pass", revision.__dict__)
    return revision


@pytest.mark.parametrize("path", REVISIONS, ids=lambda path: path.stem)
def test_a_revision_uses_no_file_that_its_checksum_does_not_cover(path: Path) -> None:
    assert taken_from_elsewhere(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ('op.execute(Path("views.sql").read_text())', "reads a file"),
        ('op.execute(open("views.sql").read())', "reads a file"),
        ("from migrations.versions.post import statements", "imports migrations.versions.post"),
        ("from migrations import statements", "imports migrations"),
        ("from . import statements", "imports ."),
        ("import migrations.statements", "imports migrations.statements"),
    ],
)
def test_a_use_of_another_file_is_found(statement: str, what: str) -> None:
    assert [found.startswith(what) for found in taken_from_elsewhere(statement)] == [True]
