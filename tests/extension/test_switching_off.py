"""`check` reports a part of the extension that was switched off, and the next deploy switches it on again."""

from __future__ import annotations

import json

from tests.conftest import ROOT, Tool
from tests.extension.conftest import Rally
from tests.extension.rally import key
from tests.processes import until

ROWS = "SELECT folder, enabled, bundle::text, id::text FROM public.directus_extensions ORDER BY folder"
MANIFEST = json.loads((ROOT / "extensions/trm/package.json").read_text())
ENTRIES = [entry["name"] for entry in MANIFEST["directus:extension"]["entries"]]


def test_deploy_creates_the_rows_that_make_directus_load_the_extension(deployed: Tool) -> None:
    rows = deployed.database.rows(ROWS)
    assert sorted(row[0] for row in rows) == sorted(["trm", *ENTRIES])
    (bundle,) = [row[3] for row in rows if row[0] == "trm"]
    assert {row[1:3] for row in rows} == {(True, None), (True, bundle)}


# Two replicas that start before the first deploy of the extension create such rows, and so do other extensions.
STRANGE_ROWS = """
INSERT INTO public.directus_extensions (id, folder, source) VALUES (gen_random_uuid(), 'x', 'local');
WITH made AS (INSERT INTO public.directus_extensions (id, folder, source)
  VALUES (gen_random_uuid(), 'trm', 'local'), (gen_random_uuid(), 'trm', 'local') RETURNING id)
INSERT INTO public.directus_extensions (id, folder, source, bundle)
SELECT gen_random_uuid(), 'trm-routes', 'local', id FROM made"""


def test_check_fails_for_a_switched_off_guard_and_deploy_switches_it_on(deployed: Tool) -> None:
    wanted = deployed.database.rows(ROWS)
    deployed.database.execute(
        "UPDATE public.directus_extensions SET enabled = false WHERE folder = 'trm-tenant-guard';"
        "DELETE FROM public.directus_extensions WHERE folder = 'trm-coherence'"
    )
    deployed.database.execute(STRANGE_ROWS)

    checked = deployed("check")
    assert checked.code == 3, checked.text
    assert "switched off: trm-tenant-guard, a part of Directus's extensions" in checked.out
    assert "switched off: trm-coherence" in checked.out
    assert "trm-routes" not in checked.out
    assert "directus-sync deploy switches on the parts of extensions" in checked.out

    done = deployed("deploy")
    assert done.code == 0, done.text
    assert "Switched on: trm-tenant-guard" in done.err
    assert "2 switched on" in done.out
    rows = deployed.database.rows(ROWS)
    assert [row for row in rows if row[0] != "x"] == wanted
    assert len(rows) == len(wanted) + 1
    assert "Nothing to do" in deployed("deploy").out


def test_a_running_directus_loads_the_parts_that_a_deploy_switched_on(rally_of: Rally) -> None:
    directus = rally_of.directus
    (row,) = directus.database.rows("SELECT id FROM public.directus_extensions WHERE folder = 'trm-tenant-guard'")
    assert directus.http.patch(f"/extensions/{row[0]}", json={"meta": {"enabled": False}}).status_code == 200
    until(lambda: directus.http.get("/trm/health").status_code == 503)
    assert directus.http.get("/trm/health").json()["missing"] == ["trm-tenant-guard"]
    checked = directus.tool("check", "--json")
    assert checked.code == 3, checked.text
    states = [{"name": "trm-tenant-guard", "state": state} for state in ("switched off", "not loaded")]
    assert json.loads(checked.out)["extensions"] == states

    done = directus.tool("deploy")
    assert done.code == 0, done.text
    until(lambda: directus.http.get("/trm/health").status_code == 200)
    with rally_of.as_user("stranger") as http:
        membership = {"organization_id": key("A"), "user_id": key("stranger"), "role": "org-admin"}
        assert http.post("/items/organization_users", json=membership).status_code == 403
