"""The file of roles: the rights on a table, and the errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from directus_sync import roles
from directus_sync.errors import InvalidRoles
from tests.conftest import SNAPSHOT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "roles.yaml"


def test_the_last_matching_pattern_decides(path: Path) -> None:
    path.write_text("a:\n  rights: {'*': [select, insert], directus_*: [], events: [select]}\n", encoding="utf-8")
    (role,) = roles.read(path)
    assert role.on("entries") == {"select", "insert"}
    assert role.on("directus_users") == frozenset()
    assert role.on("events") == {"select"}


def test_the_committed_roles_can_be_read_and_a_missing_file_is_empty(path: Path) -> None:
    assert [role.name for role in roles.read(SNAPSHOT.with_name("roles.yaml"))] == [
        "trm_directus",
        "trm_processor",
        "trm_reader",
    ]
    assert roles.read(path) == ()
    path.write_text("# none yet\n", encoding="utf-8")
    assert roles.read(path) == ()


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("- a", 1, "the file must be a mapping"),
        ("a:", 1, "a must be a mapping"),
        ("a:\n  owner: b", 2, "a.owner is not known here: settings, rights are"),
        ("'a; b': {}", 1, "a; b is not a plain name"),
        ("pg_mine: {}", 1, "plain name"),
        ("public: {}", 1, "plain name"),
        ("none: {}", 1, "plain name"),
        (f"{'a' * 64}: {{}}", 1, "plain name"),
        ("a:\n  settings: {lock_timeout: 597h}", 2, "must be a duration of at most"),
        (f"a:\n  settings: {{lock_timeout: {'9' * 5000}h}}", 2, "must be a duration of at most"),
        (
            "a:\n  rights: {events: [select, truncate]}",
            2,
            "a.rights.events must be one of select, insert, .*'truncate'",
        ),
        ("a:\n  rights: {events: select}", 2, "a.rights.events must be a list"),
        ("a:\n  settings: {role: postgres}", 2, "a.settings.role is not known here"),
        ("a:\n  settings: {lock_timeout: never}", 2, "a.settings.lock_timeout must be a duration"),
        ("a: [", 2, "can't be used"),
    ],
)
def test_an_invalid_file_of_roles_is_refused_with_its_line(path: Path, text: str, line: int, why: str) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidRoles, match=why) as refused:
        roles.read(path)
    assert refused.value.where == f"{path}:{line}"


def test_the_longest_name_and_the_longest_duration_are_accepted(path: Path) -> None:
    path.write_text(f"{'a' * 63}:\n  settings: {{lock_timeout: 596h}}\npublicity: {{}}\n", encoding="utf-8")
    assert [role.name for role in roles.read(path)] == ["a" * 63, "publicity"]
