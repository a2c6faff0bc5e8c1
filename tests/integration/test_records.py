"""What the database records about deploys and removed rows, and how long it keeps these records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.checkout import Checkout
from tests.commands import finished
from tests.conftest import Tool

COPIES = ("vehicles", None), ("vehicles", "plate"), ("events", "notes")


@pytest.fixture
def copies(settled: Tool) -> list[int]:
    """The ids of three copies in the attic, of which the last is 40 days old."""
    settled.database.execute("DELETE FROM directus_sync.attic_copies")
    ids = []
    for collection, field in COPIES:
        number = settled.database.value(
            "INSERT INTO directus_sync.attic_copies (run, command, host, sha256, collection, field, primary_key, rows)"
            " VALUES (gen_random_uuid(), 'push', 'box', '', %s, %s, '{id}', 0) RETURNING id",
            collection,
            field,
        )
        settled.database.execute(f"CREATE TABLE attic.copy_{number} (id int)")
        ids.append(number)
    old = f"UPDATE directus_sync.attic_copies SET taken_at = now() - interval '40 days' WHERE id = {ids[-1]}"
    settled.database.execute(old)
    return ids


def kept(tool: Tool) -> list[int]:
    """Return the ids of the copies that are registered and have a table."""
    there = "SELECT id FROM directus_sync.attic_copies WHERE to_regclass('attic.' || table_name) IS NOT NULL"
    return sorted(number for (number,) in tool.database.rows(there))


def test_purge_selects_copies_by_number_item_and_age(settled: Tool, copies: list[int]) -> None:
    first, second, third = copies
    assert settled("attic", "purge").code == 2
    assert "no copy 999999" in settled("attic", "purge", str(first), "999999").err
    assert settled("attic", "purge", "--item", "events", "--older-than", "50d").out == "Purged 0 copies\n"
    assert kept(settled) == copies
    shown = settled("attic", "purge", "--dry-run", str(third))
    assert (shown.code, shown.out) == (3, "Would purge 1 copy\n"), shown.text
    refused = settled("attic", "purge", str(third))
    assert (refused.code, "1 copy would be deleted for good; this was not confirmed" in refused.err) == (2, True)
    assert "run again with --yes" in refused.err
    assert kept(settled) == copies
    purged = json.loads(settled("attic", "purge", "--yes", "--json", str(third)).out)["purged"]
    assert [copy["id"] for copy in purged] == [third]
    assert kept(settled) == [first, second]
    assert settled("attic", "purge", "--yes", "--item", "vehicles.plate").code == 0
    assert kept(settled) == [first]
    assert settled("attic", "purge", "--yes", "--item", "vehicles").out == "Purged 1 copy\n"
    assert kept(settled) == []


def test_deploy_purges_copies_older_than_the_retention(settled: Tool, copies: list[int]) -> None:
    assert "Purged" not in settled("deploy").err
    done = settled.with_settings(DIRECTUS_SYNC_ATTIC_RETENTION="30d").done("deploy")
    assert f"Purged {copies[2]:>4}  events.notes" in done.err
    assert done.out.startswith("Nothing to do")
    assert kept(settled) == copies[:2]


def test_a_deploy_records_who_ran_it_and_from_which_commit(settled: Tool) -> None:
    ((account, commit),) = settled.database.rows("SELECT account, commit FROM directus_sync.deploys LIMIT 1")
    assert account.endswith(f" as {settled.environ['DB_USER']}")
    # An earlier commit with the same code may have made the template.
    assert len(commit) == len(finished(["git", "rev-parse", "HEAD"]).out.strip())
    assert f"by {account} on " in settled("status").out


def test_a_deploy_that_fails_is_recorded_until_one_succeeds(deployed: Tool) -> None:
    deployed.database.execute("UPDATE directus_sync.revisions SET checksum = 'edited' WHERE id = 'pre_0001'")
    deployed.database.execute("UPDATE directus_sync.deploys SET fingerprint = NULL")
    refused = deployed.with_settings(DIRECTUS_SYNC_IMAGE="trm/directus:test")("deploy")
    assert refused.code == 4, refused.text
    ((error, message, image),) = deployed.database.rows("SELECT error, message, image FROM directus_sync.failures")
    assert (error, image) == ("revision-edited", "trm/directus:test")
    assert message in refused.err
    assert "revision-edited" in deployed("status").out
    deployed.database.execute("UPDATE directus_sync.deploys SET finished_at = now()")
    assert "failed " not in deployed("status").out


def test_a_failed_revision_shows_and_records_no_value_of_a_row(deployed: Tool, tmp_path: Path) -> None:
    deployed.database.execute(
        "CREATE TABLE crews (email text); INSERT INTO crews VALUES (E'someone\n@a.example'), (E'someone\n@a.example')"
    )
    checkout = Checkout.with_revision(
        tmp_path, 'execute("CREATE UNIQUE INDEX crews_email_idx ON crews (email)")', 'execute("DROP TABLE crews")'
    )
    failed = checkout.sync(deployed, "deploy")
    assert (failed.code, "Key (email)=… is duplicated" in failed.err) == (1, True), failed.text
    ((recorded,),) = deployed.database.rows("SELECT message FROM directus_sync.failures")
    assert "someone" not in failed.text + recorded
