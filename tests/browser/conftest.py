"""One Directus with its admin UI, seeded, and one browser in it; a failure leaves a picture."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from directus_sync.directus import server
from tests.browser.studio import Studio, browse
from tests.conftest import ROOT, Cloning, RunningDirectus, Tool, running_directus

# Else the pictures would show when they were taken.
REGISTERED = "2026-05-02T10:00:00+02:00"


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Debian's Chromium is."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("there is no Chromium; `make test` installs it on Debian, as root or by saying how")
    return found


@pytest.fixture(scope="session")
def seeded(chromium: str, clone: Cloning) -> Iterator[RunningDirectus]:
    """A Directus that serves its admin UI, with the rows that `make up` shows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(server.LEAN, "SERVE_APP", "true")
        with running_directus(Tool(clone("deployed"))) as running:
            done = running.tool("seed")
            assert done.code == 0, done.text
            running.database.execute(f"UPDATE entries SET registered_at = '{REGISTERED}'")
            yield running


@pytest.fixture(scope="session")
def studio(chromium: str, seeded: RunningDirectus) -> Iterator[Studio]:
    """The admin UI, with the administrator logged in."""
    asked = os.environ.get("SCREENSHOTS")
    with browse(chromium, str(seeded.http.base_url), ROOT / asked if asked else None) as opened:
        opened.log_in(seeded.tool.environ["ADMIN_EMAIL"], seeded.tool.environ["ADMIN_PASSWORD"])
        yield opened


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say where the picture of a failure is."""
    report = yield
    studio, folder = item.funcargs.get("studio"), item.funcargs.get("tmp_path")
    if report.failed and isinstance(studio, Studio) and isinstance(folder, Path):
        path = folder / "failure.png"
        studio.page.screenshot(path=path)
        report.sections.append(("What the browser shows", f"{path}, at {studio.page.url}"))
    return report
