"""Renames on a real Directus: what the rename leaves equals what an administrator builds under the new name."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from migrations.accept_edits import accept_edits
from migrations.operations.paths import Rename
from migrations.operations.snapshot import renamed as renamed_snapshot
from tests.checkout import Checkout, git
from tests.conftest import SNAPSHOT, Cloning, Database, RunningDirectus, Serving, Tool, running_directus
from tests.migrations.rename_case import Fresh, Register, Renamed

CASES = {
    "collection": ('rename_collection("clubs", "teams")', 'rename_collection("teams", "clubs")', ("teams", "emblem")),
    "field": (
        'rename_field("clubs", "emblem", "badge")',
        'rename_field("clubs", "badge", "emblem")',
        ("clubs", "badge"),
    ),
}
OLD = {"collection": "clubs", "field": "emblem"}
COMPOSITE = "ALTER TABLE clubs ADD CONSTRAINT clubs_parent_emblem_key UNIQUE (parent, emblem)"


@pytest.fixture(scope="module", params=CASES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def fresh(kind: str, serve: Serving) -> Fresh:
    """The register as it is where it was built under the new names."""
    club, emblem = CASES[kind][2]
    with serve("bootstrapped") as running:
        Register(running.http, club, emblem).build()
        export = running.export()
        running.database.execute(COMPOSITE.replace("clubs", club).replace("emblem", emblem))
        running.database.execute(f"CREATE INDEX {club}_{emblem}_lower_idx ON {club} (lower({emblem}))")
        return Fresh(export, running.database.schema())


@pytest.fixture(scope="module")
def renamed(kind: str, serve: Serving, fresh: Fresh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Renamed]:
    """The register with all that Directus keeps about it, after the rename."""
    upgrade, downgrade, (club, emblem) = CASES[kind]
    checkout = Checkout.with_revision(tmp_path_factory.mktemp("checkout"), upgrade, downgrade)
    with serve("bootstrapped") as running:
        old = Register(running.http)
        old.build()
        club_id, token = old.fill()
        old.automate()
        running.database.execute(COMPOSITE)
        running.database.execute("CREATE INDEX clubs_emblem_lower_idx ON clubs (lower(emblem))")
        running.database.execute("UPDATE directus_users SET last_page = '/content/clubs/1'")
        before = running.export()
        done = checkout.upgrade(running.tool)
        running.export()
        new = Register(running.http, club, emblem)
        yield Renamed(running, fresh, checkout, before, done, club_id, token, new)


def test_the_rename_equals_a_fresh_build(renamed: Renamed) -> None:
    file = ("snapshot.yaml", renamed.fresh.export, "text/yaml")
    answer = renamed.running.http.post("/schema/diff", files={"file": file})
    assert answer.status_code == 204, answer.text


def test_the_guards_base_is_renamed_as_directus_exports_it(renamed: Renamed, kind: str) -> None:
    rename = Rename("clubs", "teams") if kind == "collection" else Rename("clubs", "badge", "emblem")
    assert _unordered(renamed_snapshot(yaml.safe_load(renamed.before), rename)) == _unordered(renamed.running.export())


def test_everything_of_the_table_is_named_as_in_a_fresh_build(renamed: Renamed) -> None:
    assert renamed.running.database.schema() == renamed.fresh.schema


def test_items_are_served_under_the_new_name_with_their_relations(renamed: Renamed) -> None:
    new = renamed.new
    emblem = new.emblem
    fields = f"code,{emblem},parent.{emblem},hosted.name,starts.race.name"
    alpine = {"name": "Alpine"}
    assert renamed.get(f"/items/{new.club}?fields={fields}&sort=code") == [
        {"code": "A", emblem: "eagle", "parent": None, "hosted": [{"name": "Coast"}], "starts": [{"race": alpine}]},
        {"code": "B", emblem: "wolf", "parent": {emblem: "eagle"}, "hosted": [alpine], "starts": []},
    ]
    assert renamed.get(f"/items/remarks?fields=collection,item:{new.club}.{emblem}") == [
        {"collection": new.club, "item": {emblem: "wolf"}}
    ]


def test_a_limited_user_sees_the_same_as_before(renamed: Renamed) -> None:
    emblem = renamed.new.emblem
    assert renamed.get(f"/items/{renamed.new.club}?fields=code,{emblem}&sort=code", renamed.token) == [
        {"code": "A", emblem: "eagle"},
        {"code": "B", emblem: "wolf"},
    ]
    assert renamed.get(f"/items/races?fields=name,host.{emblem}", renamed.token) == [
        {"name": "Alpine", "host": {emblem: "wolf"}}
    ]


def test_a_new_item_continues_the_sequence(renamed: Renamed) -> None:
    created = renamed.running.create(renamed.new.club, code="C")
    assert created["id"] > renamed.club_id
    assert renamed.running.http.delete(f"/items/{renamed.new.club}/{created['id']}").status_code == 204


def test_bookmarks_comments_and_history_come_along(renamed: Renamed) -> None:
    new, emblem = renamed.new, renamed.new.emblem
    (preset,) = renamed.get(f"/presets?filter[collection]={new.club}")
    assert preset["layout_query"] == {"tabular": {"fields": [emblem], "sort": [f"-{emblem}"]}}
    assert preset["layout_options"] == {"tabular": {"widths": {emblem: 160}}}
    assert preset["filter"] == {"_and": [{emblem: {"_nempty": True}}]}
    (nested,) = renamed.get("/presets?filter[collection]=races")
    assert nested["layout_query"] == {"tabular": {"fields": [f"host.{emblem}"], "sort": [f"-host.{emblem}"]}}
    item = f"filter[collection]={new.club}&filter[item]={renamed.club_id}"
    assert [comment["comment"] for comment in renamed.get(f"/comments?{item}")] == ["Good."]
    assert [share["name"] for share in renamed.get(f"/shares?{item}")] == ["Press"]
    (draft,) = renamed.get(f"/versions?{item}&fields=collection,delta")
    assert (draft["collection"], draft["delta"][emblem]) == (new.club, "fox")
    revisions = renamed.get(f"/revisions?{item}&sort=id")
    assert [revision["delta"].get(emblem) for revision in revisions] == ["lion", "fox", "wolf"]


def test_what_still_names_the_old_is_in_the_log(renamed: Renamed, kind: str) -> None:
    warned = {match[1] for match in re.finditer(r"WARNING.* look at (directus_\w+)\.\w+, ", renamed.upgrade.err)}
    assert warned == {"directus_operations", "directus_revisions"}
    assert _tables_naming(renamed.running, OLD[kind]) == warned


def test_a_user_returns_to_the_page_where_they_left_off(renamed: Renamed) -> None:
    pages = renamed.running.database.rows("SELECT DISTINCT last_page FROM directus_users")
    assert pages == [(f"/content/{renamed.new.club}/1",)]


def test_a_flow_that_says_what_it_uses_is_rewritten(renamed: Renamed) -> None:
    (read,) = renamed.get("/operations?filter[key]=read")
    assert read["options"] == {"collection": renamed.new.club, "query": {"fields": [renamed.new.emblem]}}
    (flow,) = renamed.get("/flows")
    assert flow["options"]["collections"] == [renamed.new.club]


def test_the_downgrade_leads_back_byte_for_byte(renamed: Renamed) -> None:
    renamed.checkout.downgrade(renamed.running.tool)
    try:
        assert renamed.running.export() == renamed.before
    finally:
        renamed.checkout.upgrade(renamed.running.tool)
        renamed.running.export()


def _contents(database: Database) -> list[str]:
    """Return all lines of a dump, without the times at which revisions were applied."""
    return sorted(re.sub(r"^(pre_\d{4}\t\w+\t[0-9a-f]{16})\t.*$", r"\1", database.contents(), flags=re.M).splitlines())


def test_a_second_run_finds_nothing_to_do(renamed: Renamed) -> None:
    before = _contents(renamed.running.database)
    _forget(renamed)
    renamed.checkout.upgrade(renamed.running.tool)
    assert _contents(renamed.running.database) == before


def test_rows_left_behind_are_mended(renamed: Renamed, kind: str) -> None:
    database = renamed.running.database
    before = _contents(database)
    if kind == "collection":
        database.execute("UPDATE directus_permissions SET collection = 'clubs' WHERE collection = 'teams'")
    else:
        database.execute("UPDATE directus_permissions SET fields = replace(fields, 'badge', 'emblem')")
        database.execute("UPDATE directus_presets SET filter = replace(filter::text, 'badge', 'emblem')::json")
    assert _contents(database) != before
    _forget(renamed)
    renamed.checkout.upgrade(renamed.running.tool)
    assert _contents(database) == before


PROJECT_CASES = {
    "entries": ('rename_collection("entries", "registrations")', 'rename_collection("registrations", "entries")'),
    "make": ('rename_field("vehicles", "make", "manufacturer")', 'rename_field("vehicles", "manufacturer", "make")'),
    # A field with no column.
    "crew": (
        'rename_field("registrations", "entry_crew", "crew")',
        'rename_field("registrations", "crew", "entry_crew")',
    ),
    # A field that the project added to a collection of Directus.
    "phone": (
        'rename_field("directus_users", "phone", "telephone")',
        'rename_field("directus_users", "telephone", "phone")',
    ),
}
BY_HAND = {
    "entries": [(r": entries$", ": registrations"), (r": entries_(\w+)_foreign$", r": registrations_\1_foreign")],
    "make": [(r": make$", ": manufacturer"), (r"\{\{(vehicle_id\.)?make\}\}", r"{{\1manufacturer}}")],
    "crew": [(r"field: entry_crew$", "field: crew")],
    "phone": [(r": phone$", ": telephone")],
}


def test_renames_of_the_projects_own_lead_to_the_new_snapshot_and_back(deployed: Tool, tmp_path: Path) -> None:
    upgrades, downgrades = zip(*PROJECT_CASES.values(), strict=True)
    checkout = Checkout.with_revision(tmp_path, "\n    op.".join(upgrades), "\n    op.".join(reversed(downgrades)))
    with running_directus(deployed) as running:
        checkout.upgrade(deployed)
        assert _unordered(running.export()) == _renamed_by_hand(*PROJECT_CASES)
        checkout.downgrade(deployed)
        assert running.export() == SNAPSHOT.read_bytes()


def test_the_recipe_ends_in_the_same_catalog_on_every_database(
    deployed: Tool, empty: Tool, clone: Cloning, tmp_path: Path
) -> None:
    """docs/renames.md, step by step; the next commit changes a field of what was renamed."""
    elsewhere = Tool(clone("deployed"))
    checkout = Checkout.with_revision(tmp_path, *PROJECT_CASES["entries"])
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "migrations")
    git(tmp_path, "commit", "--quiet", "--message", "before the rename")
    checkout.upgrade(deployed)
    pulled = checkout.sync(deployed, "pull", "--overwrite")
    assert pulled.code == 0, pulled.text
    for path in (tmp_path / "migrations" / "versions" / "post").glob("post_*.py"):
        path.write_text(path.read_text(encoding="utf-8").replace('"entries', '"registrations'), encoding="utf-8")
    accepted = accept_edits("no database needs anything: what it has was renamed", root=tmp_path)
    assert "post_0002_add_participation_uniques" in accepted
    _replace(tmp_path / "snapshots" / "schema.yaml", ("text: Registered\n", "text: Signed up\n"))

    for tool in (deployed, elsewhere, empty):
        done = checkout.sync(tool, "deploy")
        assert done.code == 0, done.text
    checked = checkout.sync(elsewhere, "check")
    assert checked.code == 0, checked.text
    schema = empty.database.schema()
    assert deployed.database.schema() == elsewhere.database.schema() == schema
    assert "registrations_event_id_race_number_key" in schema
    assert "entries" not in re.findall(r"\w+", schema)


def _replace(path: Path, *pairs: tuple[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("stage", ["empty", "bootstrapped"])
@pytest.mark.parametrize("name", ["entries", "make"])
def test_nothing_is_done_before_there_is_anything_to_rename(
    clone: Cloning, tmp_path: Path, stage: str, name: str
) -> None:
    tool = Tool(clone(stage))
    checkout = Checkout.with_revision(tmp_path, *PROJECT_CASES[name])
    done = checkout.upgrade(tool)
    assert "the snapshot will bring" in done.err
    checkout.downgrade(tool)


@pytest.mark.parametrize(
    ("operation", "before", "reason"),
    [
        ('rename_collection("entries", "events")', "", "both are there"),
        ('rename_field("vehicles", "make", "model")', "", "both are there"),
        ('rename_collection("entries", "results")', "CREATE TABLE results ()", "both are there"),
        ('rename_collection("positions", "fixes")', "", "no collection that Directus has a row for"),
        ('rename_field("vehicles", "seats", "chairs")', "ALTER TABLE vehicles ADD seats int", "no field that Directus"),
        ('rename_field("directus_users", "email", "mail")', "", "no field that Directus has a row for"),
        ('rename_collection("directus_users", "users")', "", "names with directus_ are Directus's own"),
        ('rename_collection("entries", "directus_entries")', "", "names with directus_ are Directus's own"),
        ('rename_collection("entries", "entries")', "", "both names are the same"),
        ('rename_collection("entries", "")', "", "'' can't be a name in PostgreSQL"),
    ],
)
def test_what_cannot_be_renamed_is_refused(
    deployed: Tool, tmp_path: Path, operation: str, before: str, reason: str
) -> None:
    checkout = Checkout.with_revision(tmp_path, operation, operation)
    if before:
        deployed.database.execute(before)
    contents = deployed.database.contents()
    refused = checkout.alembic(deployed, "upgrade", "pre@head")
    assert refused.code != 0
    assert "precondition-failed" in refused.err
    assert reason in refused.err
    assert deployed.database.contents() == contents


@pytest.mark.parametrize("name", ["entries", "make"])
def test_the_printed_sql_is_harmless_on_a_fresh_database_and_refuses_an_old_one(
    bootstrapped: Tool, deployed: Tool, tmp_path: Path, name: str
) -> None:
    checkout = Checkout.with_revision(tmp_path, *PROJECT_CASES[name])
    printed = checkout.alembic(deployed, "upgrade", f"{checkout.base}:pre@head", "--sql")
    assert printed.code == 0, printed.text
    assert _psql(bootstrapped, printed.out).returncode == 0
    assert bootstrapped.database.rows("SELECT version_num FROM directus_sync.alembic_version") == [(checkout.head,)]
    contents = deployed.database.contents()
    refused = _psql(deployed, printed.out)
    assert refused.returncode != 0
    assert "needs a connection: run alembic upgrade without --sql" in refused.stderr
    assert deployed.database.contents() == contents


def test_names_of_its_own_are_kept_and_logged(deployed: Tool, tmp_path: Path) -> None:
    deployed.database.execute("CREATE INDEX busy_entries_idx ON entries (event_id, status)")
    deployed.database.execute("CREATE FUNCTION busy() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM entries'")
    options = '{"selectedCollection": "entries"}'
    deployed.database.execute(
        f"UPDATE directus_fields SET interface = 'collection-item-dropdown', options = '{options}'"
        " WHERE collection = 'vehicles' AND field = 'plate'"
    )
    done = Checkout.with_revision(tmp_path, *PROJECT_CASES["entries"]).upgrade(deployed)
    assert "look at the values of fields that pick an item, it may name the old one: vehicles.plate" in done.err
    assert "index busy_entries_idx keeps its name" in done.err
    assert "look at function busy()" in done.err


def test_a_table_renamed_by_hand_gets_its_rows(deployed: Tool, tmp_path: Path) -> None:
    deployed.database.execute("ALTER TABLE entries RENAME TO registrations")
    Checkout.with_revision(tmp_path, *PROJECT_CASES["entries"]).upgrade(deployed)
    with running_directus(deployed) as running:
        assert _unordered(running.export()) == _renamed_by_hand("entries")


def _renamed_by_hand(*names: str) -> object:
    """The committed snapshot as an editor's search and replace would leave it."""
    text = SNAPSHOT.read_text(encoding="utf-8")
    for pattern, replacement in [pair for name in names for pair in BY_HAND[name]]:
        text, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        assert count
    return _unordered(text.encode())


def _unordered(export: bytes | dict[str, Any]) -> object:
    document = yaml.safe_load(export) if isinstance(export, bytes) else export
    for section in ("collections", "fields", "relations"):
        document[section].sort(key=lambda entry: (entry["collection"], entry.get("field", "")))
    return document


def _psql(tool: Tool, sql: str) -> subprocess.CompletedProcess[str]:
    command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", tool.database.conninfo]
    return subprocess.run(command, input=sql, env=tool.environ, capture_output=True, text=True, check=False)


def _forget(renamed: Renamed) -> None:
    """Make the revision run again."""
    done = renamed.checkout.alembic(renamed.running.tool, "stamp", renamed.checkout.base)
    assert done.code == 0, done.text


def _tables_naming(running: RunningDirectus, name: str) -> set[str]:
    tables = running.database.rows(
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relname LIKE 'directus\\_%'"
    )
    return {
        table
        for (table,) in tables
        if running.database.value(rf"SELECT count(*) FROM {table} AS t WHERE t::text ~ '\y{name}\y'")
    }
