"""A result can be published once its penalties are decided, and then cannot change."""

from __future__ import annotations

import pytest

from tests.extension.conftest import Rally
from tests.extension.rally import key
from tests.extension.test_tenant_guard import code, item

RESULT = item("stage_results", "result")
OFFICIAL, PROVISIONAL = {"publication": "official"}, {"publication": "provisional"}
PUBLISHED = "SELECT publication::text, published_at IS NOT NULL, published_by::text FROM public.stage_results"


@pytest.fixture
def finished(rally_of: Rally) -> Rally:
    """The rally with a result, and a penalty of the same entry that is only proposed."""
    ids = f"'{key('stage A')}', '{key('entry A')}'"
    rally_of.directus.database.execute(
        "INSERT INTO public.stage_results (id, stage_id, entry_id, class_id, status)"
        f" VALUES ('{key('result')}', {ids}, '{key('class A')}', 'finished');"
        "INSERT INTO public.entry_penalties (id, stage_id, entry_id, type, penalty_seconds, source, status, dedupe_key,"
        f" formula_snapshot) VALUES ('{key('penalty')}', {ids}, 'manual', 60, 'manual', 'proposed', '1', '{{}}')"
    )
    return rally_of


def test_a_published_result_cannot_change(finished: Rally) -> None:
    database = finished.directus.database
    with finished.as_user("director-of-a") as http:
        assert code(http.patch(RESULT, json=OFFICIAL)) == (409, "PENALTIES_PROPOSED")
        assert database.rows(PUBLISHED) == [("provisional", False, None)]

        assert http.patch(item("entry_penalties", "penalty"), json={"status": "confirmed"}).status_code == 200
        assert http.patch(RESULT, json=OFFICIAL).status_code == 200
        assert database.rows(PUBLISHED) == [("official", True, key("director-of-a"))]

        for change in ({"penalty_seconds": 5}, OFFICIAL):
            assert code(http.patch(RESULT, json=change)) == (409, "RESULT_OFFICIAL")
        assert http.patch(RESULT, json=PROVISIONAL).status_code == 200
        assert database.rows(PUBLISHED) == [("provisional", False, None)]
        assert http.patch(RESULT, json={"penalty_seconds": 5}).status_code == 200


def test_an_unauthorised_publication_changes_nothing(finished: Rally) -> None:
    finished.directus.database.execute("UPDATE public.entry_penalties SET status = 'confirmed'")
    for user in ("marshal-of-a", "admin-of-b"):
        with finished.as_user(user) as http:
            assert http.patch(RESULT, json=OFFICIAL).status_code == 403
    assert finished.directus.database.rows(PUBLISHED) == [("provisional", False, None)]
