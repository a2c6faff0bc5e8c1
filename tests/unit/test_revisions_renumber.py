"""`make renumber` and `make accept-edits`, in a git repository."""

from __future__ import annotations

import pytest

from directus_sync.errors import InvalidRevisions
from tests.checkout import git
from tests.versions import Versions
from tools.revisions.__main__ import main
from tools.revisions.accept_edits import accept_edits
from tools.revisions.renumber import renumber


def _commit(versions: Versions, message: str, at: int) -> None:
    git(versions.root, "add", "--all")
    git(versions.root, "commit", "--quiet", "--message", message, at=at)


def _repository(versions: Versions) -> Versions:
    git(versions.root, "init", "--quiet")
    _commit(versions, "all of it", 0)
    return versions


def _on_branch(versions: Versions, branch: str, *names: str, at: int) -> None:
    """Commit revisions on a new branch that starts from main."""
    git(versions.root, "switch", "--quiet", "--create", branch, "main")
    for number, name in enumerate(names, 3):
        versions.add(name, f"post_{number - 1:04d}")
        test = versions.root / "tests" / "migrations" / f"test_{name}.py"
        test.parent.mkdir(parents=True, exist_ok=True)
        test.write_text(f"UP, DOWN, NAME = 'post_{number:04d}', 'post_{number - 1:04d}', '{name}'\n")
    versions.name_head(names[-1])
    _commit(versions, branch, at)


def _merged(versions: Versions, into: str, branch: str) -> None:
    git(versions.root, "switch", "--quiet", into)
    said = git(versions.root, "merge", "--no-edit", branch, at=90, may_fail=True)
    assert "CONFLICT (content): Merge conflict in migrations/versions/POST_HEAD" in said


def test_the_revision_on_main_keeps_its_number_even_if_it_was_written_later(versions: Versions) -> None:
    _repository(versions)
    _on_branch(versions, "early", "post_0003_early", at=10)
    _on_branch(versions, "late", "post_0003_late", at=20)
    git(versions.root, "switch", "--quiet", "main")
    git(versions.root, "merge", "--quiet", "--no-ff", "--no-edit", "late", at=30)
    _merged(versions, "early", "main")
    moved = renumber(root=versions.root)
    assert [(move.file.name, move.name) for move in moved] == [("post_0003_early", "post_0004_early")]
    assert versions.ordered("post") == ["post_0001_a", "post_0002_b", "post_0003_late", "post_0004_early"]
    assert renumber(root=versions.root) == []


def test_the_revision_that_was_merged_into_main_later_moves(versions: Versions) -> None:
    _repository(versions)
    _on_branch(versions, "x", "post_0003_x", at=20)
    _on_branch(versions, "y", "post_0003_y", at=10)
    git(versions.root, "switch", "--quiet", "main")
    git(versions.root, "merge", "--quiet", "--no-ff", "--no-edit", "x", at=30)
    _merged(versions, "main", "y")
    _commit(versions, "a bad merge", 40)
    renumber(root=versions.root)
    assert versions.ordered("post")[-2:] == ["post_0003_x", "post_0004_y"]


def test_without_a_main_branch_the_older_commit_keeps_its_number(versions: Versions) -> None:
    _repository(versions)
    _on_branch(versions, "y", "post_0003_y", at=10)
    _on_branch(versions, "x", "post_0003_x", at=20)
    git(versions.root, "branch", "--quiet", "--delete", "--force", "main")
    _merged(versions, "x", "y")
    renumber(root=versions.root)
    assert versions.ordered("post")[-2:] == ["post_0003_y", "post_0004_x"]


def test_a_revision_that_is_not_committed_moves(versions: Versions) -> None:
    _repository(versions)
    _on_branch(versions, "y", "post_0003_y", at=10)
    versions.add("post_0003_a", "post_0002")
    renumber(root=versions.root)
    assert versions.ordered("post")[-2:] == ["post_0003_y", "post_0004_a"]


