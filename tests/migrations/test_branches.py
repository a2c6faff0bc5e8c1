"""The two branches in Alembic, and the rules for every revision."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from directus_sync.errors import DatabaseFailed
from directus_sync.output import Progress
from directus_sync.postgres import database
from directus_sync.revisions import branches
from directus_sync.revisions.branches import BRANCHES, VERSIONS, checkout_head
from tests.checkout import Checkout
from tests.conftest import PROGRAMS, ROOT, Tool
from tests.migrations.revising import Revised, psql, refusal
from tools.revisions.__main__ import main
from tools.revisions.new_revision import new_revision

REVISIONS = sorted(VERSIONS.glob("*/*.py"))
DOCSTRING = re.compile(r"\A[A-Z][^\n]*\.\n\nWhy: +\S.*^Locks: +\S.*^Downgrade: +\S", re.DOTALL | re.MULTILINE)


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(Config(str(ROOT / "alembic.ini")))


def test_the_head_files_name_the_heads() -> None:
    assert {branch: checkout_head(branch) for branch in BRANCHES} == {
        branch: _script().as_revision_number(f"{branch}@head") for branch in BRANCHES
    }


def test_the_two_branches_have_labels_and_no_dependencies() -> None:
    script = _script()
    bases = [script.get_revision(base) for base in script.get_bases()]
    assert sorted(label for base in bases for label in base.branch_labels) == ["post", "pre"]
    assert [revision.dependencies for revision in script.walk_revisions() if revision.dependencies] == []


@pytest.mark.parametrize("path", REVISIONS, ids=lambda path: path.stem)
def test_a_revision_follows_the_rules(path: Path) -> None:
    assert re.fullmatch(rf"{path.parent.name}_\d{{4}}_[a-z0-9_]+", path.stem)
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")), clean=False)
    assert docstring is not None
    assert DOCSTRING.search(docstring), "the docstring says: one line, Why, Locks, Downgrade"
    assert "TODO" not in docstring


@pytest.mark.parametrize("path", REVISIONS, ids=lambda path: path.stem)
def test_a_revision_has_its_own_test(path: Path) -> None:
    test = ROOT / "tests" / "migrations" / f"test_{path.stem}.py"
    assert test.is_file(), f"{path.name} has no test: write {test.relative_to(ROOT)}"
    assert "def test_" in test.read_text(encoding="utf-8")


@pytest.mark.parametrize("target", ["heads", "pre_0001:head --sql"])
def test_upgrading_both_branches_at_once_is_refused(empty: Tool, target: str) -> None:
    refused = empty.alembic("upgrade", *target.split())
    assert refused.code != 0
    assert "run `directus-sync deploy`, or `alembic upgrade pre@head`" in refused.err
    assert "Traceback" not in refused.err
    assert empty.database.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'directus_sync'") == 0


def test_pre_can_be_upgraded_without_post_and_current_changes_nothing(empty: Tool) -> None:
    assert empty.alembic("current").out == ""
    assert empty.database.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'directus_sync'") == 0
    for _ in range(2):
        upgraded = empty.alembic("upgrade", "pre@head")
        assert upgraded.code == 0, upgraded.text
    assert empty.alembic("current").out == f"{checkout_head('pre')} (head)\n"


def test_an_upgrade_of_post_before_the_push_is_refused(bootstrapped: Tool) -> None:
    refused = refusal(Revised(bootstrapped).upgrade, "post@head")
    assert "table organization_users does not exist yet" in refused
    assert "push the snapshot first" in refused


def test_a_session_that_ends_before_a_revision_is_reported_once(
    empty: Tool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A library would otherwise log its failed clean-up before the error."""
    prepare = branches.prepare

    def too_late(connection: Any) -> None:
        empty.database.execute(f"SELECT pg_terminate_backend({connection.info.backend_pid})")
        prepare(connection)

    monkeypatch.setattr(branches, "prepare", too_late)
    with (
        pytest.raises(DatabaseFailed, match=r"lost while pre_0001_\w+ was applied\n.*terminating connection"),
        database.connect(empty.settings, "a test") as connection,
    ):
        branches.upgrade(connection, "pre", Progress())
    assert caplog.records == []


