"""The inputs that a deploy compares besides the database. tests/integration tests the fingerprint itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from directus_sync.settings import Settings
from directus_sync.state import fingerprint

FILES = (
    *("schema.yaml", "catalog.yaml", "removals.yaml", "roles.yaml", "access/access.yaml"),
    *("access/collections/events.yaml", "resources/settings.yaml", "resources/flows/notice.yaml"),
)


@pytest.fixture
def settings(load: Callable[..., Settings], tmp_path: Path) -> Settings:
    """Return the settings of a checkout in which all files exist."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"this is {name}\n", encoding="utf-8")
    return dataclasses.replace(load(), snapshot=tmp_path / "schema.yaml")


def test_the_same_files_and_settings_give_the_same_inputs(settings: Settings) -> None:
    found = fingerprint.inputs(settings)
    assert found == fingerprint.inputs(settings)
    assert len(found) == 64
    assert set(found) <= set("0123456789abcdef")


@pytest.mark.parametrize("name", FILES)
def test_a_change_of_any_file_changes_the_inputs(settings: Settings, name: str) -> None:
    path = settings.snapshot.parent / name
    before = fingerprint.inputs(settings)
    path.write_text("another", encoding="utf-8")
    changed = fingerprint.inputs(settings)
    path.unlink()
    assert len({before, changed, fingerprint.inputs(settings)}) == 3


def test_a_missing_file_counts_as_an_empty_one(settings: Settings) -> None:
    settings.removals.unlink()
    missing = fingerprint.inputs(settings)
    settings.removals.write_bytes(b"")
    assert fingerprint.inputs(settings) == missing


def test_moving_text_from_one_file_to_the_next_changes_the_inputs(settings: Settings) -> None:
    settings.snapshot.write_bytes(b"ab")
    settings.catalog.write_bytes(b"c")
    before = fingerprint.inputs(settings)
    settings.snapshot.write_bytes(b"a")
    settings.catalog.write_bytes(b"bc")
    assert fingerprint.inputs(settings) != before


def test_a_file_that_cannot_be_read_changes_the_inputs_without_an_error(settings: Settings) -> None:
    before = fingerprint.inputs(settings)
    settings.removals.unlink()
    missing = fingerprint.inputs(settings)
    settings.removals.mkdir()
    folder = fingerprint.inputs(settings)
    settings.removals.rmdir()
    settings.removals.symlink_to(settings.removals)
    assert len({before, missing, folder, fingerprint.inputs(settings)}) == 4


def test_the_excluded_tables_and_the_tool_s_version_change_the_inputs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fingerprint.inputs(settings)
    excluding = dataclasses.replace(settings, environ={**settings.environ, "DB_EXCLUDE_TABLES": "other"})
    assert fingerprint.inputs(excluding) != before
    monkeypatch.setattr(fingerprint, "__version__", "9.9.9")
    assert fingerprint.inputs(settings) != before
    assert fingerprint.with_version("abc", "11.17.4") == "abc 11.17.4"


def test_the_fingerprint_is_not_used_with_a_directus_url(load: Callable[..., Settings]) -> None:
    assert fingerprint.is_conclusive(load())
    assert not fingerprint.is_conclusive(load(DIRECTUS_URL="http://127.0.0.1:8055"))
