"""Seeding a real Directus: the first time, again, after an operator's edits, with mistakes, and with a failure."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from directus_sync.seed import reading
from tests.conftest import ROOT, Finished, RunningDirectus, Serving, Tool

RALLY = ROOT / "snapshots" / "seeds" / "rally_albania_2026.yaml"
CLASSES = [
    "M-1", "M-2", "M-3", "M-4", "M-5", "M-6", "M-7", "Q-1", "Q-2", "Q-3",
    "C-1", "C-2", "C-A", "C-3", "S-1", "S-2", "S-3",
]  # fmt: skip
ROWS = sum(len(reading.read(path).rows) for path in RALLY.parent.glob("*.yaml"))

TABLES = (
    "organizations", "events", "classes", "vehicles", "devices", "directus_users", "entries", "entry_crew", "segments",
    "waypoints",
)  # fmt: skip
OF_THE_TEST_ENTRY = {"filter[entry_id][race_number]": "301"}

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a seed file."""

    def written(text: str) -> Path:
        path = tmp_path / "seed.yaml"
        path.write_text(dedent(text), encoding="utf-8")
        return path

    return written


@pytest.fixture(scope="module")
def new(serve: Serving) -> Iterator[RunningDirectus]:
    with serve("deployed") as running:
        yield running


@pytest.fixture(scope="module")
def seeded(new: RunningDirectus) -> Finished:
    """The outcome of the first seed of a new database, with a private Directus."""
    return new.tool.with_settings(DIRECTUS_URL="")("seed")


@pytest.fixture(scope="module")
def server(new: RunningDirectus, seeded: Finished) -> RunningDirectus:
    """This module's Directus, seeded with Rally Albania."""
    assert seeded.code == 0, seeded.text
    return new


def rows_of(running: RunningDirectus, path: str, **query: str) -> list[dict[str, Any]]:
    response = running.http.get(path, params={"limit": "-1", **query})
    assert response.status_code == 200, response.text
    return list(response.json()["data"])


def counts(running: RunningDirectus) -> list[int]:
    return [running.database.value(f"SELECT count(*) FROM {table}") for table in TABLES]


# Rally Albania


def test_seed_fills_a_new_database_through_a_private_directus(server: RunningDirectus, seeded: Finished) -> None:
    assert "Started a private Directus" in seeded.err
    assert f"{ROWS} created, 0 overwritten" in seeded.out
    again = server.tool.with_settings(DIRECTUS_URL="").done("seed")
    assert again.out.startswith(f"Nothing to seed: {ROWS} rows there already")
    assert "Directus" not in again.err


def test_seed_refuses_a_database_that_was_never_deployed(empty: Tool) -> None:
    refused = empty("seed")
    assert refused.code == 2, refused.text
    assert "error[invalid-seed]: there is no collection " in refused.err
    assert "deploy first: directus-sync deploy" in refused.err


def test_the_seed_creates_the_event_of_the_rally(server: RunningDirectus) -> None:
    (event,) = rows_of(server, "/items/events", fields="*,organization_id.*")
    assert (event["name"], event["slug"], event["discipline"]) == ("Rally Albania 2026", "rally-albania-2026", "rally")
    assert (event["organization_id"]["name"], event["organization_id"]["slug"]) == (
        "Motorsport Club Albania",
        "msc-albania",
    )
    # Albania's clocks are two hours ahead in June.
    assert (event["starts_at"], event["ends_at"]) == ("2026-06-05T22:00:00.000Z", "2026-06-13T21:59:59.000Z")


def test_the_seed_creates_the_classes_in_the_order_of_the_regulations(server: RunningDirectus) -> None:
    classes = rows_of(server, "/items/classes", sort="sort_order")
    assert [found["code"] for found in classes] == CLASSES
    ranges = {(found["code"][0], found["race_number_min"], found["race_number_max"]) for found in classes}
    assert ranges == {("M", 1, 199), ("Q", 200, 299), ("C", 300, 399), ("S", 400, 499)}
    unnamed = [found for found in classes if found["code"][0] in "CS"]
    assert all(found["name"] == found["code"] and "regulations" in found["description"] for found in unnamed)


