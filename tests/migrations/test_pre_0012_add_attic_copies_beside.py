from __future__ import annotations

from tests.conftest import Tool
from tests.migrations.revising import Revised, refusal

COLUMN = (
    "SELECT data_type::text, is_nullable::text FROM information_schema.columns"
    " WHERE table_schema = 'directus_sync' AND table_name = 'attic_copies' AND column_name = 'beside'"
)
COPY = """
INSERT INTO directus_sync.attic_copies (run, command, host, sha256, collection, primary_key, rows, beside)
VALUES (gen_random_uuid(), 'push', 'h', '', 'role:member', '{}', 1, '{"directus_roles": []}')"""


def test_the_column_comes_and_goes_unless_it_holds_rows(empty: Tool) -> None:
    revised = Revised(empty)
    revised.upgrade("pre_0012")
    assert empty.database.rows(COLUMN) == [("jsonb", "YES")]
    empty.database.execute(COPY)
    assert "dropping the column loses them" in refusal(revised.downgrade, "pre_0011")
    empty.database.execute("DELETE FROM directus_sync.attic_copies")
    revised.downgrade("pre_0011")
    assert empty.database.rows(COLUMN) == []
