from __future__ import annotations

from tests.migrations.revising import Standing

TABLE = "SELECT to_regclass('public.recompute_requests') IS NOT NULL"


def test_the_key_and_time_of_a_request_have_defaults(standing_at: Standing) -> None:
    revised = standing_at("pre_0017")
    assert revised.database.value(TABLE) is False
    revised.upgrade("pre_0018")
    revised.database.execute(
        "INSERT INTO recompute_requests (kind, event_id, item)"
        " VALUES ('geometry', gen_random_uuid(), gen_random_uuid())"
    )
    assert revised.database.value("SELECT id IS NOT NULL AND requested_at <= now() FROM recompute_requests")
    revised.downgrade("pre_0017")
    assert revised.database.value(TABLE) is False
