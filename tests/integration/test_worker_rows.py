"""The schema worker writes rows like a complete Directus: the same rows, and the same record of who wrote them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from directus_sync.directus import worker
from directus_sync.postgres import database
from tests import resource_files
from tests.conftest import SNAPSHOT, Copying, Serving, Tool

# activity and revisions come first: they give the ids their order of appearance.
TABLES = (
    "activity", "revisions", "policies", "permissions", "roles", "access", "presets", "dashboards", "panels",
    "flows", "operations", "settings", "translations",
)  # fmt: skip
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(?:Z|[+-]\d\d(?::\d\d)?)?")
# A request through a socket, such as the tool's to the worker, has no address.
_ADDRESS = '"ip": "127.0.0.1"', '"ip": null'
# Tables with a column `id` that counts rows in the order of writing.
_NUMBERED = {"activity", "revisions", "permissions", "presets"}

# Collections whose permissions and presets are pushed.
KEPT = {"devices", "directus_users", "entries", "events", "organizations", "vehicles"}
NOTICE = "flows/notice.yaml"

Edit = tuple[str, str, str]
EDITS: tuple[Edit, ...] = (
    ("access/access.yaml", "name: TRM base", "name: TRM foundation"),
    ("access/access.yaml", "      - trm-base\n      - trm-org-admin\n", "      - trm-org-admin\n      - trm-base\n"),
    ("access/access.yaml", "      - trm-viewer\n", ""),
    ("access/collections/vehicles.yaml", "read: [id, make, model, year, cc, vin, plate", "read: [id, make, plate"),
    ("access/collections/vehicles.yaml", "  update: [make, model, year, cc, vin, plate]\n", ""),
    ("access/collections/vehicles.yaml", "trm-marshal:       {", "trm-marshal:       {create: '*', "),
    ("resources/settings.yaml", "Timing, course", "Times, course"),
    ("resources/presets/events.yaml", "default:", "bookmarks:\n  Rallies: {icon: flag}\ndefault:"),
    ("resources/dashboards/race-day.yaml", "color: '#F97316'", "color: '#000000'"),
    ("resources/dashboards/race-day.yaml", "  Penalties proposed:", "  Penalties:"),
    (f"resources/{NOTICE}", "resolve: second\n    reject: failed", "resolve: failed"),
    (f"resources/{NOTICE}", "name: Notice", "name: News"),
)


@pytest.fixture(scope="module")
def sides(serve: Serving, copied: Copying) -> Iterator[tuple[Tool, Tool]]:
    """A database that a complete Directus serves, and one for the worker."""
    with serve("bootstrapped") as running, copied("bootstrapped") as database:
        yield running.tool, Tool(database)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    shutil.copytree(SNAPSHOT.parent, tmp_path / "snapshots")
    # More rows of the same kinds would test nothing more.
    for path in (tmp_path / "snapshots" / "access" / "collections").iterdir():
        if path.stem not in KEPT:
            path.write_text("trm-base: {}\n", encoding="utf-8")
    for path in (tmp_path / "snapshots" / "resources" / "presets").iterdir():
        if path.stem not in KEPT:
            path.unlink()
    resource_files.written(tmp_path / "snapshots" / "resources", {NOTICE: resource_files.FILES[NOTICE]})
    return tmp_path / "snapshots" / SNAPSHOT.name


def renamed(seen: dict[str, str]) -> Callable[[re.Match[str]], str]:
    return lambda match: seen.setdefault(match.group(), f"id {len(seen)}")


def rows(tool: Tool) -> dict[str, list[Any]]:
    """Return the written rows without times, with ids numbered in their order of appearance."""
    seen: dict[str, str] = {}
    found = {}
    for name in TABLES:
        order = "id" if name in _NUMBERED else "to_jsonb(t)::text"
        texts = tool.database.rows(f"SELECT to_jsonb(t)::text FROM directus_{name} t ORDER BY {order}")
        plain = [_TIME.sub("a time", _ID.sub(renamed(seen), text)).replace(*_ADDRESS) for (text,) in texts]
        found[name] = [json.loads(text) for text in (plain if name in _NUMBERED else sorted(plain))]
    return found


def pushed(sides: tuple[Tool, Tool], files: Path) -> dict[str, list[Any]]:
    """Push to both databases, compare the rows, and return them."""
    whole, part = (tool("push", "--snapshot", files) for tool in sides)
    assert (whole.code, part.code) == (0, 0), whole.text + part.text
    assert "Started a " not in whole.err
    assert "Started a schema worker" in part.err
    stock, ours = (rows(tool) for tool in sides)
    for name in TABLES:
        assert ours[name] == stock[name], name
    return ours


def test_the_worker_writes_the_same_rows_as_a_complete_directus(sides: tuple[Tool, Tool], files: Path) -> None:
    first = pushed(sides, files)
    assert len(first["activity"]) > len(first["permissions"]) > 50
    for name, old, new in EDITS:
        path = files.parent / name
        assert old in path.read_text(encoding="utf-8"), old
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    (files.parent / "resources/presets/devices.yaml").unlink()
    (files.parent / "resources/translations/de-DE.yaml").write_text("hello: Guten Tag\n", encoding="utf-8")
    second = pushed(sides, files)
    (files.parent / "resources" / NOTICE).unlink()
    approved = ("--allow-destroy", "flow:notice")
    assert [tool("push", "--snapshot", files, *approved).code for tool in sides] == [0, 0]
    left = [[each["name"] for each in rows(tool)["flows"]] for tool in sides]
    assert left == [["Device commands"]] * 2
    assert {each["action"] for each in second["activity"]} >= {"create", "update", "delete"}
    # Directus keeps no activity of presets.
    assert {each["collection"] for each in second["activity"]} >= {
        f"directus_{name}" for name in TABLES[2:] if name != "presets"
    }
    assert "Guten Tag" in [each["value"] for each in second["translations"]]


POLICIES = [("POST", "/policies")]
WATCHING = """
INSERT INTO directus_flows (id, name, status, trigger, options)
VALUES (gen_random_uuid(), 'Audit', 'active', 'event', '{"type": "action", %s}')"""


@pytest.mark.parametrize(
    ("requests", "watched", "reason"),
    [
        (POLICIES, None, ""),
        (POLICIES, '"scope": ["items.create"], "collections": ["vehicles"]', ""),
        (POLICIES, '"scope": ["items.create"], "collections": ["directus_policies"]', "the flow Audit listens"),
        (POLICIES, '"scope": ["permissions.update"]', "the flow Audit listens"),
        ([*POLICIES, ("POST", "/users")], None, "does not send POST /users"),
        ([("DELETE", "/roles")], None, "does not send DELETE /roles"),
    ],
)
def test_a_complete_directus_is_used_if_flows_listen_or_the_worker_cannot_write(
    sides: tuple[Tool, Tool], requests: list[tuple[str, str]], watched: str | None, reason: str
) -> None:
    _, part = sides
    if watched:
        part.database.execute(WATCHING % watched)
    with database.connect(part.settings, "test") as connection:
        choice = worker.choose_for_rows(part.settings, connection, requests)
    part.database.execute("DELETE FROM directus_flows")
    assert (choice.bundle is None) == bool(reason)
    assert reason in choice.reason
