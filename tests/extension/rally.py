"""SQL for two organisations, each with an event and members. Each user's token is the user's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import NAMESPACE_OID, uuid5

ROLE: Final = str(uuid5(NAMESPACE_OID, "role"))
# Each user's roles in the organisations A and B.
USERS: Final[Mapping[str, Mapping[str, str]]] = {
    "admin-of-a": {"A": "org-admin"},
    "director-of-a": {"A": "race-director"},
    "marshal-of-a": {"A": "marshal"},
    "timekeeper-of-a": {"A": "timekeeper"},
    "participant-of-a": {"A": "participant"},
    "viewer-of-a": {"A": "viewer"},
    "admin-of-b": {"B": "org-admin"},
    "admin-of-a-participant-of-b": {"A": "org-admin", "B": "participant"},
    "stranger": {},
}


def key(name: str) -> str:
    """Return the id of the row with this name."""
    return str(uuid5(NAMESPACE_OID, name))


def people() -> str:
    """Return SQL that creates the users with a policy that allows everything, so that only hooks can refuse."""
    policy = key("everything")
    statements = [
        f"DELETE FROM directus_policies WHERE id = '{policy}'",
        f"DELETE FROM directus_roles WHERE id = '{ROLE}'",
        f"INSERT INTO directus_roles (id, name) VALUES ('{ROLE}', 'TRM member')",
        f"INSERT INTO directus_policies (id, name, app_access, admin_access) VALUES ('{policy}', 'All', true, false)",
        f"INSERT INTO directus_access (id, role, policy) VALUES ('{key('access')}', '{ROLE}', '{policy}')",
        "INSERT INTO directus_permissions (policy, collection, action, permissions, fields)"
        f" SELECT '{policy}', collection, action, '{{}}', '*' FROM directus_collections,"
        " unnest(ARRAY['create', 'read', 'update', 'delete']) AS action WHERE collection NOT LIKE 'directus%'",
        *(
            "INSERT INTO directus_users (id, role, status, email, token)"
            f" VALUES ('{key(name)}', '{ROLE}', 'active', '{name}@example.com', '{name}')"
            for name in USERS
        ),
    ]
    return ";\n".join(statements)


def rows() -> str:
    """Return SQL that creates the rows that the tests start from."""
    statements = [line for organization in "AB" for line in _organization(organization)]
    statements += [
        "INSERT INTO organization_users (id, organization_id, user_id, role)"
        f" VALUES ('{key(f'{name} in {organization}')}', '{key(organization)}', '{key(name)}', '{role}')"
        for name, roles in USERS.items()
        for organization, role in roles.items()
    ]
    # A second event of A, with a class.
    statements += _event("A", "A2")
    statements.append(_crew("crew", "entry A", "participant-of-a", "pilot"))
    return ";\n".join(statements)


def _crew(name: str, entry: str, user: str, role: str) -> str:
    return (
        "INSERT INTO entry_crew (id, entry_id, user_id, role)"
        f" VALUES ('{key(name)}', '{key(entry)}', '{key(user)}', '{role}')"
    )


def _event(organization: str, name: str) -> list[str]:
    event = key(f"event {name}")
    # The event ends in a century, because the rights of marshals end with it.
    return [
        "INSERT INTO events (id, organization_id, name, slug, discipline, starts_at, ends_at) VALUES"
        f" ('{event}', '{key(organization)}', '{name}', '{name.lower()}', 'rally', '2026-06-06Z', '2126-06-14Z')",
        f"INSERT INTO classes (id, event_id, code, name) VALUES ('{key(f'class {name}')}', '{event}', 'M-1', 'Moto')",
    ]


def _organization(name: str) -> list[str]:
    organization, event, stage = key(name), key(f"event {name}"), key(f"stage {name}")
    vehicle, device, entry, segment = (key(f"{thing} {name}") for thing in ("vehicle", "device", "entry", "segment"))
    fence = "SRID=4326;POLYGON((19 41, 19.1 41, 19.1 41.1, 19 41))"
    return [
        f"INSERT INTO organizations (id, name, slug) VALUES ('{organization}', '{name}', '{name.lower()}')",
        *_event(name, name),
        f"INSERT INTO vehicles (id, make, model) VALUES ('{vehicle}', 'KTM', '450')",
        "INSERT INTO organization_vehicles (id, organization_id, vehicle_id)"
        f" VALUES ('{key(f'registered {name}')}', '{organization}', '{vehicle}')",
        f"INSERT INTO devices (id, imei, model) VALUES ('{device}', '35000000000000{ord(name) % 10}', 'FMB920')",
        "INSERT INTO organization_devices (id, organization_id, device_id)"
        f" VALUES ('{key(f'registered device {name}')}', '{organization}', '{device}')",
        "INSERT INTO entries (id, event_id, class_id, vehicle_id, race_number, status)"
        f" VALUES ('{entry}', '{event}', '{key(f'class {name}')}', '{vehicle}', 1, 'registered')",
        "INSERT INTO geofences (id, event_id, name, kind, geometry, manual_verification, retroactive)"
        f" VALUES ('{key(f'fence {name}')}', '{event}', 'Start', 'start', '{fence}', false, false)",
        "INSERT INTO stages (id, event_id, name, sort_order, role, status, start_order_strategy, starts_at,"
        f" start_interval_seconds) VALUES ('{stage}', '{event}', 'SS1', 1, 'regular', 'published', 'manual',"
        " '2026-06-07 06:00Z', 60)",
        "INSERT INTO segments (id, stage_id, sort_order, type, target_duration_seconds)"
        f" VALUES ('{segment}', '{stage}', 1, 'liaison', 3600)",
        "INSERT INTO waypoints (id, segment_id, sort_order, type, location, tolerance_meters, mandatory) VALUES"
        f" ('{key(f'waypoint {name}')}', '{segment}', 1, 'CP', ST_SetSRID(ST_MakePoint(19, 41), 4326), 90, true)",
    ]
