"""The course as an operator sees it: a stage with its segments, and shapes on the map. There need be no tiles."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.studio import Studio
from tests.processes import until

# In pixels: a speed limit zone of one square kilometre.
AREA = 2_000

# What is written on failure goes there.
pytestmark = pytest.mark.usefixtures("tmp_path")


def test_a_stage_shows_its_segments_in_order(studio: Studio) -> None:
    studio.open("stages")
    studio.row("Example: Tirana to Shkodër").get_by_role("cell", name="Example: Tirana to Shkodër", exact=True).click()
    expect(studio.header.get_by_role("heading")).to_contain_text("Example: Tirana to Shkodër")
    segments = studio.field("Segments").locator(".v-list-item")
    expect(segments).to_contain_text(["Tirana to Dajt", "Dajt", "Dajt to Shkodër"])
    segments.last.scroll_into_view_if_needed()
    studio.picture("stage")


def test_a_geofence_is_drawn_on_the_map(studio: Studio) -> None:
    closer = studio.field("Geometry").get_by_role("button", name="Zoom in")
    studio.open("geofences/+")
    closer.click()
    assert studio.drawn("Geometry") < AREA / 2
    studio.open("geofences")
    studio.row("Example: Surrel").get_by_role("cell", name="Example: Surrel", exact=True).click()
    # Directus begins no nearer than to see all of a county.
    for _ in range(4):
        closer.click()
    until(lambda: studio.drawn("Geometry") > AREA, seconds=30)
    studio.picture("geofence")