def test_the_test_entry_has_a_vehicle_a_crew_and_three_devices(server: RunningDirectus) -> None:
    (entry,) = rows_of(
        server, "/items/entries", **{"fields": "*,vehicle_id.model,class_id.code", "filter[race_number]": "301"}
    )
    assert (entry["race_number"], entry["status"]) == (301, "registered")
    assert (entry["vehicle_id"]["model"], entry["class_id"]["code"]) == ("Land Cruiser", "C-2")
    crew = rows_of(server, "/items/entry_crew", fields="role,user_id.email", **OF_THE_TEST_ENTRY)
    assert {row["role"]: row["user_id"]["email"] for row in crew} == {
        "pilot": "test.pilot@example.com",
        "co-pilot": "test.copilot@example.com",
    }
    devices = rows_of(
        server, "/items/entry_devices", fields="mount_position,assigned_user_id.email", **OF_THE_TEST_ENTRY
    )
    worn = {row["mount_position"]: (row["assigned_user_id"] or {}).get("email") for row in devices}
    assert worn == {
        "hardwired_dash": None,
        "backup_chassis": None,
        "panic_button_pilot": "test.pilot@example.com",
    }


def test_seeded_users_cannot_log_in(server: RunningDirectus) -> None:
    users = rows_of(server, "/users", **{"filter[email][_ends_with]": "@example.com"})
    (pilot,) = (user for user in users if user["email"] == "test.pilot@example.com")
    # Directus logs in only active users, and mails nobody else a link to set a password.
    assert (pilot["password"], pilot["token"], pilot["status"]) == (None, None, "draft")
    for password in ("", "password", "null"):
        login = server.http.post("/auth/login", json={"email": pilot["email"], "password": password})
        assert login.status_code in {400, 401}, login.text


@pytest.mark.parametrize(("arguments", "seeds"), [([], True), (["ARGS=--mode dry-run"], False)])
def test_make_migrate_seeds_the_local_stack_and_no_other(arguments: list[str], seeds: bool) -> None:
    command = ["make", "--dry-run", "migrate", *arguments]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert ("run --stack-only -- .venv/bin/directus-sync seed" in shown) == seeds


# Seeding again


def test_seeding_again_ignores_rows_dragged_fields_filled_in_and_the_time_zone(
    server: RunningDirectus,
) -> None:
    # A field that the file does not name belongs to the operator.
    server.database.execute("UPDATE vehicles SET cc = 4164")
    # The admin UI sends this when the last row is dragged before the others.
    for collection, parent, name in (
        ("segments", "stages", "Example: Tirana to Shkodër"),
        ("waypoints", "segments", "Dajt"),
    ):
        (found,) = rows_of(
            server,
            f"/items/{parent}",
            **{"filter[name]": name, "fields": f"id,{collection}.id,{collection}.sort_order"},
        )
        own = sorted(found[collection], key=lambda row: row["sort_order"])
        order = [{"id": row["id"], "sort_order": place} for place, row in enumerate([own[-1], *own[:-1]], 1)]
        moved = server.http.patch(
            f"/items/{parent}/{found['id']}", json={collection: {"create": [], "update": order, "delete": []}}
        )
        assert moved.status_code == 200, moved.text
    before = counts(server)
    again = server.tool.with_settings(PGTZ="Asia/Tokyo").done("seed")
    assert f"Nothing to seed: {ROWS} rows there already, 10 edited in Directus and left alone" in again.out
    assert counts(server) == before


