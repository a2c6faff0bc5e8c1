from __future__ import annotations

from directus_sync.catalog import Kind, Object
from directus_sync.catalog import file as catalog_file
from directus_sync.state.revisions import checkout_head
from tests.conftest import ROOT, Tool
from tests.course import ROWS, insert, insert_all

CATALOG = ROOT / "snapshots" / "catalog.yaml"


def test_rows_that_violate_a_check_are_counted_and_named(deployed: Tool) -> None:
    assert deployed.alembic("downgrade", "post_0002").code == 0
    with deployed.database.connect() as connection:
        insert_all(connection)
        for number in range(1, 8):
            event = {**ROWS["events"], "id": f"00000000-0000-4000-8000-00000000000{number}", "slug": f"event-{number}"}
            insert(connection, "events", {**event, "ends_at": event["starts_at"]})
    before = deployed.database.schema()

    refused = deployed.alembic("upgrade", "post_0003")

    assert refused.code != 0
    assert "events_window_check can't be added: 7 rows of events violate CHECK (ends_at > starts_at)" in refused.err
    assert "(00000000-0000-4000-8000-000000000005)\n         and 2 more" in refused.err
    assert "correct or delete the rows with these keys (id), then run again" in refused.err
    assert deployed.database.schema() == before


def test_a_check_that_was_put_back_is_left_alone(deployed: Tool) -> None:
    # PostgreSQL prints it in another way than what the revision writes.
    printed = catalog_file.load(CATALOG).definitions[Object(Kind.CONSTRAINT, "entry_crew.entry_crew_role_check")]
    deployed.database.execute(
        f"ALTER TABLE entry_crew DROP CONSTRAINT entry_crew_role_check, ADD CONSTRAINT entry_crew_role_check {printed}"
    )
    wanted = deployed.database.schema()
    assert deployed.alembic("stamp", checkout_head("pre"), "--purge").code == 0
    done = deployed.alembic("upgrade", "post_0003")
    assert done.code == 0, done.text
    assert deployed.database.schema() == wanted


def test_another_check_of_the_name_is_an_error(deployed: Tool) -> None:
    assert deployed.alembic("downgrade", "post_0002").code == 0
    deployed.database.execute("ALTER TABLE entries ADD CONSTRAINT entries_race_number_check CHECK (race_number > 99)")
    refused = deployed.alembic("upgrade", "post_0003")
    assert refused.code != 0
    assert "entries has another constraint named entries_race_number_check: CHECK ((race_number > 99))" in refused.err
    assert "ALTER TABLE entries DROP CONSTRAINT entries_race_number_check" in refused.err
