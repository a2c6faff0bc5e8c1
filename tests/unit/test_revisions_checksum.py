"""The checksum of a revision: which changes count as edits, and that it is the same on every Python."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from directus_sync.revisions import revision_files
from directus_sync.revisions.branches import BRANCHES, VERSIONS
from directus_sync.revisions.checksum import checksum

BEFORE = '''"""Title.

Why:       a test.
"""

import sqlalchemy as sa
from alembic import op

revision = "post_0003"
down_revision = "post_0002"
TABLES = ("entries", "events")


def upgrade() -> None:
    """Do it."""
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_check CHECK (id > 0)")
    op.create_index("entries_idx", "entries", ["a", sa.text("lower(b)")], if_not_exists=True)
'''
SAME = {
    "another docstring": ('"""Title.', '"""Another title.\n\nEdited:    0123456789abcdef a reason'),
    "no docstring in the function": ('    """Do it."""\n', ""),
    "a comment": ("TABLES = (", "# Both of them.\nTABLES = ("),
    "blank lines": ("TABLES = (", "\n\n\nTABLES = ("),
    "a line break": ('"entries_idx", "entries"', '"entries_idx",\n        "entries"'),
    "quotes": ('"entries_idx"', "'entries_idx'"),
    "brackets": ("in TABLES:", "in (TABLES):"),
    "a comma": ('"events")', '"events",)'),
    "text in two parts": ('"entries_idx"', '"entries" "_idx"'),
    "an f-string in two parts": ("{table}_check CHECK", '{table}_check" f" CHECK'),
    "another id": ('"post_0003"', '"post_0004"'),
    "another parent": ('"post_0002"', '"post_0003"'),
}
EDITED = {
    "an additional table": ('"events")', '"events", "stages")'),
    "other SQL": ("id > 0", "id > 1"),
    "white space in SQL": ("id > 0", "id  > 0"),
    "a missing column": ('"a", ', ""),
    "another argument": ("if_not_exists=True", "if_not_exists=False"),
    "a number instead of a boolean": ("if_not_exists=True", "if_not_exists=1"),
    "a number instead of a text": ('"a"', "1"),
    "another order": ('"entries_idx", "entries"', '"entries", "entries_idx"'),
    "a conversion": ("{table} ADD", "{table!r} ADD"),
    "another import": ("import sqlalchemy as sa", "import sqlalchemy.sql as sa"),
    "no loop": ("for table in TABLES:", "if table := TABLES[0]:"),
}
# The same on Python 3.11, 3.13 and 3.14.
FIXTURE = Path(__file__).parents[1] / "fixtures" / "every_syntax.py.txt"
FIXTURE_CHECKSUM = "117d5eb3318a2d90"


def _checksum(text: str) -> str:
    return revision_files.checksum_of(text.encode())


def _with(change: tuple[str, str]) -> str:
    old, new = change
    assert old in BEFORE
    return BEFORE.replace(old, new, 1)


@pytest.mark.parametrize("change", SAME)
def test_a_change_without_effect_keeps_the_checksum(change: str) -> None:
    assert _checksum(_with(SAME[change])) == _checksum(BEFORE)


@pytest.mark.parametrize("change", EDITED)
def test_an_edit_changes_the_checksum(change: str) -> None:
    assert _checksum(_with(EDITED[change])) != _checksum(BEFORE)


def test_the_revisions_of_this_project_have_different_checksums() -> None:
    found = [file.checksum for branch in BRANCHES for file in revision_files.ordered(VERSIONS, branch)]
    assert len(set(found)) == len(found)


def test_the_checksum_is_the_same_on_every_python() -> None:
    assert checksum(ast.parse(FIXTURE.read_text(encoding="utf-8"))) == FIXTURE_CHECKSUM