def test_seed_reports_an_edited_row_and_overwrites_it_only_with_force(server: RunningDirectus, write: Write) -> None:
    club = server.create("organizations", name="Edited by an operator", slug="edited")
    file = write("organizations:\n- {slug: edited, name: From the file}")
    left = server.tool.done("seed", file)
    assert "name: Edited by an operator -> From the file; edited in Directus, left alone" in left.out
    assert left.out.splitlines()[-1].startswith(
        "Nothing to seed: 1 row there already, 1 edited in Directus and left alone (--force overwrites)"
    )
    assert name_of(server, club["id"]) == "Edited by an operator"

    forced = server.tool.done("seed", "--force", file)
    assert "0 created, 1 overwritten" in forced.out
    assert name_of(server, club["id"]) == "From the file"


def name_of(running: RunningDirectus, organization: str) -> str:
    return str(running.database.value("SELECT name FROM organizations WHERE id = %s", organization))


def test_a_dry_run_of_seed_writes_nothing_and_exits_3(server: RunningDirectus, write: Write) -> None:
    file = write("organizations:\n- {slug: not-yet, name: Not yet}")
    before = server.database.contents()
    shown = server.tool("seed", "--dry-run", file)
    assert (shown.code, shown.out) == (3, "  + organizations  1 row\nSeed: 1 to create, 0 to overwrite\n"), shown.text
    listed = server.tool.with_settings(DIRECTUS_SCHEMA_APPLY_MODE="dry-run")("seed", "--json", file)
    assert listed.code == 3
    document = json.loads(listed.out)
    (row,) = document["rows"]
    assert (document["created"], document["unchanged"], document["dry_run"]) == (1, 0, True)
    assert (row["line"], row["collection"], row["key"], row["action"]) == (2, "organizations", "not-yet", "create")
    assert server.database.contents() == before
    assert server.tool("seed", "--dry-run").code == 0


def test_folders_and_translations_of_directus_can_be_seeded(server: RunningDirectus, write: Write) -> None:
    file = write(
        """
        $keys: {directus_folders: [name], directus_translations: [language, key]}
        directus_folders:
        - {name: Regulations, parent: {name: Rally Albania}}
        - {name: Rally Albania}
        directus_translations:
        - {language: sq-AL, key: pilot, value: pilot}
        """
    )
    assert "3 created" in (seeded := server.tool("seed", file)).out, seeded.text
    assert server.tool("seed", file).out.startswith("Nothing to seed: 3 rows there already (")
    folders = {row["name"]: row for row in rows_of(server, "/folders")}
    assert folders["Regulations"]["parent"] == folders["Rally Albania"]["id"]


# Mistakes


def test_seed_names_file_and_line_of_an_invalid_value_before_it_writes(server: RunningDirectus, write: Write) -> None:
    """tests/unit covers the other mistakes."""
    # The first row is valid, and would be written.
    text = "entries:\n- event_id: {slug: rally-albania-2026}\n  race_number: three"
    file = write(f"devices:\n- {{imei: 350000000009999, model: FMB920}}\n{text}")
    before = counts(server)
    refused = server.tool.refused("invalid-seed", "seed", file, code=2)
    assert f"{file}:5\n" in refused.err
    assert "entries.race_number can't have this value" in refused.err
    assert counts(server) == before


MID_FILE = """
    organizations:
    - {slug: half, name: Half}
    - {slug: msc-albania, name: Overwritten}
    events:
    - organization_id: {slug: half}
      slug: half-2026
      name: Half
      discipline: rally
      starts_at: 2026-06-06T00:00:00Z
      ends_at: 2026-06-07T00:00:00Z
    classes:
    - {event_id: {slug: half-2026}, code: H-1, name: H-1}
    entries:
    - {event_id: {slug: half-2026}, class_id: {code: H-1}, race_number: 1, status: registered}
    - {event_id: {slug: half-2026}, class_id: {code: H-1}, race_number: 2, status: flying}
"""


def test_seed_undoes_a_file_that_fails_and_names_the_line(server: RunningDirectus, write: Write) -> None:
    file = write(MID_FILE)
    before = counts(server)
    failed = server.tool("seed", "--force", file)
    assert failed.code == 1, failed.text
    assert "error[seed-failed]: 1 row of entries could not be written: HTTP 400" in failed.err
    assert f"what was written from {file} is undone" in failed.err
    assert f"{file}:16" in failed.err
    assert counts(server) == before


