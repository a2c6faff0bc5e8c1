"""For each collection, a row that a person might create in a club."""

from __future__ import annotations

from typing import Final

from tests.access.clubs import AREA, LOOSE, NOW, POINT, SHARED, Row, resolved
from tests.access.people import RIVALS, STRANGER

_NOW = {"event_id": ("events", "now")}
_ENTRY = {"entry_id": ("entries", "own")}
_IT = {"organization_id": ("organizations", "it")}
_WHEN = NOW.isoformat()
# Covers everything that anybody can create, and some rows that nobody can.
ROWS: Final[dict[str, Row]] = {
    "organizations": {"name": "new", "slug": "new"},
    "organization_users": _IT | {"user_id": STRANGER.id, "role": "viewer"},
    "directus_users": {"email": "new@example.com"},
    "vehicles": {"make": "Suzuki", "model": "Samurai"},
    "organization_vehicles": _IT | {"vehicle_id": ("vehicles", LOOSE)},
    "devices": {"imei": "350000000000020", "model": "FMB920"},
    "organization_devices": _IT | {"device_id": ("devices", LOOSE)},
    "events": _IT
    | {"name": "new", "slug": "new", "discipline": "rally", "starts_at": "2026-06-06", "ends_at": "2026-06-07"},
    "classes": _NOW | {"code": "new", "name": "new"},
    "entries": _NOW
    | {"class_id": ("classes", "now"), "race_number": 399, "status": "registered", "vehicle_id": ("vehicles", "car")},
    "entry_crew": _ENTRY | {"role": "navigator"},
    "entry_devices": _ENTRY | {"device_id": ("devices", SHARED), "from_at": _WHEN},
    "stages": _NOW
    | {"name": "new", "sort_order": 99, "role": "regular", "status": "draft", "start_order_strategy": "manual"},
    "segments": {"stage_id": ("stages", "over"), "sort_order": 99, "type": "parc-ferme"},
    "geofences": _NOW | {"name": "new", "kind": "start", "geometry": AREA},
    "waypoints": {
        "segment_id": ("segments", "liaison"),
        "sort_order": 9,
        "type": "WPM",
        "location": POINT,
        "tolerance_meters": 9,
    },
    "speed_limit_zones": _NOW | {"name": "new", "geofence_id": ("geofences", "zone"), "speed_limit_kmh": 50},
    "penalty_formulas": _NOW
    | {"belongs_to_type": "event", "type": "manual", "offence_unit": "count", "operator": "flat", "penalty": 60},
    "entry_segment_starts": _ENTRY | {"segment_id": ("segments", "special"), "start_position": 1},
    "entry_crossings": _ENTRY
    | {
        "geofence_id": ("geofences", "start"),
        "direction": "exit",
        "ts": _WHEN,
        "source": "manual",
        "status": "confirmed",
    },
    "entry_penalties": _ENTRY
    | {
        "stage_id": ("stages", "over"),
        "type": "manual",
        "formula_snapshot": {},
        "penalty_seconds": 0,
        "source": "manual",
        "status": "proposed",
        "dedupe_key": "new",
    },
    "stage_results": _ENTRY
    | {
        "stage_id": ("stages", "running"),
        "class_id": ("classes", "now"),
        "status": "finished",
        "publication": "provisional",
    },
    "position_flags": _NOW | {"device_id": ("devices", "tracker"), "from_ts": _WHEN, "to_ts": _WHEN, "reason": "jumps"},
    "device_commands": _NOW | {"device_id": ("devices", "tracker"), "command": "getver"},
}


def new_row(collection: str, club: str) -> Row:
    """Return a valid row to create in the club, with a key of its own."""
    row = {**ROWS[collection]}
    if collection == "entry_crew":
        row["user_id"] = RIVALS[club].id
    return resolved(row, club)
