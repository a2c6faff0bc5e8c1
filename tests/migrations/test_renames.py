"""Renames on a real Directus: the result equals a fresh build under the new name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from directus_sync.schema.renames.rewriting import Rename
from migrations.operations import RenameCollection, RenameField
from migrations.operations.snapshot import renamed as renamed_snapshot
from tests import snapshots
from tests.conftest import Database, Serving, Tool
from tests.migrations.rename_case import TOKEN, Register, Renamed
from tests.migrations.renaming import back, logged, rename, unordered

NEW = [RenameCollection("clubs", "teams"), RenameField("teams", "emblem", "badge")]
# Objects that a revision made. A rename must rename them, too.
OURS = (
    "ALTER TABLE clubs ADD CONSTRAINT clubs_parent_emblem_key UNIQUE (parent, emblem);"
    "CREATE INDEX clubs_emblem_lower_idx ON clubs (lower(emblem))"
)


@pytest.fixture(scope="module")
def renamed(serve: Serving) -> Iterator[Renamed]:
    """The register and the rows that Directus keeps about it, after the rename."""
    with serve("bootstrapped") as running:
        register = Register(running)
        register.build()
        club_id = register.fill()
        register.automate()
        register.admit()
        running.database.execute(OURS)
        running.database.execute("UPDATE directus_users SET last_page = '/content/clubs/1'")
        before = running.export()
        with logged() as said:
            rename(running, *NEW)
        yield Renamed(running, before, said, club_id)


def by_hand(text: str) -> str:
    """Rename in an export or SQL by search and replace."""
    return text.replace("clubs", "teams").replace("emblem", "badge")


def test_a_rename_equals_a_fresh_build(renamed: Renamed, bootstrapped: Tool, tmp_path: Path) -> None:
    wanted = by_hand(renamed.before.decode())
    answer = renamed.running.http.post("/schema/diff", files={"file": ("snapshot.yaml", wanted, "text/yaml")})
    assert answer.status_code == 204, answer.text
    (tmp_path / "schema.yaml").write_text(wanted)
    bootstrapped.done("push", "--snapshot", tmp_path / "schema.yaml")
    bootstrapped.database.execute(by_hand(OURS))
    assert without_order(renamed.running.database) == without_order(bootstrapped.database)


def without_order(database: Database) -> list[str]:
    """Return the schema without the order of columns, and without the null defaults that a push writes."""
    schema = database.schema().replace(" DEFAULT NULL::character varying", "")
    return sorted(line.rstrip(",") for line in schema.splitlines())


def test_the_base_of_the_guard_is_renamed_as_directus_exports_it(renamed: Renamed) -> None:
    base = renamed_snapshot(snapshots.load(renamed.before), Rename("clubs", "teams"))
    base = renamed_snapshot(base, Rename("teams", "badge", "emblem"))
    assert unordered(base) == unordered(renamed.running.export())


def test_items_are_served_under_the_new_name_with_their_relations(renamed: Renamed) -> None:
    fields = "code,badge,parent.badge,hosted.name,starts.race.name"
    alpine = {"name": "Alpine"}
    assert renamed.get(f"/items/teams?fields={fields}&sort=code") == [
        {"code": "A", "badge": "eagle", "parent": None, "hosted": [{"name": "Coast"}], "starts": [{"race": alpine}]},
        {"code": "B", "badge": "wolf", "parent": {"badge": "eagle"}, "hosted": [alpine], "starts": []},
    ]
    assert renamed.get("/items/remarks?fields=collection,item:teams.badge") == [
        {"collection": "teams", "item": {"badge": "wolf"}}
    ]


def test_a_limited_user_sees_the_same_rows_as_before(renamed: Renamed) -> None:
    seen = renamed.get("/items/teams?fields=code,badge&sort=code", TOKEN)
    assert seen == [{"code": "A", "badge": "eagle"}, {"code": "B", "badge": "wolf"}]
    races = renamed.get("/items/races?fields=name,host.badge", TOKEN)
    assert races == [{"name": "Alpine", "host": {"badge": "wolf"}}]


def test_a_new_item_continues_the_sequence(renamed: Renamed) -> None:
    created = renamed.running.create("teams", code="C")
    assert created["id"] > renamed.club_id
    assert renamed.running.http.delete(f"/items/teams/{created['id']}").status_code == 204


def test_bookmarks_comments_and_history_are_renamed_too(renamed: Renamed) -> None:
    (preset,) = renamed.get("/presets?filter[collection]=teams")
    assert preset["layout_query"] == {"tabular": {"fields": ["badge"], "sort": ["-badge"]}}
    assert preset["layout_options"] == {"tabular": {"widths": {"badge": 160}}}
    assert preset["filter"] == {"_and": [{"badge": {"_nempty": True}}]}
    (nested,) = renamed.get("/presets?filter[collection]=races")
    assert nested["layout_query"] == {"tabular": {"fields": ["host.badge"], "sort": ["-host.badge"]}}
    item = f"filter[collection]=teams&filter[item]={renamed.club_id}"
    assert [comment["comment"] for comment in renamed.get(f"/comments?{item}")] == ["Good."]
    assert [share["name"] for share in renamed.get(f"/shares?{item}")] == ["Press"]
    (draft,) = renamed.get(f"/versions?{item}&fields=collection,delta")
    assert (draft["collection"], draft["delta"]["badge"]) == ("teams", "fox")
    revisions = renamed.get(f"/revisions?{item}&sort=id")
    assert [revision["delta"].get("badge") for revision in revisions] == ["lion", "fox", "wolf"]
    assert renamed.running.database.rows("SELECT DISTINCT last_page FROM directus_users") == [("/content/teams/1",)]


def test_a_flow_that_names_its_collection_is_rewritten(renamed: Renamed) -> None:
    (read,) = renamed.get("/operations?filter[key]=read")
    assert read["options"] == {"collection": "teams", "query": {"fields": ["badge"]}}
    (flow,) = renamed.get("/flows")
    assert flow["options"]["collections"] == ["teams"]


def test_tables_that_still_contain_the_old_name_are_logged(renamed: Renamed) -> None:
    warned = {match[1] for line in renamed.said if (match := re.search(r"WARNING.* look at (directus_\w+)\.", line))}
    assert warned == {"directus_operations", "directus_revisions"}
    database = renamed.running.database
    tables = database.rows("SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relname LIKE 'directus\\_%'")
    names = r"SELECT count(*) FROM {} AS t WHERE t::text ~ '\y(clubs|emblem)\y'"
    assert {table for (table,) in tables if database.value(names.format(table))} == warned


def test_renaming_back_restores_the_same_bytes(renamed: Renamed) -> None:
    rename(renamed.running, *back(*NEW))
    try:
        assert renamed.running.export() == renamed.before
    finally:
        rename(renamed.running, *NEW)


def test_a_second_run_renames_only_rows_with_the_old_name(renamed: Renamed) -> None:
    database = renamed.running.database
    before = database.contents()
    database.execute(
        "UPDATE directus_permissions SET collection = 'clubs', fields = replace(fields, 'badge', 'emblem')"
        " WHERE collection = 'teams';"
        "UPDATE directus_presets SET filter = replace(filter::text, 'badge', 'emblem')::json"
    )
    assert database.contents() != before
    rename(renamed.running, *NEW)
    assert sorted(database.contents().splitlines()) == sorted(before.splitlines())