def test_a_failed_seed_restores_overwritten_rows(server: RunningDirectus, write: Write) -> None:
    first = server.create("organizations", name="First", slug="undo-1")["id"]
    device = server.create("devices", imei="350000000008888", model="FMB920")["id"]
    # The invalid role fails only after the name and the model were changed.
    file = write(
        """
        organizations:
        - {slug: undo-1, name: Changed}
        devices:
        - {imei: 350000000008888, model: FMB003}
        entry_crew:
        - {entry_id: {race_number: 301}, user_id: {email: test.pilot@example.com}, role: passenger}
        """
    )
    failed = server.tool("seed", "--force", file)
    assert failed.code == 1, failed.text
    assert "is undone" in failed.err
    assert name_of(server, first) == "First"
    assert server.database.value("SELECT model FROM devices WHERE id = %s", device) == "FMB920"


def test_seed_keeps_and_names_the_files_before_the_failed_one(server: RunningDirectus, tmp_path: Path) -> None:
    good, bad = tmp_path / "1.yaml", tmp_path / "2.yaml"
    good.write_text("organizations:\n- {slug: stays, name: Stays}", encoding="utf-8")
    bad.write_text("organizations:\n- {slug: Not A Slug, name: Goes}", encoding="utf-8")
    failed = server.tool("seed", good, bad)
    assert failed.code == 1, failed.text
    assert f"done:  {good}" in failed.err
    assert server.database.rows("SELECT slug FROM organizations WHERE slug IN ('stays', 'Not A Slug')") == [("stays",)]


# Rules of a federation


def test_seed_turns_the_rules_of_a_federation_into_formulas_of_an_event(
    server: RunningDirectus, write: Write, tmp_path: Path
) -> None:
    """A new edition shows up as a diff and is applied. Overlapping brackets are refused. Results do not change."""
    rules = tmp_path / "rules.csv"
    shutil.copy(RALLY.parent / "rules" / "fia_cross_country.csv", rules)
    path = write("""
        events:
        - {organization_id: &club {slug: msc-albania}, slug: baja, name: Baja, discipline: rally,
           starts_at: 2026-09-05T00:00Z, ends_at: 2026-09-06T00:00Z}
        penalty_formulas:
          $each: {event_id: {organization_id: *club, slug: baja}, belongs_to_type: event, belongs_to_id: null}
          $disjoint: [offence_min < offence_max, occurrence_min <= occurrence_max]
          $rows: rules.csv
    """)
    results = "SELECT md5(string_agg(r::text, '' ORDER BY r.id)) FROM {} AS r"
    before = [server.database.value(results.format(table)) for table in ("stage_results", "entry_penalties")]
    assert server.tool("seed", path).code == 0
    formulas = rows_of(server, "/items/penalty_formulas", **{"filter[event_id][slug]": "baja"})
    assert len(formulas) == len(rules.read_text(encoding="utf-8").splitlines()) - 1
    assert all(formula["regulation_ref"] for formula in formulas)

    edition = rules.read_text(encoding="utf-8")
    rules.write_text(edition.replace(",per_unit,10,", ",per_unit,15,"), encoding="utf-8")
    planned = server.tool("seed", "--dry-run", path)
    assert planned.code == 3, planned.text
    assert "penalty: 10 -> 15" in planned.out
    assert server.tool("seed", path).code == 0
    assert server.tool("seed", "--dry-run", path).code == 0

    rules.write_text(edition.replace("slz_speed,,0,20,", "slz_speed,,0,21,"), encoding="utf-8")
    refused = server.tool("seed", path)
    assert refused.code != 0
    assert "two rows of penalty_formulas overlap: 0 to 21, 1 to any and 20 to 40, 1 to any" in refused.err
    assert f"{rules}:2" in refused.err
    assert f"{rules}:3" in refused.err
    after = [server.database.value(results.format(table)) for table in ("stage_results", "entry_penalties")]
    assert before == after