def test_the_printed_sql_makes_the_same_schema_as_the_revisions(bootstrapped: Tool, deployed: Tool) -> None:
    revised = Revised(bootstrapped)
    wanted = bootstrapped.database.schema()
    revised.downgrade("pre@base")
    bootstrapped.database.execute("DROP SCHEMA directus_sync CASCADE")
    printed = bootstrapped.alembic("upgrade", "pre@head", "--sql")
    assert printed.code == 0, printed.text
    psql(bootstrapped, printed.out)
    assert bootstrapped.database.schema() == wanted

    wanted = deployed.database.schema()
    Revised(deployed).downgrade("post@base")
    assert deployed.database.schema() != wanted
    psql(deployed, deployed.alembic("upgrade", f"{checkout_head('pre')}:post@head", "--sql").out)
    assert deployed.database.schema() == wanted


def test_downgrades_of_all_revisions_can_be_undone(deployed: Tool) -> None:
    wanted = deployed.database.schema()
    deployed.database.execute("TRUNCATE directus_sync.snapshot_history, directus_sync.resource_history, audit.changes")
    revised = Revised(deployed)
    for branch in ("post", "pre"):
        revised.downgrade(f"{branch}@base")
    assert deployed.database.value("SELECT count(*) FROM directus_sync.alembic_version") == 0
    for branch in ("pre", "post"):
        revised.upgrade(f"{branch}@head")
    assert deployed.database.schema() == wanted


def test_a_new_revision_follows_the_rules_and_moves_the_head_file(tmp_path: Path) -> None:
    for name in ("alembic.ini", "migrations"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    head = checkout_head("post")
    number = int(head.removeprefix("post_")) + 1
    path = new_revision("post", "add entries checks", tmp_path)
    assert path.name == f"post_{number:04d}_add_entries_checks.py"
    text = path.read_text(encoding="utf-8")
    assert text.startswith('"""Add entries checks.\n\nWhy:')
    assert f'down_revision = "{head}"' in text
    assert (tmp_path / "migrations/versions/POST_HEAD").read_text() == f"{path.stem}\n"
    for check in (["check"], ["format", "--diff"]):
        named = f"--stdin-filename=migrations/versions/post/{path.name}"
        subprocess.run([PROGRAMS / "ruff", *check, named, "-"], cwd=ROOT, input=text, text=True, check=True)
    for branch in ("PRE_HEAD", "POST_HEAD"):
        before = (ROOT / "migrations/versions" / branch).read_text()
        assert ((tmp_path / "migrations/versions" / branch).read_text() == before) == (branch == "PRE_HEAD")


@pytest.mark.parametrize(
    "arguments", [["post", ""], ["both", "add a column"], ["pre"], [], ["post", 'say """hi'], ["post", "add \\x"]]
)
def test_a_new_revision_needs_a_branch_and_a_message(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", *arguments]) == 2
    assert 'make pre m="add a column"' in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["merge", "pre_0007", "post_0011"], ["revision", "-m", "x"]])
def test_alembic_merge_and_revision_are_refused(empty: Tool, arguments: list[str]) -> None:
    before = sorted(VERSIONS.rglob("*.py"))
    refused = empty.alembic(*arguments)
    assert refused.code == 255
    assert f"`alembic {arguments[0]}` is not supported" in refused.err
    assert "make " in refused.err
    assert "Traceback" not in refused.err
    assert sorted(VERSIONS.rglob("*.py")) == before


def test_a_revision_with_a_syntax_error_is_named(empty: Tool, tmp_path: Path) -> None:
    checkout = Checkout.copied(tmp_path)
    with (tmp_path / "migrations" / "versions" / "pre" / "pre_0002_create_sync_tables.py").open("a") as file:
        file.write("<<<<<<< HEAD\n")
    for arguments in (["upgrade", "pre@head"], ["upgrade", "pre@head", "--sql"], ["current"]):
        refused = checkout.alembic(empty, *arguments)
        assert refused.code == 255
        assert "error[invalid-revisions]: pre_0002_create_sync_tables.py is not Python" in refused.err
        assert "Traceback" not in refused.err


def test_pre_cannot_be_downgraded_to_base_before_post(deployed: Tool) -> None:
    before = deployed.database.contents()
    for target in ("base", "pre@base"):
        refused = deployed.alembic("downgrade", target)
        assert refused.code == 255
        assert "run `alembic downgrade post@base`, then `alembic downgrade pre@base`" in refused.err
        assert "Traceback" not in refused.err
    assert deployed.database.contents() == before
