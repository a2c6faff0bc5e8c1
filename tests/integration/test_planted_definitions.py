"""A pull request can put anything into catalog.yaml. A deploy restores only definitions that this database once had."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from directus_sync.catalog import Catalog, Kind, Object
from directus_sync.catalog import restore as catalog_restore
from directus_sync.errors import CatalogDrift
from tests.catalogs import CATALOG, put_back, read
from tests.conftest import SNAPSHOT, Tool

FILE = "/tmp/planted_by_a_catalog"
FUNCTION = next(item for item in yaml.safe_load(CATALOG.read_text())["functions"])

PLANTED = {
    "constraints": {
        "events.statements": "CHECK (true); CREATE TABLE public.planted ()",
        "events.copy": f"CHECK (true); COPY (SELECT 1) TO '{FILE}'",
        "events.call": f"CHECK (lo_export(lo_from_bytea(0, ''), '{FILE}') = 1)",
    },
    "functions": {
        FUNCTION: f"CREATE OR REPLACE FUNCTION public.{FUNCTION} RETURNS trigger LANGUAGE plpgsql AS $$\n"
        "BEGIN ALTER ROLE postgres PASSWORD NULL; RETURN NEW; END $$;",
    },
}


def test_deploy_never_executes_a_definition_that_no_revision_made(deployed: Tool, tmp_path: Path) -> None:
    document = yaml.safe_load(CATALOG.read_text(encoding="utf-8"))
    for section, planted in PLANTED.items():
        document[section].update(planted)
    (tmp_path / "catalog.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    snapshot = Path(shutil.copy(SNAPSHOT, tmp_path))
    deployed.database.execute("ALTER TABLE events DROP CONSTRAINT events_organization_id_slug_key")
    deployed.database.execute("INSERT INTO organizations (id, name, slug) VALUES (gen_random_uuid(), 'a', 'a')")
    before = deployed.database.value("SELECT pg_get_functiondef(%s::regprocedure)", FUNCTION)
    checked, refused = deployed("check", "--snapshot", snapshot), deployed("deploy", "--snapshot", snapshot)
    assert (checked.code, refused.code) == (3, 1), refused.text
    assert checked.out.count(f"is not put back: {catalog_restore.NEVER_MADE}") == 4
    assert refused.err.count(catalog_restore.NEVER_MADE) == 4
    assert deployed.database.value("SELECT pg_stat_file(%s, true) IS NULL", FILE)
    assert deployed.database.value("SELECT to_regclass('public.planted') IS NULL")
    assert deployed.database.value("SELECT pg_get_functiondef(%s::regprocedure)", FUNCTION) == before
    # The constraint that was really lost is restored all the same.
    assert Object(Kind.CONSTRAINT, "events.events_organization_id_slug_key") in read(deployed).definitions


ANOTHER = ("CHECK (true); CREATE TABLE public.planted ()", "CHECK (true), ADD COLUMN planted int", "CHECK (1 = 1)")


@pytest.mark.parametrize("definition", ANOTHER)
def test_restore_undoes_a_definition_that_does_something_else(settled: Tool, definition: str) -> None:
    before = read(settled)
    expected = Catalog({**before.definitions, Object(Kind.CONSTRAINT, "positions.planted"): definition})
    with pytest.raises(CatalogDrift, match="1 object is not") as refused:
        put_back(settled, expected)
    assert "its definition does something else" in str(refused.value)
    assert read(settled) == before
