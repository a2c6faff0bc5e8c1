"""Access files for tests: a few roles, policies and rules over the project's own schema."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from directus_sync.schema import snapshot as snapshots

ROLE_ID: Final = "0c3f0001-0d3a-4b8e-9a51-3c0d5f6b7a01"
ADMIN_ID: Final = "0c3f0001-0d3a-4b8e-9a51-3c0d5f6b7b01"
MARSHAL_ID: Final = "0c3f0001-0d3a-4b8e-9a51-3c0d5f6b7b02"
BASE_ID: Final = "0c3f0001-0d3a-4b8e-9a51-3c0d5f6b7b03"

# SQL that removes the rows that a deploy created from the project's own access files.
NOTHING: Final = """
DO $$ BEGIN
  TRUNCATE directus_sync.resource_history;
  DELETE FROM directus_permissions;
  DELETE FROM directus_access a USING directus_policies p
    WHERE p.id = a.policy AND NOT p.admin_access AND role IS NOT NULL;
  DELETE FROM directus_roles r WHERE NOT EXISTS (SELECT FROM directus_access a WHERE a.role = r.id);
  DELETE FROM directus_policies p WHERE NOT p.admin_access AND NOT EXISTS
    (SELECT FROM directus_access a WHERE a.policy = p.id);
END $$
"""

TOP: Final = f"""\
# Who there is.
roles:
  member:
    id: {ROLE_ID}
    name: Member
    policies: [base, org-admin, marshal]
policies:
  base: {{id: {BASE_ID}, name: Base}}
  org-admin: {{id: {ADMIN_ID}, name: Organisation admin, member: [org-admin]}}
  marshal: {{id: {MARSHAL_ID}, name: Marshal, member: [marshal]}}
"""
EVENTS: Final = """\
tenant: organization_id
org-admin: {create: '*', read: '*', update: [name, slug], delete: true}
marshal: {read: [id, name]}  # no notes
"""
STAGES: Final = """\
tenant: event_id.organization_id
rows:
  draft: {status: {_eq: draft}}
org-admin: {create: '*', read: '*', update: [name, status], delete: {rows: [tenant, draft]}}
marshal: {read: {fields: '*', rows: [tenant, {status: {_neq: draft}}]}}
"""


def written(folder: Path, top: str = TOP, **collections: str) -> Path:
    """Write the given files, or those of events and stages by default; return their folder."""
    (folder / "collections").mkdir(parents=True, exist_ok=True)
    (folder / "access.yaml").write_text(top, encoding="utf-8")
    for name, text in (collections or {"events": EVENTS, "stages": STAGES}).items():
        (folder / "collections" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def complete(snapshot: Path, top: str = TOP, **collections: str) -> Path:
    """Write the access files beside a snapshot, one for each of its collections; return their folder.

    Collections whose file is not given grant nothing.
    """
    schema = snapshots.read(snapshot)
    names = [name for (name,), entry in schema.section("collections").items() if entry.get("schema")]
    given = dict.fromkeys(names, "base: {}\n") | {"events": EVENTS} | collections
    return written(snapshot.with_name("access"), top, **given)
