"""Revision files that cannot be used. The error names all files and the next step."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from directus_sync.errors import InvalidRevisions
from directus_sync.revisions import revision_files
from directus_sync.revisions.branches import BRANCHES, VERSIONS
from tests.versions import DEFAULT_BODY, Versions

# From a public report: `alembic merge` of two labelled branches writes this.
MERGE = "\"('pre_0003', 'post_0002')\""


Spoil = Callable[[Versions], object]


def added(*revisions: tuple[str, str | None], head: str | None = None, body: str = DEFAULT_BODY) -> Spoil:
    """Return a function that adds revisions with these parents and names one of them as head."""

    def spoil(versions: Versions) -> None:
        for name, parent in revisions:
            versions.add(name, parent, body)
        if head:
            versions.name_head(head)

    return spoil


def written(old: str, new: str) -> Spoil:
    """Return a function that adds a revision with one text replaced."""

    def spoil(versions: Versions) -> None:
        path = versions.add("post_0003_x", "post_0002")
        path.write_text(path.read_text().replace(old, new))

    return spoil


def head(text: str) -> Spoil:
    return lambda versions: (versions.folder / "POST_HEAD").write_text(text)


X, Y, A_PARENT = ("post_0003_x", "post_0002"), ("post_0004_y", "post_0002"), '"post_0002"'
CONFLICT = "<<<<<<< HEAD\npost_0003_x\n=======\npost_0003_y\n>>>>>>> y\n"
RENUMBER = "make renumber"
# The change of the files, the error, the files that it names, and the next step.
CASES: dict[str, tuple[Spoil, str, list[str], str]] = {
    "two files with the same id": (
        added(X, ("post_0003_y", "post_0002"), head="post_0003_y"),
        "two files are revision post_0003", ["post_0003_x", "post_0003_y"], RENUMBER,
    ),
    "two heads": (
        added(X, Y, head="post_0004_y"), "two revisions come after post_0002", ["post_0003_x", "post_0004_y"], RENUMBER,
    ),
    "two first revisions": (
        added(("post_0003_x", None)), "two revisions begin the branch post", ["post_0001_a", "post_0003_x"], RENUMBER,
    ),
    "an unknown parent": (
        added(("post_0003_x", "post_0009")), "comes after post_0009", ["post_0003_x"], "restore the file of post_0009",
    ),
    "a parent of the other branch": (
        added(("post_0003_x", "pre_0003")), "comes after pre_0003", ["post_0003_x"], "correct down_revision",
    ),
    "circular parents": (
        added(("post_0003_x", "post_0004"), ("post_0004_y", "post_0003")),
        "in a circle", ["post_0003_x", "post_0004_y"], "restore down_revision",
    ),
    "a syntax error": (
        added(X, body="<<<<<<< HEAD"), "is not Python", ["post_0003_x.py:17"],
        "git checkout -- migrations/versions/post/post_0003_x.py",
    ),
    "bytes that are not text": (
        lambda versions: versions.path("post_0003_x").write_bytes(b"\xff\x00"),
        "is not Python", ["post_0003_x"], "correct the file",
    ),
    "a merge": (written(A_PARENT, MERGE), "merges revisions: ('pre_0003', 'post_0002')", ["post_0003_x"], "delete it"),
    "a merge as a tuple": (
        written(A_PARENT, '("pre_0003", "post_0002")'),
        "merges revisions: ('pre_0003', 'post_0002')", ["post_0003_x"], RENUMBER,
    ),
    "a random id": (
        written('"post_0003"', '"f251068113cd"'),
        "has revision 'f251068113cd'", ["post_0003_x"], 'make post m="..."',
    ),
    "a computed id": (
        written('"post_0003"', '"post_" + str(3)'),
        "has revision \"'post_' + str(3)\"", ["post_0003_x"], "the id is post_ with four digits",
    ),
    "an id that cannot be evaluated": (
        written('"post_0003"', "{[]: 3}"),
        "has revision '{[]: 3}'", ["post_0003_x"], "the id is post_ with four digits",
    ),
    "an outdated head file": (
        added(X), "POST_HEAD names post_0002_b", ["post_0003_x", "POST_HEAD"], RENUMBER,
    ),
    "a head file with only the id": (
        head("post_0002\n"), "POST_HEAD names post_0002,", ["post_0002_b", "POST_HEAD"], RENUMBER,
    ),
    "a head file that names an unknown revision": (
        head("post_0009_gone\n"), "names post_0009_gone", ["post_0002_b"], "else restore the missing revision file",
    ),
    "a head file of the other branch": (head("pre_0003_c\n"), "it says 'pre_0003_c'", ["POST_HEAD"], RENUMBER),
    "a head file in conflict": (head(CONFLICT), "it says '<<<<<<< HEAD'", ["POST_HEAD"], RENUMBER),
    "no head file": (
        lambda versions: (versions.folder / "POST_HEAD").unlink(),
        "POST_HEAD is missing or empty", ["POST_HEAD"], RENUMBER,
    ),
    "no revision": (
        lambda versions: shutil.rmtree(versions.folder / "post"),
        "the branch post has no revision", [], "from git",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_an_error_in_the_revision_files_names_them_and_the_next_step(versions: Versions, case: str) -> None:
    spoil, what, named, step = CASES[case]
    spoil(versions)
    with pytest.raises(InvalidRevisions) as caught:
        versions.ordered("post")
    error = caught.value
    assert what in error.what
    text = f"{error.what}\n{error.where}"
    assert [name for name in named if name not in text] == []
    assert error.next is not None
    assert step in error.next
    assert (error.id, error.exit_code) == ("invalid-revisions", 4)
    assert versions.ordered("pre") == ["pre_0001_a", "pre_0002_b", "pre_0003_c"]


def test_revisions_are_ordered_by_parent_and_not_by_file_name(versions: Versions) -> None:
    versions.add("post_0004_y", "post_0002")
    versions.add("post_0003_x", "post_0004")
    versions.name_head("post_0003_x")
    assert versions.ordered("post") == ["post_0001_a", "post_0002_b", "post_0004_y", "post_0003_x"]


def test_a_file_without_read_permission_is_named(versions: Versions, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(InvalidRevisions, match=r"post_0001_a\.py can't be read: Permission denied"):
        versions.ordered("post")


def test_the_head_is_found_without_reading_the_revisions(versions: Versions) -> None:
    versions.path("post_0002_b").write_text("not Python at all")
    assert revision_files.head_id(versions.folder, "post") == "post_0002"


@pytest.mark.parametrize("branch", BRANCHES)
def test_the_revisions_of_this_project_are_numbered_without_gaps(branch: str) -> None:
    line = revision_files.ordered(VERSIONS, branch)
    assert [file.number for file in line] == list(range(1, len(line) + 1))
