"""Settings of Directus that are refused before anything is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from directus_sync.errors import UnsafeSettings
from directus_sync.settings import DatabaseSettings, Mode, Settings
from directus_sync.steps import planning


def preflight(snapshot: Path, environ: dict[str, str], version: str) -> None:
    snapshot.write_bytes(snapshot.read_bytes().replace(b"directus: 11.17.4", f"directus: {version}".encode(), 1))
    planning.preflight(Settings(DatabaseSettings(), environ, snapshot=snapshot, mode=Mode.SKIP))


@pytest.mark.parametrize("version", ["11.17.4", "12.0.9", "12.0.0-rc.1"])
def test_websockets_without_log_in_are_refused_below_the_version_that_closed_the_hole(
    snapshot_file: Path, version: str
) -> None:
    with pytest.raises(UnsafeSettings) as refused:
        preflight(snapshot_file, {"WEBSOCKETS_REST_AUTH": "public"}, version)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("environ", "version"),
    [({"WEBSOCKETS_REST_AUTH": "public"}, "12.1.0"), ({"WEBSOCKETS_REST_AUTH": "strict"}, "11.17.4"), ({}, "11.17.4")],
)
def test_everything_else_is_left_to_directus(snapshot_file: Path, environ: dict[str, str], version: str) -> None:
    preflight(snapshot_file, environ, version)
