"""The incident that this project exists for: a stale snapshot deleted five collections and their constraints."""

from __future__ import annotations

import shutil
from pathlib import Path

from directus_sync.schema.snapshot import Snapshot
from tests.conftest import SNAPSHOT, RunningDirectus, Serving
from tests.snapshots import edited, without_collections

FIVE = ("classes", "entries", "entry_crew", "entry_devices", "events")
# Six of the seven collections in that snapshot; the seventh is directus_users.
SIX = ("devices", "organization_devices", "organization_users", "organization_vehicles", "organizations", "vehicles")

CLUB = "00000000-0000-4000-8000-000000000002"


def test_push_refuses_the_stale_snapshot_of_the_incident(serve: Serving, committed: Snapshot, tmp_path: Path) -> None:
    tables = [name for (name,), entry in committed.section("collections").items() if entry.get("schema")]
    later = [name for name in tables if name not in SIX]
    stale = edited(Path(shutil.copy(SNAPSHOT, tmp_path / "schema.yaml")), without_collections(*later))
    with serve("bootstrapped") as running:
        assert running.tool("push", "--snapshot", stale).code == 0
        _make_the_others(running)
        before = running.database.contents()

        # A new image boots with the stale snapshot.
        refused = running.tool.refused("uncaptured-live-work", "push", "--snapshot", stale)
        assert set(FIVE) < set(later)
        for name in later:
            assert name in refused.err
        assert "events (1 row)" in refused.err
        assert "keep them: directus-sync pull, then commit" in refused.err
        assert running.database.contents() == before

        # Follow the message: capture, commit, deploy.
        running.tool.done("pull", "--snapshot", stale)
        running.tool.done("deploy", "--snapshot", stale)
        assert running.database.value("SELECT count(*) FROM entry_devices") == 1
        names = {row[0] for row in running.database.rows("SELECT conname::text FROM pg_constraint")}
        assert {"events_organization_id_slug_key", "entry_devices_entry_id_device_id_key"} <= names
        # With a private Directus, because the running one does not load the project's extension.
        assert running.tool.with_settings(DIRECTUS_URL="")("check", "--snapshot", stale).code == 0


def _make_the_others(running: RunningDirectus) -> None:
    """Add the other collections with Directus's API, as a colleague in the admin UI would, and one row of each."""
    content = SNAPSHOT.read_bytes()
    answer = running.http.post("/schema/diff", files={"file": ("s.yaml", content, "text/yaml")})
    assert running.http.post("/schema/apply", json=answer.json()["data"]).status_code == 204
    organization = running.create("organizations", name="Motorsport Club Albania", slug="msc-albania")["id"]
    device = running.create("devices", imei="350000000000001", model="FMB920")["id"]
    event = running.create(
        "events", organization_id=organization, name="Rally Albania 2026", slug="rally-albania-2026",
        discipline="rally", starts_at="2026-06-06T06:00:00Z", ends_at="2026-06-13T18:00:00Z",
    )["id"]  # fmt: skip
    racing_class = running.create("classes", event_id=event, code="C-2", name="C-2")["id"]
    entry = running.create("entries", event_id=event, class_id=racing_class, race_number=301, status="registered")["id"]
    running.create("entry_devices", entry_id=entry, device_id=device)


def test_deploy_restores_and_names_constraints_dropped_by_hand(serve: Serving) -> None:
    with serve("deployed") as running:
        wanted = running.database.schema()
        for table, name in (
            ("events", "events_organization_id_slug_key"),
            ("entry_devices", "entry_devices_entry_id_device_id_key"),
        ):
            running.database.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        running.database.execute("DROP INDEX positions_faulty_idx")

        checked = running.tool("check")
        assert checked.code == 3, checked.text
        assert "missing: constraint events.events_organization_id_slug_key" in checked.out
        assert "missing: index positions.positions_faulty_idx" in checked.out
        assert 'ADD CONSTRAINT "events_organization_id_slug_key" UNIQUE (organization_id, slug)' in checked.out

        done = running.tool.done("deploy")
        assert "Put back: constraint events.events_organization_id_slug_key" in done.err
        assert "3 put back" in done.out
        assert running.database.schema() == wanted
        assert running.tool("deploy").out.startswith("Nothing to do")

        # Rows that violate the constraint must be fixed first.
        running.database.execute(
            "ALTER TABLE events DROP CONSTRAINT events_organization_id_slug_key;"
            f"INSERT INTO organizations (id, name, slug) VALUES ('{CLUB}', 'Motorsport Club Albania', 'mca');"
            "INSERT INTO events (id, organization_id, name, slug, discipline, starts_at, ends_at) SELECT"
            f" gen_random_uuid(), '{CLUB}', 'Twice', 'twice', 'rally', now(), now() + interval '1 day'"
            " FROM generate_series(1, 2)"
        )
        failed = running.tool.refused("precondition-failed", "deploy", code=1)
        assert "constraint events.events_organization_id_slug_key can't be put back" in failed.err
        assert f"({CLUB}, …)  2 rows" in failed.err
        assert running.database.value("SELECT count(*) FROM events") == 2
