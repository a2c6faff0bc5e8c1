"""Drives the admin UI like an operator, by roles, labels and texts. Takes pictures on request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

# No sandbox, because root in a container cannot create one. The other options stop Chromium's own network requests.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Makes pictures of equal pages identical, and takes a tenth longer.
FOR_PICTURES = "--disable-partial-raster"
MILLISECONDS = 30_000

# The links of the group Timing, each followed by its bookmarks.
TIMING = (
    "Penalty formulas",
    "Segment starts", "Start list",
    "Crossings", "Needs verification",
    "Penalties", "Proposed penalties",
    "Stage results", "Official results",
    "Position flags",
    "Device commands", "Open commands",
)  # fmt: skip

# In pixels. A dropdown takes 30 % of the height, which must fit the eight statuses.
WIDTH, HEIGHT = 1280, 960


@dataclass(frozen=True)
class Studio:
    """A page of the admin UI. pictures: the folder for pictures, or None to take none."""

    page: Page
    url: str
    pictures: Path | None

    def log_in(self, email: str, password: str, *, is_administrator: bool = False) -> None:
        if not self.page.get_by_placeholder("Email").is_visible():
            self.page.goto(f"{self.url}/admin/login")
        self.page.get_by_placeholder("Email").fill(email)
        self.page.get_by_placeholder("Password").fill(password)
        self.page.get_by_role("button", name="Sign In").click()
        if is_administrator:
            # Directus asks administrators to name the owner of the project, for the licence.
            self.page.get_by_role("button", name="Remind Later").click()
        expect(self.navigation).to_be_visible()

    def log_out(self) -> None:
        """Log out in the window, without loading the app again."""
        # The button appears when the pointer is over the avatar.
        self.page.locator(".module-bar-avatar").hover()
        self.page.locator(".sign-out").get_by_role("button").click()
        self.page.get_by_role("link", name="Sign Out").click()
        expect(self.page.get_by_placeholder("Email")).to_be_visible()

    def open(self, path: str) -> None:
        """Load a page of the content module; unsaved input is lost."""
        self.page.goto(f"{self.url}/admin/content/{path}")
        expect(self.main).to_be_visible()

    def visit(self, name: str, *, discard: bool = False) -> None:
        """Go to a collection by its link, without loading the app again. discard: unsaved input."""
        # Names of icons surround the text of a link. A bookmark can have the icon of a collection.
        self.navigation.get_by_role("link", name=re.compile(rf"^(\w+ )?{re.escape(name)}( \w+)?$")).click()
        if discard:
            self.page.get_by_role("button", name="Discard Changes").click()
        expect(self.header.get_by_role("heading")).to_have_text(name)

    def add(self) -> None:
        """Start a new item of the current collection."""
        self.header.get_by_role("link", name="add").click()
        self._loaded()

    def edit(self, text: str) -> None:
        """Open the item that has a cell with this text."""
        self.main.get_by_role("cell", name=text, exact=True).click()
        self._loaded()

    def _loaded(self) -> None:
        expect(self.header.get_by_role("button", name="check", exact=True)).to_be_visible()
        expect(self.main.locator(".v-skeleton-loader")).to_have_count(0)

    @property
    def navigation(self) -> Locator:
        return self.page.get_by_role("navigation", name="Module Navigation")

    @property
    def header(self) -> Locator:
        return self.page.get_by_role("banner")

    @property
    def main(self) -> Locator:
        return self.page.get_by_role("main")

    def group(self, name: str) -> Locator:
        """The links in a group of collections, including nested collections."""
        return self.navigation.get_by_role("listitem").filter(has_text=name).first.get_by_role("link")

    def row(self, text: str) -> Locator:
        return self.main.get_by_role("row").filter(has_text=text)

    def field(self, label: str) -> Locator:
        """A field of a form: its label, input and note."""
        # Names of icons follow the label.
        named = re.compile(rf"^{re.escape(label)}( star)? arrow_drop_down$")
        return self.main.locator(".field").filter(has=self.page.get_by_role("button", name=named))

    def choices(self, label: str) -> Locator:
        """Open a dropdown; return its choices from top to bottom."""
        # The input itself is read-only and covered.
        self.field(label).locator(".input").click()
        return self.page.locator(".v-menu-content").get_by_role("button")

    def select(self, label: str, text: str) -> None:
        """Select the related item that has a cell with this text."""
        self.field(label).get_by_role("button", name="Select an item").first.click()
        drawer = self.page.get_by_role("article")
        row = drawer.get_by_role("row").filter(has=self.page.get_by_role("cell", name=text, exact=True))
        done = drawer.get_by_role("button", name="check", exact=True)
        # On a busy machine the list may load a second time and lose the selection.
        for _ in range(4):
            row.click()
            with suppress(AssertionError):
                expect(done).to_be_enabled(timeout=6_000)
                break
        done.click()
        expect(drawer).to_be_hidden()

    def sort(self, label: str) -> None:
        """Sort a list by a column."""
        self.main.get_by_role("columnheader", name=label).get_by_role("button").click()
        self.page.get_by_role("button", name="Sort Ascending").click()

    def choose(self, label: str, text: str) -> None:
        self.choices(label).filter(has_text=text).click()

    def write(self, label: str, text: str) -> None:
        self.field(label).get_by_role("textbox").fill(text)

    def set_time(self, label: str, time: str, day: str | None = None) -> None:
        """Set a time such as 08:30:00. day: its name in the calendar; by default the day stays, or is today."""
        self.field(label).locator(".interface").get_by_role("button").first.click()
        calendar = self.page.locator(".v-menu-content")
        if day is not None:
            calendar.get_by_role("button", name=day).click()
        for part, digits in zip(("hour", "minute", "second"), time.split(":"), strict=True):
            calendar.get_by_role("spinbutton", name=part).click()
            self.page.keyboard.type(digits)
        self.page.keyboard.press("Escape")
        expect(calendar).to_be_hidden()
        expect(self.field(label)).to_contain_text(time)

    def save(self) -> None:
        self.header.get_by_role("button", name="check", exact=True).click()

    def saved(self) -> None:
        """Save, and wait for the list."""
        self.save()
        expect(self.header.get_by_role("button", name="check", exact=True)).to_be_hidden()

    def refused(self, sentence: str) -> None:
        """Save, and expect this message."""
        self.save()
        dismiss = self.page.get_by_role("button", name="Dismiss")
        expect(self.page.locator(".v-card").filter(has=dismiss)).to_contain_text(sentence)
        dismiss.click()

    def picture(self, name: str) -> None:
        if self.pictures is not None:
            # Move the pointer to where nothing reacts to it.
            self.page.mouse.move(WIDTH - 1, HEIGHT - 1)
            # Repeat until two pictures are equal, because elements fade in. Waiting for an idle network would not end:
            # a map keeps requesting tiles that are not available.
            before = b""
            while (now := self.page.screenshot(animations="disabled")) != before:
                before = now
                self.page.wait_for_timeout(500)
            (self.pictures / f"{name}.png").write_bytes(now)


@contextmanager
def browse(chromium: str, pictures: Path | None) -> Iterator[Browser]:
    """Run a browser during the block."""
    arguments = [*ARGUMENTS, *([FOR_PICTURES] if pictures else [])]
    expect.set_options(timeout=MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()


def open_studio(browser: Browser, url: str, pictures: Path | None = None, *, now: str | None = None) -> Studio:
    """Open a window for one user, which looks the same on every machine. now: the time at which its clock starts."""
    page = browser.new_page(
        viewport={"width": WIDTH, "height": HEIGHT},
        locale="en-US",
        timezone_id="Europe/Tirane",
        reduced_motion="reduce",
    )
    page.set_default_timeout(MILLISECONDS)
    if now is not None:
        page.clock.install(time=now)
    return Studio(page, url, pictures)
