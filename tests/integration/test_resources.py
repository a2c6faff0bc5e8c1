"""Dashboards, flows, presets, settings and translations as code, on a real Directus: push, pull, removal, restore."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests import access_files, resource_files
from tests.conftest import SNAPSHOT, RunningDirectus, Serving
from tests.resource_files import ITEMS, OPERATION_IDS
from tests.sites import Site

SLOW = pytest.mark.slow
LINKS = "SELECT key, resolve::text, reject::text FROM directus_operations ORDER BY key"


def base(site: Site) -> list[str]:
    (items,) = site.rows("SELECT items FROM directus_sync.resource_history ORDER BY id DESC LIMIT 1")[0]
    return sorted(items)


@pytest.fixture
def site(serve: Serving, snapshot_file: Path) -> Iterator[Site]:
    with serve("deployed", resource_files.NOTHING, pushed) as running:
        yield with_files(running, snapshot_file)


def with_files(running: RunningDirectus, snapshot: Path) -> Site:
    access_files.complete(snapshot)
    resource_files.written(snapshot.with_name("resources"))
    return Site(running, snapshot, "resources")


def pushed(running: RunningDirectus) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with_files(running, Path(shutil.copy(SNAPSHOT, folder))).done("push")


def in_git(site: Site) -> None:
    """Change one resource of each kind in the files."""
    site.write("settings.yaml", "Ours", "Ours of git")
    site.write("presets/events.yaml", "[name, slug]", "[slug]")
    site.write("dashboards/day.yaml", "position: [1, 1]", "position: [1, 7]")
    site.write("dashboards/day.yaml", "Stages:", "Legs:")
    # Insert an operation between two others, and remove one. An operation can have only one predecessor.
    site.write("flows/notice.yaml", "resolve: second\n    reject: failed", "resolve: between")
    site.write("flows/notice.yaml", "  failed:", "  between:")
    site.write("flows/notice.yaml", OPERATION_IDS[2], OPERATION_IDS[3])
    site.write("flows/notice.yaml", "'{{$env.PUBLIC_URL}}'}", "half}, resolve: second")
    site.write("translations/sq-AL.yaml", "Mirëdita", "Tungjatjeta")


def in_directus(site: Site) -> None:
    """Change one resource of each kind in Directus."""
    site.http("PATCH", "/settings", {"project_name": "Theirs"})
    ((preset,),) = site.rows("SELECT id FROM directus_presets WHERE bookmark IS NULL AND role IS NULL")
    site.http(
        "PATCH", f"/presets/{preset}", {"layout_query": {"tabular": {"fields": ["name"], "sort": ["-starts_at"]}}}
    )
    ((panel,),) = site.rows("SELECT id FROM directus_panels WHERE name = 'Events'")
    site.http("PATCH", f"/panels/{panel}", {"position_y": 13})
    site.http("PATCH", f"/operations/{OPERATION_IDS[0]}", {"options": {"message": "1"}})
    ((word,),) = site.rows("SELECT id FROM directus_translations")
    site.http("PATCH", f"/translations/{word}", {"value": "Përshëndetje"})


CHANGED = [
    "operation:notice/first",
    "panel:day/Events",
    "preset:events/-/-",
    "setting:project_name",
    "translation:sq-AL/hello",
]


def test_push_creates_the_resources_of_the_files_and_pull_then_writes_nothing(site: Site) -> None:
    assert base(site) == ITEMS
    first, second, failed = OPERATION_IDS[:3]
    assert site.rows(LINKS) == [("failed", None, None), ("first", second, failed), ("second", None, None)]
    assert site.rows("SELECT operation::text FROM directus_flows") == [(first,)]
    assert site.rows("SELECT project_name, auth_login_attempts FROM directus_settings") == [("Ours", 10)]
    assert "Nothing to push" in site.done("push").out
    assert "Nothing to pull" in site.done("pull").out
    assert {name: site.text(name) for name in resource_files.FILES} == resource_files.FILES


def test_push_applies_resources_changed_only_in_git(site: Site) -> None:
    in_git(site)
    shown = site.run("diff")
    assert shown.code == 3
    assert 'layout_query.tabular.fields: ["name", "slug"] -> ["slug"]' in shown.out
    site.done("push")
    first, second, _, between = OPERATION_IDS
    assert site.rows(LINKS) == [("between", second, None), ("first", between, None), ("second", None, None)]
    assert site.rows("SELECT name, position_y FROM directus_panels ORDER BY name") == [("Events", 7), ("Legs", 1)]
    assert "Nothing to push" in site.done("push").out
    assert "Nothing to pull" in site.done("pull").out
    assert site.rows("SELECT operation::text FROM directus_flows") == [(first,)]


def test_push_refuses_resources_changed_only_in_directus_until_they_are_pulled(site: Site) -> None:
    in_directus(site)
    refused = site.refused("push", "uncaptured-live-work")
    assert all(item in refused for item in CHANGED)
    site.done("pull")
    assert site.text("settings.yaml") == resource_files.FILES["settings.yaml"].replace("Ours", "Theirs")
    assert "    tabular: {sort: [-starts_at], fields: [name]}  # short\n" in site.text("presets/events.yaml")
    assert "position: [1, 13]" in site.text("dashboards/day.yaml")
    assert "Nothing to push" in site.done("push").out


def test_pull_and_push_keep_names_that_ids_use_for_something_else(site: Site) -> None:
    for bookmark in ("-", "a/b, 50%"):
        site.http("POST", "/presets", {"collection": "events", "bookmark": bookmark, "layout": "cards"})
    panel = {"type": "label", "position_x": 1, "position_y": 20, "width": 4, "height": 4}
    ((dashboard,),) = site.rows("SELECT id::text FROM directus_dashboards")
    for title in (None, "-"):
        site.http("POST", "/panels", {**panel, "dashboard": dashboard, "name": title})
    site.http("PATCH", f"/operations/{OPERATION_IDS[1]}", {"key": "a/b"})
    site.http("POST", "/translations", {"language": "sq,AL", "key": "-", "value": "Po"})
    site.done("pull")
    assert {"panel:day/-", "panel:day/%2D", "preset:events/-/-", "preset:events/-/%2D"} < set(base(site))
    assert {"operation:notice/second", "translation:sq%2CAL/%2D"} < set(base(site))
    assert site.text("translations/sq,AL.yaml") == "'-': Po\n"
    assert "Nothing to pull" in site.done("pull").out
    site.write("translations/sq,AL.yaml", "Po", "Jo")
    site.done("push")
    assert "Nothing to push" in site.done("push").out


@pytest.mark.parametrize(
    ("name", "item", "rows"),
    [
        pytest.param(
            *("dashboards/day.yaml", "dashboard:day", "SELECT name, NULL FROM directus_panels ORDER BY name"),
            marks=SLOW,
        ),
        ("flows/notice.yaml", "flow:notice", LINKS),
    ],
)
def test_a_removed_dashboard_or_flow_needs_approval_and_can_be_restored(
    site: Site, name: str, item: str, rows: str
) -> None:
    before = site.rows(rows)
    (site.folder / name).unlink()
    refused = site.refused("push", "unapproved-destruction")
    assert "go with it" in refused
    kept = site.done("push", "--allow-destroy", item)
    assert f"Kept {item} in the attic as copy 1, {len(before) + 1} rows" in kept.err
    assert site.rows(rows) == []
    site.directus.tool.done("attic", "restore", "1")
    assert site.rows(rows) == before


@contextmanager
def late_proxy(directus: str, status: int) -> Iterator[tuple[str, list[httpx.Request]]]:
    """Forward requests to a Directus, but answer a DELETE with `status`. Yield the address and these requests."""
    late: list[httpx.Request] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: value for name, value in self.headers.items() if name != "Host"}
            request = httpx.Request(self.command, f"{directus}{self.path}", headers=headers, content=content)
            answer = httpx.Response(status, text="of the proxy")
            if self.command == "DELETE":
                late.append(request)
            else:
                with httpx.Client(trust_env=False, timeout=60) as client:
                    answer = client.send(request)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names are the base class's

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", late
        server.shutdown()


@pytest.mark.parametrize("status", [504, 403, 200])
def test_a_copy_stays_if_directus_removes_the_item_after_a_proxy_answered(site: Site, status: int) -> None:
    before = site.rows("SELECT id FROM directus_panels ORDER BY id")
    (site.folder / "dashboards" / "day.yaml").unlink()
    with late_proxy(str(site.directus.http.base_url).rstrip("/"), status) as (url, late):
        tool = site.directus.tool.with_settings(DIRECTUS_URL=url)
        behind = replace(site, directus=replace(site.directus, tool=tool))
        failed = behind.run("push", "--allow-destroy", "dashboard:day")
    assert (failed.code, f"HTTP {status}: of the proxy" in failed.err) == (1, True), failed.text
    assert "Kept dashboard:day in the attic as copy 1" in failed.err
    (request,) = late
    assert httpx.Client(trust_env=False).send(request).is_success
    assert site.rows("SELECT id FROM directus_panels") == []
    site.directus.tool.done("attic", "restore", "1")
    assert site.rows("SELECT id FROM directus_panels ORDER BY id") == before


def test_presets_and_translations_are_removed_without_approval_and_can_be_restored(site: Site) -> None:
    (site.folder / "translations" / "sq-AL.yaml").unlink()
    site.write("presets/events.yaml", "  Rallies: {icon: flag, filter: {discipline: {_eq: rally}}}\n", "  {}\n")
    site.done("push")
    assert site.rows("SELECT count(*) FROM directus_presets") == [(2,)]
    listed = site.directus.tool("attic", "list")
    assert all(name in listed.out for name in ("translation:sq-AL/hello", "preset:events/-/Rallies")), listed.text
    for copy in ("1", "2"):
        assert site.directus.tool("attic", "restore", copy).code == 0
    assert site.rows("SELECT bookmark FROM directus_presets WHERE bookmark IS NOT NULL") == [("Rallies",)]
    assert site.rows("SELECT value FROM directus_translations") == [("Mirëdita",)]


def test_push_leaves_resources_of_users_and_environments_alone(site: Site) -> None:
    ((user, role),) = site.rows("SELECT id::text, role::text FROM directus_users LIMIT 1")
    site.http("POST", "/presets", {"collection": "events", "user": user, "bookmark": "Mine"})
    # A preset of a role that no file has, such as the administrators', whose id differs in each environment.
    site.http("POST", "/presets", {"collection": "events", "role": role})
    site.http("PATCH", "/settings", {"project_color": "#FF0000"})
    theirs = site.http("POST", "/dashboards", {"name": "Of an evening"})
    shown = site.run("diff")
    assert shown.out.splitlines() == [
        "Resources: 0 to add, 0 to change, 0 to remove",
        "  ? dashboard:of-an-evening  in no file, left alone",
    ]
    site.done("push")
    assert site.rows("SELECT count(*) FROM directus_dashboards") == [(2,)]
    site.done("pull")
    assert site.text("dashboards/of-an-evening.yaml") == f"id: {theirs}\nname: Of an evening\n".replace(
        str(theirs), theirs["id"]
    )
    assert "Nothing to push" in site.done("push").out


def test_pull_writes_all_resources_into_an_empty_folder(site: Site) -> None:
    for name in resource_files.FILES:
        (site.folder / name).unlink()
    site.done("pull", "--overwrite")
    site.directus.database.execute("DELETE FROM directus_sync.resource_history WHERE family = 'resources'")
    assert "Nothing to push" in site.done("push").out
    assert base(site) == ITEMS


@pytest.mark.parametrize("moment", [1, pytest.param(2, marks=SLOW), pytest.param(3, marks=SLOW), 4])
def test_a_killed_push_of_resources_can_be_repeated(site: Site, moment: int) -> None:
    in_git(site)
    site.killed(moment, "after", "push")
    site.done("push")
    assert site.run("diff").code == 0


def test_an_environment_can_have_its_own_project_name(site: Site) -> None:
    named = site.directus.tool.with_settings(PROJECT_NAME="Staging")
    pushed = named("push", "--snapshot", site.snapshot, "--only", "resources")
    assert (pushed.code, "1 change of resources" in pushed.out) == (0, True), pushed.text
    site.http("PATCH", "/settings", {"auth_login_attempts": 3})
    named.done("pull", "--snapshot", site.snapshot, "--only", "resources")
    assert site.text("settings.yaml") == "# What we are called.\nproject_name: Ours\nauth_login_attempts: 3\n"
    assert site.rows("SELECT project_name FROM directus_settings") == [("Staging",)]
