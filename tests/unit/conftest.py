"""Fixtures of the unit tests. None needs a database, a Directus or the network.

`station.yaml` was exported by Directus 11.17.4. Each entry of `station_diffs.json` is the `data` of its answer
to /schema/diff for that file after one edit; the key names the edit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina
from hypothesis import settings as hypothesis_settings

from directus_sync import output, settings
from directus_sync.schema import diff, snapshot
from directus_sync.schema.diff import SchemaDiff
from directus_sync.schema.plan import Approvals, Plan
from directus_sync.schema.snapshot import Snapshot
from directus_sync.settings import Settings
from tests.unit.judging import decided
from tests.versions import Versions

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"

# No deadline: tests may be slow on a busy machine. No database: a test run leaves no files in the checkout.
hypothesis_settings.register_profile("unit", deadline=None, database=None)
hypothesis_settings.load_profile("unit")

MINIMAL = {"DB_HOST": "db.example", "DB_DATABASE": "trm", "DB_USER": "directus", "DB_PASSWORD": "db-pass-1"}


@pytest.fixture(autouse=True)
def fast_retries() -> Iterator[None]:
    """Retry as often as in production, but without waiting."""
    with stamina.set_testing(True, attempts=1000, cap=True):
        yield


@pytest.fixture(autouse=True)
def nothing_hidden() -> Iterator[None]:
    """Reset the list of secrets that output hides, before and after each test."""
    output.hide(())
    yield
    output.hide(())


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Settings]:
    """Return a function that loads settings from the given variables only, without `.env`."""

    def with_variables(**variables: str) -> Settings:
        return settings.load({**MINIMAL, **variables}, tmp_path / "no.env")

    return with_variables


@pytest.fixture(scope="session")
def captured_answers() -> dict[str, dict[str, Any]]:
    """Return all captured answers of /schema/diff, keyed by the edit that caused them."""
    answers: dict[str, dict[str, Any]] = json.loads((FIXTURES / "station_diffs.json").read_text(encoding="utf-8"))
    return answers


@pytest.fixture
def captured(captured_answers: dict[str, dict[str, Any]]) -> Callable[[str], SchemaDiff]:
    """Return a function that reads one captured diff."""

    def named(edit: str) -> SchemaDiff:
        answer = captured_answers[edit]
        return diff.from_server((answer["hash"], answer["diff"]))

    return named


@pytest.fixture(scope="session")
def events() -> bytes:
    """Return a real export: the collection `events` with its primary key."""
    return (FIXTURES / "events.yaml").read_bytes()


@pytest.fixture(scope="session")
def station() -> bytes:
    """Return a real export: `station` with a field of each common type, a divider, and a relation to `country`."""
    return (FIXTURES / "station.yaml").read_bytes()


@pytest.fixture(scope="session")
def live(station: bytes) -> Snapshot:
    """Return the schema that Directus had when the diffs were captured."""
    return snapshot.parse(station, "schema.yaml")


@pytest.fixture
def planned(captured: Callable[[str], SchemaDiff], live: Snapshot) -> Callable[..., Plan]:
    """Return a function that plans one captured diff. Without `base`, git made every change."""

    def plan(edit: str, *, base: Snapshot | None = live, rows: int = 0, approvals: Approvals | None = None) -> Plan:
        return decided(captured(edit), live, base, rows=rows, approvals=approvals or Approvals())

    return plan


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make a folder that looks like Directus."""
    (tmp_path / "package.json").write_text(json.dumps({"version": "11.17.4"}), encoding="utf-8")
    (tmp_path / "cli.js").write_text("", encoding="utf-8")
    return tmp_path


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    """Return a few consecutive revisions in a temporary folder."""
    return Versions.made(tmp_path)
