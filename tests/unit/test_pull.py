"""When a pull writes the snapshot, and when it refuses. The integration tests use a real Directus."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from directus_sync.commands import pull
from directus_sync.errors import InvalidSnapshot, UnpushedFileChanges
from directus_sync.postgres.database import Connection
from directus_sync.schema import snapshot
from directus_sync.schema.snapshot import Snapshot
from directus_sync.state import history
from tests.unit.directus_double import EXPORT

NO_DATABASE = cast("Connection", None)
EDITED = EXPORT.replace(b"as painted on the mast", b"as in the log book")


def of(content: bytes) -> Snapshot:
    return snapshot.parse(content, "http://directus.example", from_directus=True)


@pytest.fixture(autouse=True)
def base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "base", lambda _: of(EXPORT))


def test_a_pull_of_a_directus_without_collections_is_refused(tmp_path: Path) -> None:
    nothing = Snapshot(b"", "http://directus.example", "11.17.4", {"collections": {}})
    with pytest.raises(InvalidSnapshot, match="has no collections"):
        pull.differs(nothing, tmp_path / "schema.yaml", NO_DATABASE, overwrite=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "live", "written"),
    [(None, EXPORT, True), (EXPORT, EXPORT, False), (EXPORT, EDITED, True), (EDITED, EDITED, False)],
)
def test_a_pull_writes_a_file_that_is_missing_or_differs_without_unpushed_changes(
    tmp_path: Path, file: bytes | None, live: bytes, written: bool
) -> None:
    path = tmp_path / "schema.yaml"
    if file is not None:
        path.write_bytes(file)
    assert pull.differs(of(live), path, NO_DATABASE, overwrite=False) is written


def test_a_pull_refuses_to_overwrite_a_change_that_was_never_pushed(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes(EDITED)
    live = of(EXPORT.replace(b"where stations stand", b"where they stood"))
    with pytest.raises(UnpushedFileChanges, match="1 change that was never pushed") as caught:
        pull.differs(live, path, NO_DATABASE, overwrite=False)
    assert caught.value.exit_code == 4
    assert "station.code" in str(caught.value)
    assert pull.differs(live, path, NO_DATABASE, overwrite=True)
