"""Every command that applies revisions refuses an edited one, unless git accepts the edit."""

from __future__ import annotations

from pathlib import Path

import pytest

from directus_sync.revisions import revision_files
from directus_sync.revisions.branches import BRANCHES, VERSIONS
from tests.checkout import Checkout
from tests.conftest import Tool

NAME = "post_0003_add_participation_checks"
PATH = Path("migrations", "versions", "post", f"{NAME}.py")
RECORDED = "SELECT id, name, checksum FROM directus_sync.revisions ORDER BY id"
OF_THE_FILES = [
    (file.id, file.name, file.checksum)
    for branch in sorted(BRANCHES)
    for file in revision_files.ordered(VERSIONS, branch)
]


def _replace(checkout: Checkout, old: str, new: str) -> None:
    path = checkout.folder / PATH
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def edited(tmp_path: Path) -> Checkout:
    """A checkout in which an applied revision was edited."""
    checkout = Checkout.copied(tmp_path)
    _replace(checkout, "def upgrade() -> None:\n", "def upgrade() -> None:\n    op.execute('SELECT 1')\n")
    _replace(checkout, "\nrevision = ", "\nfrom alembic import op\n\nrevision = ")
    return checkout


def test_every_command_refuses_an_edited_revision_before_it_changes_anything(deployed: Tool, edited: Checkout) -> None:
    assert deployed("deploy").out.startswith("Nothing to do")
    before = deployed.database.contents()
    for code, refused in (
        (4, edited.sync(deployed, "deploy")),
        (4, edited.sync(deployed, "check")),
        (255, edited.alembic(deployed, "upgrade", "post@head")),
    ):
        assert refused.code == code, refused.text
        assert "error[revision-edited]: 1 revision is not what this database applied" in refused.err
        assert f"{PATH}: edited after it was applied" in refused.err
        assert f"/{deployed.database.name}\n" in refused.err
        assert 'make accept-edits m="why' in refused.err
        assert "Traceback" not in refused.err
    assert deployed.database.contents() == before


def test_a_head_file_with_a_wrong_name_is_refused_even_without_pending_revisions(
    deployed: Tool, tmp_path: Path
) -> None:
    checkout = Checkout.copied(tmp_path)
    (tmp_path / "migrations" / "versions" / "POST_HEAD").write_text("post_0011_another_name\n")
    refused = checkout.sync(deployed, "deploy")
    assert refused.code == 4, refused.text
    assert "error[invalid-revisions]: POST_HEAD names post_0011_another_name" in refused.err


def test_a_revision_with_edited_comments_is_deployed_as_before(deployed: Tool, tmp_path: Path) -> None:
    checkout = Checkout.copied(tmp_path)
    _replace(checkout, '"""', '"""A better sentence. ')
    _replace(checkout, "def upgrade() -> None:\n", "def upgrade() -> None:\n    # Why it is like that.\n\n")
    done = checkout.sync(deployed, "deploy")
    assert done.code == 0, done.text
    assert deployed.database.rows(RECORDED) == OF_THE_FILES


def test_an_edit_that_is_accepted_in_the_docstring_is_recorded(deployed: Tool, edited: Checkout) -> None:
    old = {name: checksum for _, name, checksum in OF_THE_FILES}[NAME]
    _replace(edited, "\nDowngrade:", f"\nEdited:    {old} a test says so\nDowngrade:")
    done = edited.sync(deployed, "deploy")
    assert done.code == 0, done.text
    new = deployed.database.value("SELECT checksum FROM directus_sync.revisions WHERE name = %s", NAME)
    assert new == revision_files.checksum_of((edited.folder / PATH).read_bytes()) != old
    refused = deployed("deploy")
    assert refused.code == 4, refused.text
    assert f"{PATH}: edited after it was applied" in refused.err


@pytest.mark.slow
def test_a_database_without_checksums_records_them_at_its_next_deploy(deployed: Tool) -> None:
    deployed.database.execute("TRUNCATE directus_sync.resource_history, audit.changes")
    for revision in ("post_0012", "pre_0007"):
        assert deployed.alembic("downgrade", revision).code == 0
    assert deployed.database.value("SELECT to_regclass('directus_sync.revisions') IS NULL")
    deployed.done("deploy")
    assert deployed.database.rows(RECORDED) == OF_THE_FILES
    known = "SELECT id FROM directus_sync.revisions WHERE applied_at IS NOT NULL AND id LIKE 'pre%%'"
    assert deployed.database.value(f"SELECT min(id) FROM ({known}) AS known") == "pre_0008"


def test_a_revision_without_a_record_gets_one_from_the_next_deploy(deployed: Tool) -> None:
    deployed.database.execute("DELETE FROM directus_sync.revisions WHERE id = 'post_0020'")
    deployed.database.execute("UPDATE directus_sync.deploys SET inputs = NULL")
    deployed.done("deploy")
    assert deployed.database.rows(RECORDED) == OF_THE_FILES


def test_downgrade_and_stamp_update_the_records(deployed: Tool) -> None:
    assert deployed.alembic("downgrade", "post_0019").code == 0
    kept = [row for row in OF_THE_FILES if row[0] != "post_0020"]
    assert deployed.database.rows(RECORDED) == kept
    assert deployed.alembic("stamp", "post_0020").code == 0
    assert deployed.database.rows(RECORDED) == OF_THE_FILES
    assert deployed.database.value("SELECT applied_at IS NULL FROM directus_sync.revisions WHERE id = 'post_0020'")
