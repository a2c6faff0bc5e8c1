"""Resource files for tests: one resource of each kind, for the project's own schema."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.access_files import ROLE_ID

DASHBOARD_ID: Final = "0c3f0001-0d3a-4b8e-9a51-3c0d5f6b7d01"
FLOW_ID: Final = "0c3f0001-0d3a-4b8e-9a51-3c0d5f6b7f00"
OPERATION_IDS: Final = tuple(f"0c3f0001-0d3a-4b8e-9a51-3c0d5f6b7f0{n}" for n in range(1, 5))

# The ids of all resources in the files.
ITEMS: Final = [
    "dashboard:day",
    "flow:notice",
    "operation:notice/failed",
    "operation:notice/first",
    "operation:notice/second",
    "panel:day/Events",
    "panel:day/Stages",
    "preset:events/-/-",
    "preset:events/-/Rallies",
    "preset:events/member/-",
    "setting:auth_login_attempts",
    "setting:project_name",
    "translation:sq-AL/hello",
]

# SQL that removes the resources that a deploy created, and adds the role that a preset in the files needs.
NOTHING: Final = f"""
DELETE FROM directus_sync.resource_history WHERE family = 'resources';
DELETE FROM directus_presets;
DELETE FROM directus_dashboards;
UPDATE directus_operations SET resolve = NULL, reject = NULL;
DELETE FROM directus_flows;
DELETE FROM directus_translations;
UPDATE directus_settings SET project_name = 'Directus', project_descriptor = NULL;
INSERT INTO directus_roles (id, name) VALUES ('{ROLE_ID}', 'Member')
"""

FILES: Final = {
    "settings.yaml": """\
# What we are called.
project_name: Ours
auth_login_attempts: 10
""",
    "presets/events.yaml": """\
default:
  layout_query:
    tabular: {sort: [-starts_at], fields: [name, slug]}  # short
bookmarks:
  Rallies: {icon: flag, filter: {discipline: {_eq: rally}}}
roles:
  member:
    default: {layout: cards}
""",
    "dashboards/day.yaml": f"""\
id: {DASHBOARD_ID}
name: Day
panels:
  Events: {{type: metric, position: [1, 1], size: [12, 6], options: {{collection: events, field: id, function: count}}}}
  Stages: {{type: list, position: [13, 1], size: [9, 6], options: {{collection: stages, sortField: sort_order}}}}
""",
    "flows/notice.yaml": f"""\
id: {FLOW_ID}
name: Notice
trigger: operation
operation: first
operations:
  first:
    id: {OPERATION_IDS[0]}
    type: log
    position: [19, 1]
    options: {{message: one}}
    resolve: second
    reject: failed
  second: {{id: {OPERATION_IDS[1]}, type: log, position: [37, 1], options: {{message: two}}}}
  failed: {{id: {OPERATION_IDS[2]}, type: log, position: [37, 19], options: {{message: '{{{{$env.PUBLIC_URL}}}}'}}}}
""",
    "translations/sq-AL.yaml": """\
hello: Mirëdita
""",
}


def written(folder: Path, files: dict[str, str] | None = None) -> Path:
    """Write the files and return their folder."""
    for name, text in (FILES if files is None else files).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
