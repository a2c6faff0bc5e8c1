from __future__ import annotations

from directus_sync.catalog import Kind, Object
from directus_sync.catalog import file as catalog_file
from tests.catalogs import CATALOG
from tests.course import ROWS, insert, insert_all
from tests.migrations.revising import Standing, refusal


def test_rows_that_violate_a_check_are_counted_and_named(standing_at: Standing) -> None:
    revised = standing_at("post_0002")
    with revised.database.connect() as connection:
        insert_all(connection)
        for number in range(1, 8):
            event = {**ROWS["events"], "id": f"00000000-0000-4000-8000-00000000000{number}", "slug": f"event-{number}"}
            insert(connection, "events", {**event, "ends_at": event["starts_at"]})
    refused = refusal(revised.upgrade, "post_0003")
    assert "events_window_check can't be added: 7 rows of events violate CHECK (ends_at > starts_at)" in refused
    assert "(00000000-0000-4000-8000-000000000005)\n         and 2 more" in refused
    assert "the rows with these keys (id), then run again" in refused


def test_a_check_that_postgresql_prints_differently_is_left_alone(standing_at: Standing) -> None:
    revised = standing_at("post_0003")
    printed = catalog_file.load(CATALOG).definitions[Object(Kind.CONSTRAINT, "entry_crew.entry_crew_role_check")]
    revised.database.execute(
        f"ALTER TABLE entry_crew DROP CONSTRAINT entry_crew_role_check, ADD CONSTRAINT entry_crew_role_check {printed}"
    )
    revised.forget("post_0002")
    revised.upgrade("post_0003")
