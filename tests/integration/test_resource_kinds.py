"""The declared columns and values of each resource kind match Directus's tables."""

from __future__ import annotations

import pytest

from directus_sync.resources.families import FAMILIES
from directus_sync.resources.kinds import ID, ResourceKind
from tests.conftest import Tool

KINDS = [kind for family in FAMILIES for kind in family.kinds]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_declaration_names_every_column(settled: Tool, kind: ResourceKind) -> None:
    columns = settled.database.rows(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        f"public.{kind.table}",
    )
    owned = kind.singles or kind.owned
    assert {name for (name,) in columns} == {ID, *owned, *kind.not_captured}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.singles], ids=lambda kind: kind.name)
def test_the_declared_values_of_a_single_row_are_directus_s_defaults(bootstrapped: Tool, kind: ResourceKind) -> None:
    (row,) = bootstrapped.database.rows(f"SELECT to_jsonb(t) FROM {kind.table} t")[0]
    assert {name: row[name] for name in kind.singles} == kind.singles
