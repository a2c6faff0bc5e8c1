"""Renames in the project's own schema: the recipe of docs/renames.md, and refusals."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import MigrateOperation, Operations

from directus_sync.errors import PreconditionFailed
from directus_sync.revisions import revision_files
from migrations.operations import RenameCollection, RenameField, Renaming
from tests.checkout import REVISION, Checkout, git
from tests.conftest import SNAPSHOT, Cloning, Database, Serving, Tool
from tests.migrations.renaming import back, invoke, logged, rename, transaction, unordered
from tests.migrations.revising import psql
from tools.revisions.accept_edits import accept_edits

ENTRIES = RenameCollection("entries", "registrations")
MAKE = RenameField("vehicles", "make", "manufacturer")
PROJECTS = [
    ENTRIES,
    MAKE,
    # A field without a column.
    RenameField("registrations", "entry_devices", "trackers"),
    # A field that the project added to one of Directus's collections.
    RenameField("directus_users", "phone", "telephone"),
]
# Revisions whose functions name the table.
WITH_FUNCTIONS = (
    "post_0013_record_changes",
    "post_0015_keep_references_in_one_event",
    "post_0016_let_a_device_serve_one_entry_at_a_time",
    "post_0018_check_device_commands",
)
BY_HAND = [
    # Not the fields named `entries` in other collections.
    (r"(?<!field): entries$", ": registrations"),
    (r": entries_(\w+)_foreign$", r": registrations_\1_foreign"),
    (r": make$", ": manufacturer"),
    (r"\{\{(vehicle_id\.)?make\}\}", r"{{\1manufacturer}}"),
    (r"field: entry_devices$", "field: trackers"),
    (r": phone$", ": telephone"),
]


def test_renames_in_the_project_give_the_new_snapshot_and_can_be_undone(serve: Serving) -> None:
    wanted = SNAPSHOT.read_text(encoding="utf-8")
    for pattern, replacement in BY_HAND:
        wanted, count = re.subn(pattern, replacement, wanted, flags=re.MULTILINE)
        assert count
    with serve("deployed") as running:
        rename(running, *PROJECTS)
        assert unordered(running.export()) == unordered(wanted.encode())
        rename(running, *back(*PROJECTS))
        assert running.export() == SNAPSHOT.read_bytes()


def _record_again(versions: Path) -> None:
    """Add a revision that creates the functions again, because a rename does not change their text."""
    head = revision_files.head_id(versions, "post")
    again = "\n    ".join(f'import_module("migrations.versions.post.{name}").upgrade()' for name in WITH_FUNCTIONS)
    text = REVISION.format(
        revision="post_0021", down_revision=head, upgrade=f"get_bind()\n    {again}", downgrade="get_bind()"
    )
    name = "post_0021_record_registrations"
    content = text.replace("from alembic", "from importlib import import_module\n\nfrom alembic", 1)
    (versions / "post" / f"{name}.py").write_text(content, encoding="utf-8")
    revision_files.write_head(versions, "post", name)


@pytest.fixture
def recipe(deployed: Tool, tmp_path: Path) -> Checkout:
    """A checkout after the steps of docs/renames.md and a later change of a renamed field and a right."""
    checkout = Checkout.with_revision(
        tmp_path, 'rename_collection("entries", "registrations")', 'rename_collection("registrations", "entries")'
    )
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "migrations")
    git(tmp_path, "commit", "--quiet", "--message", "before the rename")
    checkout.upgrade(deployed)
    access = tmp_path / "snapshots" / "access" / "collections"
    files = {path.name: path.read_text(encoding="utf-8") for path in access.iterdir()}
    (access / "entries.yaml").rename(access / "registrations.yaml")
    pulled = checkout.sync(deployed, "pull", "--overwrite")
    assert pulled.code == 0, pulled.text
    for path in (tmp_path / "migrations" / "versions" / "post").glob("post_*.py"):
        text = path.read_text(encoding="utf-8").replace('"entries', '"registrations')
        path.write_text(text.replace("public.entries", "public.registrations"), encoding="utf-8")
    _record_again(tmp_path / "migrations" / "versions")
    catalog = tmp_path / "snapshots" / "catalog.yaml"
    text = catalog.read_text(encoding="utf-8").replace("public.entries", "public.registrations")
    catalog.write_text(text.replace("'entries", "'registrations"), encoding="utf-8")
    files["registrations.yaml"] = files.pop("entries.yaml")
    assert {path.name: path.read_text(encoding="utf-8") for path in access.iterdir()} == files
    accepted = accept_edits("no database needs anything: what it has was renamed", root=tmp_path)
    assert "post_0002_add_participation_uniques" in accepted
    snapshot = tmp_path / "snapshots" / "schema.yaml"
    text = snapshot.read_text(encoding="utf-8")
    assert "text: $t:Registered\n" in text
    snapshot.write_text(text.replace("text: $t:Registered\n", "text: Signed up\n"), encoding="utf-8")
    right = files["registrations.yaml"]
    assert "fields: [notes, vehicle_id]" in right
    (access / "registrations.yaml").write_text(right.replace("[notes, vehicle_id]", "[notes]"), encoding="utf-8")

    return checkout


@pytest.mark.slow
def test_the_recipe_makes_the_same_schema_without_the_old_name_on_every_database(
    recipe: Checkout, deployed: Tool, bootstrapped: Tool, clone: Cloning
) -> None:
    schemas = set()
    for tool in (deployed, bootstrapped, Tool(clone("deployed"))):
        done = recipe.sync(tool, "deploy")
        assert done.code == 0, done.text
        schemas.add(tool.database.schema())
    (schema,) = schemas
    assert "registrations_event_id_race_number_key" in schema
    assert "entries" not in re.findall(r"\w+", schema)


@pytest.mark.parametrize("stage", ["empty", "bootstrapped"])
@pytest.mark.parametrize("operation", [ENTRIES, MAKE], ids=["collection", "field"])
def test_a_rename_does_nothing_before_the_item_exists(clone: Cloning, stage: str, operation: MigrateOperation) -> None:
    with logged() as said, transaction(clone(stage)) as connection:
        invoke(connection, operation)
    assert ["the snapshot will bring" in line for line in said] == [True]


@pytest.mark.parametrize(
    ("operation", "before", "reason"),
    [
        (RenameCollection("entries", "events"), "", "both names exist"),
        (RenameField("vehicles", "make", "model"), "", "both names exist"),
        (RenameCollection("entries", "results"), "CREATE TABLE results ()", "both names exist"),
        (RenameCollection("positions", "fixes"), "", "Directus has no row for that collection"),
        (RenameField("vehicles", "seats", "chairs"), "ALTER TABLE vehicles ADD seats int", "has no row for that field"),
        (RenameField("directus_users", "email", "mail"), "", "has no row for that field"),
        (RenameCollection("directus_users", "users"), "", "names with directus_ are Directus's own"),
        (RenameCollection("entries", "directus_entries"), "", "names with directus_ are Directus's own"),
        (RenameCollection("entries", "entries"), "", "both names are the same"),
        (RenameCollection("entries", ""), "", "'' can't be a name in PostgreSQL"),
    ],
    ids=lambda value: " ".join(filter(None, vars(value.rename).values())) if isinstance(value, Renaming) else "",
)
def test_an_impossible_rename_is_refused(
    unchanged: Database, operation: MigrateOperation, before: str, reason: str
) -> None:
    with transaction(unchanged) as connection:
        if before:
            connection.execute(sa.text(before))
        with pytest.raises(PreconditionFailed, match=reason):
            invoke(connection, operation)


@pytest.mark.parametrize("operation", [ENTRIES, MAKE], ids=["collection", "field"])
def test_the_printed_sql_does_nothing_on_a_fresh_database_and_fails_on_an_old_one(
    bootstrapped: Tool, unchanged: Database, operation: MigrateOperation
) -> None:
    printed = StringIO()
    options = {"as_sql": True, "output_buffer": printed}
    Operations(MigrationContext.configure(dialect_name="postgresql", opts=options)).invoke(operation)
    psql(bootstrapped, printed.getvalue())
    with pytest.raises(AssertionError, match="needs a connection: run alembic upgrade without --sql"):
        psql(Tool(unchanged), printed.getvalue())


def test_unrelated_names_are_kept_and_logged(unchanged: Database) -> None:
    with logged() as said, transaction(unchanged) as connection:
        for statement in (
            "CREATE INDEX busy_entries_idx ON entries (event_id, status)",
            "CREATE FUNCTION busy() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM entries'",
            "UPDATE directus_fields SET interface = 'collection-item-dropdown',"
            """ options = '{"selectedCollection": "entries"}' WHERE collection = 'vehicles' AND field = 'plate'""",
        ):
            connection.exec_driver_sql(statement)
        invoke(connection, ENTRIES)
    text = "\n".join(said)
    assert "look at the values of fields that pick an item, it may contain the old name: vehicles.plate" in text
    assert "index busy_entries_idx keeps its name" in text
    assert "look at function busy()" in text


def test_a_rename_after_a_rename_by_hand_updates_directus_s_rows(unchanged: Database) -> None:
    found = []
    for by_hand in (None, "ALTER TABLE entries RENAME TO registrations"):
        with transaction(unchanged) as connection:
            if by_hand:
                connection.execute(sa.text(by_hand))
            invoke(connection, ENTRIES)
            found.append(
                [
                    connection.scalars(sa.text(f"SELECT t::text FROM directus_{table} t ORDER BY 1")).all()
                    for table in ("collections", "fields", "relations", "presets", "permissions")
                ]
            )
    assert found[0] == found[1]
