"""What a pull writes, and which files it protects. The real export is in the integration tests."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from directus_sync import files
from directus_sync.commands import pull
from directus_sync.errors import InvalidSnapshot, SyncError, UnpushedFileChanges
from directus_sync.postgres.database import Connection
from directus_sync.schema import snapshot
from directus_sync.schema.snapshot import Snapshot
from directus_sync.state import history
from tests.unit.directus_double import EXPORT

NO_DATABASE = cast("Connection", None)
EDITED = EXPORT.replace(b"as painted on the mast", b"as in the log book")


def of(content: bytes) -> Snapshot:
    return snapshot.parse(content, "http://directus.example", may_be_empty=True)


@pytest.fixture(autouse=True)
def base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "base", lambda _: of(EXPORT))


def written(path: Path, live: bytes = EXPORT, *, overwrite: bool = False) -> bool:
    wanted = pull.differs(of(live), path, NO_DATABASE, overwrite=overwrite)
    if wanted:
        files.replace(path, live)
    return wanted


def test_a_pull_writes_the_bytes_of_the_server_and_makes_the_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "schema.yaml"
    assert written(path)
    assert path.read_bytes() == EXPORT
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_pull_of_the_same_bytes_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    written(path)
    before = path.stat()
    assert not written(path)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_pull_of_a_directus_without_collections_is_refused(tmp_path: Path) -> None:
    nothing = Snapshot(b"", "http://directus.example", "11.17.4", {"collections": {}})
    with pytest.raises(InvalidSnapshot, match="has no collections"):
        pull.differs(nothing, tmp_path / "schema.yaml", NO_DATABASE, overwrite=True)
    assert list(tmp_path.iterdir()) == []


def test_a_pull_that_cannot_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes(b"old")

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(SyncError, match="No space left"):
        written(path, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["schema.yaml"]
    assert path.read_bytes() == b"old"


def test_a_pull_to_a_place_that_is_not_a_file_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for place in (tmp_path, tmp_path / "file" / "schema.yaml"):
        with pytest.raises(SyncError) as caught:
            written(place, overwrite=True)
        assert str(place) in str(caught.value)


def test_a_pull_refuses_to_overwrite_a_change_that_was_never_pushed(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes(EDITED)
    with pytest.raises(UnpushedFileChanges, match="1 change that was never pushed") as caught:
        written(path, EXPORT.replace(b"where stations stand", b"where they stood"))
    assert caught.value.exit_code == 4
    assert "station.code" in str(caught.value)
    assert path.read_bytes() == EDITED


def test_a_pull_overwrites_a_file_that_was_pushed(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes(EXPORT)
    assert written(path, EDITED)
    assert path.read_bytes() == EDITED
