"""Writing files as a whole, several together, and never through a link."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

from directus_sync import files
from directus_sync.errors import WrongSettings


def test_a_link_is_replaced_and_its_target_is_left_alone(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "plan.json"
    victim.write_bytes(b"mine")
    link.symlink_to(victim)
    files.replace(link, b"a plan", mode=0o600)
    assert victim.read_bytes() == b"mine"
    assert not link.is_symlink()
    assert (link.read_bytes(), link.stat().st_mode & 0o777) == (b"a plan", 0o600)


def test_a_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a" / "schema.yaml"
    files.replace(path, b"old")
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o640)
    files.replace(path, b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o640)


def test_a_full_disk_leaves_only_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes(b"old")
    monkeypatch.setattr("os.fsync", Mock(side_effect=OSError(28, "No space left on device")))
    with pytest.raises(WrongSettings, match="No space left"):
        files.replace(path, b"new")
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("schema.yaml", b"old")]


def test_several_files_are_written_and_removed_together(tmp_path: Path) -> None:
    old, new, gone = tmp_path / "old", tmp_path / "folder" / "new", tmp_path / "gone"
    for path in (old, gone):
        path.write_bytes(b"old")
    files.replace_all({old: b"1", new: b"2", gone: None, tmp_path / "never": None})
    assert (old.read_bytes(), new.read_bytes(), gone.exists()) == (b"1", b"2", False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "old"]


def test_no_file_changes_if_one_of_them_cannot_be_written(tmp_path: Path) -> None:
    old, gone, folder = tmp_path / "old", tmp_path / "gone", tmp_path / "folder"
    for path in (old, gone):
        path.write_bytes(b"old")
    folder.mkdir()
    for place in (folder, old / "below"):
        with pytest.raises(WrongSettings, match="cannot be written") as refused:
            files.replace_all({old: b"new", gone: None, place: b"new"})
        assert refused.value.where == str(place)
        assert (old.read_bytes(), gone.read_bytes()) == (b"old", b"old")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "gone", "old"]


def test_a_file_that_cannot_be_removed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "unlink", Mock(side_effect=PermissionError(13, "Permission denied")))
    with pytest.raises(WrongSettings, match="cannot be written: Permission denied") as failed:
        files.replace_all({tmp_path / "gone": None})
    assert failed.value.where == str(tmp_path / "gone")
