from __future__ import annotations

from tests.conftest import Tool


def test_the_extension_is_created_once_and_stays_on_downgrade(empty: Tool) -> None:
    for arguments in (("upgrade", "pre_0001"), ("downgrade", "pre@base"), ("upgrade", "pre_0001")):
        assert empty.alembic(*arguments).code == 0
        assert empty.database.value("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == 1
