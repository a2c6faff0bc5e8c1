"""A browser, a seeded Directus with its admin UI, and one with two clubs. A failed test leaves a picture."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from directus_sync.directus import server
from tests.browser import clubs
from tests.browser.studio import Studio, browse, open_studio
from tests.conftest import ROOT, Cloning, RunningDirectus, Tool, extension_settings, running_directus

# A fixed time, so that pictures do not depend on when they are taken.
REGISTERED = "2026-05-02T10:00:00+02:00"


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Debian's Chromium."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("Chromium is missing; `make test` installs it on Debian as root, or prints the command")
    return found


@pytest.fixture(scope="session")
def browser(chromium: str, pictures: Path | None) -> Iterator[Browser]:
    """One browser for all tests, because Playwright can start only once in a process."""
    with browse(chromium, pictures) as running:
        yield running


@pytest.fixture(scope="session")
def seeded(chromium: str, clone: Cloning) -> Iterator[RunningDirectus]:
    """A Directus with its admin UI, the extension, and the rows that `make up` shows."""
    tool = Tool(clone("deployed"))
    # Seed with the tool's private Directus: the extension would refuse to create a stage that is already open.
    done = tool("seed")
    assert done.code == 0, done.text
    with with_app(tool, **extension_settings()) as running:
        running.database.execute(f"UPDATE entries SET registered_at = '{REGISTERED}'")
        yield running


@pytest.fixture(scope="session")
def pictures() -> Path | None:
    """The folder for pictures of the pages, or None if SCREENSHOTS is not set."""
    asked = os.environ.get("SCREENSHOTS")
    return ROOT / asked if asked else None


@pytest.fixture(scope="session")
def studio(browser: Browser, seeded: RunningDirectus, pictures: Path | None) -> Studio:
    """The admin UI with the administrator logged in."""
    opened = open_studio(browser, str(seeded.http.base_url), pictures)
    environ = seeded.tool.environ
    opened.log_in(environ["ADMIN_EMAIL"], environ["ADMIN_PASSWORD"], is_administrator=True)
    return opened


@pytest.fixture(scope="session")
def guarded(chromium: str, clone: Cloning) -> Iterator[RunningDirectus]:
    """A Directus with its admin UI, the extension, and the people of two clubs."""
    with with_app(Tool(clone("deployed")), **extension_settings()) as running:
        clubs.admit(running)
        yield running


@pytest.fixture(scope="session")
def people(browser: Browser, guarded: RunningDirectus, pictures: Path | None) -> clubs.People:
    """The Studio on the day of the race, in one window shared by all people of the first club."""
    return clubs.People(lambda: open_studio(browser, str(guarded.http.base_url), pictures, now=clubs.NOW))


@pytest.fixture(scope="module")
def race(guarded: RunningDirectus) -> RunningDirectus:
    """A Directus with two clubs, reset to the morning of a race day."""
    clubs.begin(guarded)
    return guarded


@contextmanager
def with_app(tool: Tool, **settings: str) -> Iterator[RunningDirectus]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(server.LEAN, "SERVE_APP", "true")
        with running_directus(tool, **settings) as running:
            yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report the path of a failure's picture, and close the window, so that the next test starts with a new one."""
    report = yield
    folder = item.funcargs.get("tmp_path")
    if report.failed and isinstance(folder, Path):
        for name, opened in item.funcargs.items():
            studio = opened.studio if isinstance(opened, clubs.People) else opened
            if isinstance(studio, Studio):
                path = folder / f"{name}.png"
                studio.page.screenshot(path=path)
                report.sections.append(("What the browser shows", f"{path}, at {studio.page.url}"))
        people = item.funcargs.get("people")
        if isinstance(people, clubs.People):
            people.begin_again()
    return report
