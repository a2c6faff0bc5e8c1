"""The revisions that a database recorded, compared with the files: edited, renumbered, inserted and missing."""

from __future__ import annotations

from datetime import UTC, datetime

from directus_sync.revisions import revision_files
from directus_sync.state.applied_revisions import Applied, Disagreement, find
from tests.versions import Versions

AT = datetime(2026, 11, 30, 14, 2, tzinfo=UTC)


def _recorded(versions: Versions, *without: str) -> dict[str, Applied]:
    """Return the records of a database that has the whole post branch."""
    line = revision_files.ordered(versions.folder, "post")
    return {file.id: Applied(file.id, file.name, file.checksum, AT) for file in line if file.id not in without}


def _found(versions: Versions, recorded: dict[str, Applied], applied: int | None = None) -> list[Disagreement]:
    line = revision_files.ordered(versions.folder, "post")
    return list(find(recorded, line[:applied], line))


def test_unedited_and_new_revisions_are_not_reported(versions: Versions) -> None:
    recorded = _recorded(versions)
    versions.add("post_0003_x", "post_0002")
    versions.name_head("post_0003_x")
    assert _found(versions, recorded, applied=2) == []


def test_an_edited_revision_is_reported_with_all_next_steps(versions: Versions) -> None:
    recorded = _recorded(versions)
    versions.add("post_0001_a", None, 'op.execute("SELECT 2")')
    (finding,) = _found(versions, recorded)
    assert finding.where == "migrations/versions/post/post_0001_a.py"
    known = recorded["post_0001"].checksum
    assert finding.what == f"edited after it was applied 2026-11-30 14:02 UTC, with checksum {known}"
    assert finding.next.startswith("restore the file from git")
    assert 'make post m="..."' in finding.next
    assert 'make accept-edits m="why' in finding.next


def test_for_an_edit_of_the_newest_revision_a_downgrade_is_proposed(versions: Versions) -> None:
    recorded = _recorded(versions)
    versions.add("post_0002_b", "post_0001", 'op.execute("SELECT 2")')
    (finding,) = _found(versions, recorded)
    assert "alembic downgrade post@-1" in finding.next.splitlines()[0]


def test_an_edit_that_the_docstring_accepts_is_not_reported(versions: Versions) -> None:
    recorded = _recorded(versions)
    path = versions.add("post_0001_a", None, 'op.execute("SELECT 2")')
    known = recorded["post_0001"].checksum
    path.write_text(path.read_text().replace("nothing.\n", f"nothing.\nEdited:    {known} for a test\n"))
    assert _found(versions, recorded) == []


def test_a_renumbered_revision_is_reported_under_both_names(versions: Versions) -> None:
    recorded = _recorded(versions)
    versions.path("post_0002_b").unlink()
    versions.add("post_0002_other", "post_0001", 'op.execute("SELECT 2")')
    versions.add("post_0003_b", "post_0002")
    versions.add("post_0001_a", None, 'op.execute("SELECT 3")')
    versions.name_head("post_0003_b")
    recorded |= {"post_0001": _recorded(versions)["post_0001"]}
    (finding,) = _found(versions, recorded, applied=2)
    assert finding.where == "migrations/versions/post/post_0003_b.py"
    assert "as post_0002_b, which was renumbered" in finding.what
    assert "alembic downgrade post@-1" in finding.next


def test_a_revision_inserted_before_an_applied_one_is_reported(versions: Versions) -> None:
    (finding,) = _found(versions, _recorded(versions, "post_0001"))
    assert (finding.where, finding.next) == (
        "migrations/versions/post/post_0001_a.py",
        "put it on top: make renumber r=post_0001_a",
    )
    assert "never applied, but post_0002_b above it was" in finding.what


def test_a_database_without_recorded_checksums_has_nothing_to_report(versions: Versions) -> None:
    assert _found(versions, {}) == []


def test_an_applied_revision_whose_file_is_missing_is_reported(versions: Versions) -> None:
    recorded = _recorded(versions)
    recorded["post_0000"] = Applied("post_0000", "post_0000_gone", "0123456789abcdef", None)
    (finding,) = _found(versions, recorded)
    assert (finding.where, finding.what) == ("post_0000_gone", "applied, and this checkout has no such file")
    assert "git log --diff-filter=D" in finding.next
