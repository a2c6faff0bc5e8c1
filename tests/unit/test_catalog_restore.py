"""An object that can't be replaced without losing something is reported, and nothing is sent to the database."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from directus_sync.catalog import Difference, Drift, Kind, Object, concurrent_indexes
from directus_sync.catalog import restore as catalog_restore
from directus_sync.errors import CatalogDrift


@pytest.mark.parametrize(
    ("kind", "name", "why"),
    [
        (Kind.COLUMN, "events.notes", "changing a column could lose values"),
        (Kind.HYPERTABLE, "positions", "chunks that exist keep their interval"),
        (Kind.TYPE, "status", "columns use it"),
        (Kind.SEQUENCE, "numbers", "its numbers are in use"),
        (Kind.MATERIALIZED_VIEW, "standings", "its indexes would go with it"),
    ],
)
def test_a_changed_object_that_holds_something_is_not_replaced(
    kind: Kind, name: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrent_indexes, "_unfinished", lambda _: [])
    connection = Mock()
    changed = Difference(Drift.CHANGED, Object(kind, name), "expected", "actual")
    with pytest.raises(CatalogDrift) as caught:
        catalog_restore.restore(connection, [changed], {changed.object: "expected"})
    assert caught.value.where == f"{changed.object} is 'actual' instead of 'expected': {why}"
    assert connection.mock_calls == []