def test_revisions_of_a_branch_keep_their_order_and_their_tests_are_renamed(versions: Versions) -> None:
    _repository(versions)
    _on_branch(versions, "x", "post_0003_x", "post_0004_x", at=10)
    _on_branch(versions, "y", "post_0003_y", "post_0004_y", at=20)
    git(versions.root, "switch", "--quiet", "main")
    git(versions.root, "merge", "--quiet", "--ff-only", "x")
    _merged(versions, "y", "main")
    renumber(root=versions.root)
    assert versions.ordered("post")[2:] == ["post_0003_x", "post_0004_x", "post_0005_y", "post_0006_y"]
    tests = {path.name: path.read_text() for path in (versions.root / "tests" / "migrations").glob("*.py")}
    assert tests == {
        "test_post_0003_x.py": "UP, DOWN, NAME = 'post_0003', 'post_0002', 'post_0003_x'\n",
        "test_post_0004_x.py": "UP, DOWN, NAME = 'post_0004', 'post_0003', 'post_0004_x'\n",
        "test_post_0005_y.py": "UP, DOWN, NAME = 'post_0005', 'post_0004', 'post_0005_y'\n",
        "test_post_0006_y.py": "UP, DOWN, NAME = 'post_0006', 'post_0005', 'post_0006_y'\n",
    }


def test_the_second_of_two_heads_with_different_ids_gets_the_first_as_parent(versions: Versions) -> None:
    versions.add("post_0003_x", "post_0002")
    versions.add("post_0004_y", "post_0002")
    moved = renumber(root=versions.root)
    assert [(move.name, move.parent) for move in moved] == [("post_0004_y", "post_0003")]
    assert versions.ordered("post")[-2:] == ["post_0003_x", "post_0004_y"]


def test_the_named_revision_becomes_the_last(versions: Versions, capsys: pytest.CaptureFixture[str]) -> None:
    versions.add("post_0003_x", "post_0002")
    versions.add("post_0003_y", "post_0002")
    renumber("post_0003_x", versions.root)
    assert versions.ordered("post")[-2:] == ["post_0003_y", "post_0004_x"]
    renumber("post_0001_a", versions.root)
    assert versions.ordered("post") == ["post_0001_b", "post_0002_y", "post_0003_x", "post_0004_a"]
    with pytest.raises(ValueError, match=r"there is no revision file post_0009_z\.py"):
        renumber("post_0009_z", versions.root)


def test_a_head_file_with_a_merge_conflict_is_rewritten(versions: Versions) -> None:
    (versions.folder / "POST_HEAD").write_text("<<<<<<< HEAD\n")
    assert renumber(root=versions.root) == []
    assert (versions.folder / "POST_HEAD").read_text() == "post_0002_b\n"


def test_an_error_that_renumbering_cannot_fix_is_raised(versions: Versions) -> None:
    versions.add("post_0003_x", "post_0009")
    with pytest.raises(InvalidRevisions, match="comes after post_0009"):
        renumber(root=versions.root)


def test_a_renumbered_revision_keeps_its_checksum(versions: Versions) -> None:
    versions.add("post_0003_x", "post_0002")
    versions.add("post_0003_y", "post_0002", 'op.execute("SELECT 2")')
    before = versions.file("post_0003_y").checksum
    renumber(root=versions.root)
    moved = versions.file("post_0004_y")
    assert (moved.checksum, moved.parent) == (before, "post_0003")


@pytest.mark.parametrize("arguments", [["renumber"], ["accept-edits", "a reason"], ["new", "post", "a message"]])
def test_each_program_exits_with_the_code_of_the_error(
    arguments: list[str], versions: Versions, capsys: pytest.CaptureFixture[str]
) -> None:
    versions.path("post_0002_b").write_text("def")
    assert main(arguments, versions.root) == 4
    assert "error[invalid-revisions]: post_0002_b.py is not Python" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], [""], ["  "], ['a """ in it']])
def test_accepting_edits_needs_a_reason(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["accept-edits", *arguments]) == 2
    assert 'make accept-edits m="why' in capsys.readouterr().err


def test_accepted_edits_are_written_into_the_docstring_once(versions: Versions) -> None:
    _repository(versions)
    before = versions.file("post_0001_a").checksum
    versions.add("post_0001_a", None, 'op.execute("SELECT 2")')
    git(versions.root, "switch", "--quiet", "--create", "edit")
    _commit(versions, "edit it", 10)
    assert accept_edits("the same\n rows", root=versions.root) == ["post_0001_a"]
    assert accept_edits("the same rows", root=versions.root) == []
    text = versions.path("post_0001_a").read_text()
    assert f'Downgrade: nothing.\nEdited:    {before} the same rows\n"""\n' in text
    assert versions.file("post_0001_a").accepted == {before}


def test_an_edit_without_a_reason_is_not_accepted(versions: Versions) -> None:
    path = versions.path("post_0001_a")
    path.write_text(path.read_text().replace("nothing.\n", "nothing.\nEdited:    0123456789abcdef\n"))
    assert versions.file("post_0001_a").accepted == frozenset()
