"""Revision files that can't be used: each is an error with the names of all files and the way out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from directus_sync.errors import InvalidRevisions
from directus_sync.revisions import revision_files
from directus_sync.revisions.branches import BRANCHES, VERSIONS
from tests.versions import Versions

# An input of a public report: what `alembic merge` writes over two labelled branches.
MERGE = "\"('pre_0003', 'post_0002')\""


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    return Versions.made(tmp_path)


def two_of_one_id(versions: Versions) -> None:
    versions.add("post_0003_x", "post_0002")
    versions.add("post_0003_y", "post_0002")
    versions.name_head("post_0003_y")


def two_heads(versions: Versions) -> None:
    versions.add("post_0003_x", "post_0002")
    versions.add("post_0004_y", "post_0002")
    versions.name_head("post_0004_y")


def two_beginnings(versions: Versions) -> None:
    versions.add("post_0003_x", None)


def an_unknown_parent(versions: Versions) -> None:
    versions.add("post_0003_x", "post_0009")


def a_parent_of_the_other_branch(versions: Versions) -> None:
    versions.add("post_0003_x", "pre_0003")


def a_circle(versions: Versions) -> None:
    versions.add("post_0003_x", "post_0004")
    versions.add("post_0004_y", "post_0003")


def a_syntax_error(versions: Versions) -> None:
    versions.add("post_0003_x", "post_0002", "<<<<<<< HEAD")


def bytes_that_are_no_text(versions: Versions) -> None:
    versions.path("post_0003_x").write_bytes(b"\xff\x00")


def a_merge(versions: Versions) -> None:
    path = versions.add("post_0003_x", "post_0002")
    path.write_text(path.read_text().replace('"post_0002"', MERGE))


def a_merge_as_a_tuple(versions: Versions) -> None:
    path = versions.add("post_0003_x", "post_0002")
    path.write_text(path.read_text().replace('"post_0002"', '("pre_0003", "post_0002")'))


def a_random_id(versions: Versions) -> None:
    path = versions.add("post_0003_x", "post_0002")
    path.write_text(path.read_text().replace('"post_0003"', '"f251068113cd"'))


def an_id_that_is_computed(versions: Versions) -> None:
    path = versions.add("post_0003_x", "post_0002")
    path.write_text(path.read_text().replace('"post_0003"', '"post_" + str(3)'))


def an_id_that_nothing_can_be(versions: Versions) -> None:
    path = versions.add("post_0003_x", "post_0002")
    path.write_text(path.read_text().replace('"post_0003"', "{[]: 3}"))


def a_head_file_that_was_not_updated(versions: Versions) -> None:
    versions.add("post_0003_x", "post_0002")


def a_head_file_with_the_id_alone(versions: Versions) -> None:
    versions.name_head("post_0002")


def a_head_file_that_names_an_unknown_revision(versions: Versions) -> None:
    versions.name_head("post_0009_gone")


def a_head_file_of_the_other_branch(versions: Versions) -> None:
    (versions.folder / "POST_HEAD").write_text("pre_0003_c\n")


def a_head_file_in_conflict(versions: Versions) -> None:
    (versions.folder / "POST_HEAD").write_text("<<<<<<< HEAD\npost_0003_x\n=======\npost_0003_y\n>>>>>>> y\n")


def no_head_file(versions: Versions) -> None:
    (versions.folder / "POST_HEAD").unlink()


def no_revision(versions: Versions) -> None:
    for path in (versions.folder / "post").glob("*.py"):
        path.unlink()


RENUMBER = "make renumber"
CASES: dict[Callable[[Versions], None], tuple[str, list[str], str]] = {
    two_of_one_id: ("two files are revision post_0003", ["post_0003_x", "post_0003_y"], RENUMBER),
    two_heads: ("two revisions come after post_0002", ["post_0003_x", "post_0004_y"], RENUMBER),
    two_beginnings: ("two revisions begin the branch post", ["post_0001_a", "post_0003_x"], RENUMBER),
    an_unknown_parent: ("comes after post_0009", ["post_0003_x"], "restore the file of post_0009"),
    a_parent_of_the_other_branch: ("comes after pre_0003", ["post_0003_x"], "correct down_revision"),
    a_circle: ("in a circle", ["post_0003_x", "post_0004_y"], "restore down_revision"),
    a_syntax_error: ("is not Python", ["post_0003_x.py:17"], "git checkout -- migrations/versions/post/post_0003_x.py"),
    bytes_that_are_no_text: ("is not Python", ["post_0003_x"], "correct the file"),
    a_merge: ("merges revisions: ('pre_0003', 'post_0002')", ["post_0003_x"], "delete it"),
    a_merge_as_a_tuple: ("merges revisions: ('pre_0003', 'post_0002')", ["post_0003_x"], RENUMBER),
    a_random_id: ("has revision 'f251068113cd'", ["post_0003_x"], 'make post m="..."'),
    an_id_that_is_computed: ("has revision \"'post_' + str(3)\"", ["post_0003_x"], "the id is post_ with four digits"),
    an_id_that_nothing_can_be: ("has revision '{[]: 3}'", ["post_0003_x"], "the id is post_ with four digits"),
    a_head_file_that_was_not_updated: ("POST_HEAD names post_0002_b", ["post_0003_x", "POST_HEAD"], RENUMBER),
    a_head_file_with_the_id_alone: ("POST_HEAD names post_0002,", ["post_0002_b", "POST_HEAD"], RENUMBER),
    a_head_file_that_names_an_unknown_revision: (
        "names post_0009_gone",
        ["post_0002_b"],
        "else restore the missing revision file",
    ),
    a_head_file_of_the_other_branch: ("it says 'pre_0003_c'", ["POST_HEAD"], RENUMBER),
    a_head_file_in_conflict: ("it says '<<<<<<< HEAD'", ["POST_HEAD"], RENUMBER),
    no_head_file: ("POST_HEAD is missing or empty", ["POST_HEAD"], RENUMBER),
    no_revision: ("the branch post has no revision", [], "from git"),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_revision_files_that_cannot_be_used_are_named_with_the_way_out(
    versions: Versions, case: Callable[[Versions], None]
) -> None:
    what, named, step = CASES[case]
    case(versions)
    with pytest.raises(InvalidRevisions) as caught:
        versions.line("post")
    error = caught.value
    assert what in error.what
    text = f"{error.what}\n{error.where}"
    assert [name for name in named if name not in text] == []
    assert error.next is not None
    assert step in error.next
    assert (error.id, error.exit_code) == ("invalid-revisions", 4)
    assert versions.line("pre") == ["pre_0001_a", "pre_0002_b", "pre_0003_c"]


def test_a_line_is_ordered_by_its_parents_and_not_by_its_file_names(versions: Versions) -> None:
    versions.add("post_0004_y", "post_0002")
    versions.add("post_0003_x", "post_0004")
    versions.name_head("post_0003_x")
    assert versions.line("post") == ["post_0001_a", "post_0002_b", "post_0004_y", "post_0003_x"]


def test_a_file_that_may_not_be_read_is_named(versions: Versions, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(InvalidRevisions, match=r"post_0001_a\.py can't be read: Permission denied"):
        versions.line("post")


def test_the_head_is_found_without_reading_the_revisions(versions: Versions) -> None:
    versions.path("post_0002_b").write_text("not Python at all")
    assert revision_files.head_id(versions.folder, "post") == "post_0002"


@pytest.mark.parametrize("branch", BRANCHES)
def test_the_revisions_of_this_project_form_a_line(branch: str) -> None:
    line = revision_files.line(VERSIONS, branch)
    assert [file.number for file in line] == list(range(1, len(line) + 1))
