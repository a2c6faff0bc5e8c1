"""SQL for two clubs on one database, with the same rows each.

Each row has a label. Its id is computed from collection, club and label, so tests know it without a request.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from psycopg import sql

from tests.access.people import (
    AWAY,
    BOTH,
    CLUBS,
    FOREIGN_RIDER,
    HOME,
    MEMBERS,
    RIVALS,
    ROLE,
    STEWARD,
    STUDIO,
    USERS,
    Person,
)  # fmt: skip
from tests.course import an_id, box

Row = dict[str, Any]

# Rows that nothing refers to, which can be deleted.
SPARE: Final = "spare"
# Registered with no club.
LOOSE: Final = "loose"
# Registered with both clubs.
SHARED: Final = "shared"
# The crew of each club's entry `own`.
CREWS: Final = {HOME: (MEMBERS["participant"],), AWAY: (FOREIGN_RIDER, BOTH)}
# JavaScript has no microseconds.
NOW: Final = datetime.now(UTC).replace(microsecond=0)
POINT: Final = {"type": "Point", "coordinates": [19.85, 41.30]}
LINE: Final = {"type": "LineString", "coordinates": [[19.80, 41.30], [19.90, 41.30]]}
AREA: Final = box(19.80, 41.30, 19.82, 41.32)


def row_id(collection: str, label: str, club: str = HOME) -> str:
    """Return the id of a row. A row that both clubs share has one id."""
    if collection == "directus_users":
        return Person(label, {}).id
    is_shared = label in {SHARED, LOOSE} and collection in {"vehicles", "devices"}
    return an_id(f"access.{collection}.{label}" if is_shared else f"access.{club}.{collection}.{label}")


def statements() -> str:
    """Return SQL that inserts all people and rows."""
    everything = [*_people(), *(row for club in CLUBS for row in _club(club))]
    return ";".join(insertion(collection, row) for collection, row in everything)


def labels(collection: str, club: str) -> tuple[str, ...]:
    """Return the labels of a club's rows, or the names of its members."""
    if collection == "directus_users":
        return tuple(person.name for person in USERS if club in person.memberships)
    shared = (SHARED,) if collection in {"vehicles", "devices"} else ()
    return (*(label for found, label, _ in _labelled(club) if found == collection), *shared)


def insertion(collection: str, row: Row) -> str:
    """Return SQL that inserts a row, as a writer other than Directus would."""
    values = [json.dumps(value) if isinstance(value, dict) else value for value in row.values()]
    statement = sql.SQL("INSERT INTO public.{} ({}) VALUES ({})").format(
        sql.Identifier(collection),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(map(sql.Literal, values)),
    )
    return statement.as_string()


def resolved(row: Row, club: str) -> Row:
    """Replace each pair of collection and label by the id of the club's row."""
    return {
        name: row_id(value[0], value[1], club) if isinstance(value, tuple) else value for name, value in row.items()
    }


def _people() -> Iterator[tuple[str, Row]]:
    for person in USERS:
        yield "directus_users", {
            "id": person.id, "email": f"{person.name}@example.com", "first_name": person.name, "status": "active",
            "token": person.token, "role": ROLE, "birth_date": "1980-01-01", "phone": "+355 1", "nationality": "AL",
            "emergency_contact_name": "Someone", "emergency_contact_phone": "+355 2", "licence_number": "L-1",
            "insurance_number": "I-1",
        }  # fmt: skip
    yield "directus_access", {"id": an_id("access.studio"), "policy": STUDIO, "user": STEWARD.id, "sort": 1}
    for number, label in enumerate((SHARED, LOOSE)):
        yield "vehicles", {"id": row_id("vehicles", label), "make": "Toyota", "model": "Hilux"}
        yield "devices", {"id": row_id("devices", label), "imei": f"35000000000001{number}", "model": "FMB920"}


def _club(club: str) -> Iterator[tuple[str, Row]]:
    for collection, label, given in _labelled(club):
        yield collection, {"id": row_id(collection, label, club), **resolved(given, club)}


def _labelled(club: str) -> Iterator[tuple[str, str, Row]]:
    yield from (*_club_s_own(club), *_event(club), *_course(club), *_timing(club))


def _club_s_own(club: str) -> Iterator[tuple[str, str, Row]]:
    yield "organizations", "it", {"name": club, "slug": club}
    yield "vehicles", "car", {"make": "Toyota", "model": "Land Cruiser"}
    yield "devices", "tracker", {"imei": f"35000000000000{CLUBS.index(club)}", "model": "FMB920"}
    it = {"organization_id": ("organizations", "it")}
    for person in USERS:
        if club in person.memberships:
            yield "organization_users", person.name, it | {"user_id": person.id, "role": person.memberships[club]}
    for label in ("car", SHARED):
        yield "organization_vehicles", label, it | {"vehicle_id": ("vehicles", label)}
    for label in ("tracker", SHARED):
        yield "organization_devices", label, it | {"device_id": ("devices", label)}


def _event(club: str) -> Iterator[tuple[str, str, Row]]:
    for label, began in (("now", NOW - timedelta(days=1)), ("past", NOW - timedelta(days=90))):
        yield "events", label, {
            "organization_id": ("organizations", "it"), "name": label, "slug": label, "discipline": "rally",
            "starts_at": began.isoformat(), "ends_at": (began + timedelta(days=5)).isoformat(),
        }  # fmt: skip
        yield "classes", label, {"event_id": ("events", label), "code": "C-2", "name": "C-2"}
    yield "events", SPARE, {
        "organization_id": ("organizations", "it"), "name": SPARE, "slug": SPARE, "discipline": "rally",
        "starts_at": NOW.isoformat(), "ends_at": (NOW + timedelta(days=1)).isoformat(),
    }  # fmt: skip
    yield "classes", SPARE, {"event_id": ("events", "now"), "code": SPARE, "name": SPARE}
    now = {"event_id": ("events", "now"), "class_id": ("classes", "now")}
    past = {"event_id": ("events", "past"), "class_id": ("classes", "past")}
    yield "entries", "own", now | {"race_number": 301, "status": "registered", "vehicle_id": ("vehicles", "car")}
    yield "entries", "rival", now | {
        "race_number": 302, "status": "confirmed", "notes": "secret", "vehicle_id": ("vehicles", SHARED),
    }  # fmt: skip
    yield "entries", SPARE, now | {"race_number": 303, "status": "confirmed", "vehicle_id": ("vehicles", "car")}
    yield "entries", "past", past | {"race_number": 301, "status": "registered", "vehicle_id": ("vehicles", "car")}
    for person in CREWS[club]:
        role = "pilot" if person is CREWS[club][0] else "navigator"
        yield "entry_crew", person.name, {"entry_id": ("entries", "own"), "user_id": person.id, "role": role}
    yield "entry_crew", "rival", {"entry_id": ("entries", "rival"), "user_id": RIVALS[club].id, "role": "pilot"}
    yield "entry_devices", "own", {"entry_id": ("entries", "own"), "device_id": ("devices", "tracker")}
    yield "entry_devices", "rival", {
        "entry_id": ("entries", "rival"), "device_id": ("devices", SHARED), "until_at": NOW.isoformat(),
    }  # fmt: skip


def _course(club: str) -> Iterator[tuple[str, str, Row]]:
    now = {"event_id": ("events", "now")}
    for place, (label, status) in enumerate(
        {"planned": "draft", "running": "open", "over": "closed", SPARE: "draft"}.items(), 1
    ):
        yield "stages", label, now | {
            "name": label, "sort_order": place, "role": "regular", "status": status, "start_order_strategy": "manual",
            "opened_at": NOW.isoformat() if status in {"open", "closed"} else None,
        }  # fmt: skip
    for label, kind in {"start": "start", "checkpoint": "checkpoint", "zone": "speed_limit_zone"}.items():
        yield "geofences", label, now | {"name": label, "kind": kind, "geometry": AREA}
    area = ("geofences", "start")
    special: Row = {"type": "special-stage", "entry_geofence_id": area, "exit_geofence_id": area}
    liaison: Row = {"type": "liaison", "target_duration_seconds": 600}
    for place, (label, stage, given) in enumerate(
        [
            ("planned", "planned", liaison),
            ("liaison", "running", liaison),
            ("special", "running", special),
            ("special-with-line", "running", special | {"route": LINE}),
            ("over", "over", special | {"route": LINE}),
            (SPARE, "planned", liaison),
        ]
    ):
        yield "segments", label, {"stage_id": ("stages", stage), "sort_order": place, "name": label, **given}
    for label, segment in {"planned": "planned", "running": "special", "over": "over"}.items():
        yield "waypoints", label, {
            "segment_id": ("segments", segment), "sort_order": 1, "type": "WPM", "name": f"point {label}",
            "location": POINT, "tolerance_meters": 200,
        }  # fmt: skip
    for label, part in {"everywhere": None, "planned": "planned", "running": "special"}.items():
        yield "speed_limit_zones", label, now | {
            "name": label, "geofence_id": ("geofences", "zone"), "speed_limit_kmh": 50,
            "segment_id": ("segments", part) if part else None,
        }  # fmt: skip


def _timing(club: str) -> Iterator[tuple[str, str, Row]]:
    now = {"event_id": ("events", "now")}
    yield "penalty_formulas", "rule", now | {
        "belongs_to_type": "event", "type": "slz_speed", "offence_unit": "kmh", "operator": "flat", "penalty": 60,
    }  # fmt: skip
    when = NOW.isoformat()
    yield "position_flags", "flag", now | {
        "device_id": ("devices", "tracker"), "from_ts": when, "to_ts": when, "reason": "jumps",
    }  # fmt: skip
    yield "device_commands", "command", now | {"device_id": ("devices", "tracker"), "command": "getgps"}
    yield "stage_results", "official", {
        "entry_id": ("entries", "rival"), "stage_id": ("stages", "running"), "class_id": ("classes", "now"),
        "status": "finished", "publication": "official", "published_at": NOW.isoformat(),
    }  # fmt: skip
    for place, label in enumerate(("own", "rival"), 1):
        entry = {"entry_id": ("entries", label)}
        yield "entry_segment_starts", label, entry | {"segment_id": ("segments", "liaison"), "start_position": place}
        yield "entry_crossings", label, entry | {
            "geofence_id": ("geofences", "start"), "direction": "enter", "ts": when, "source": "gps", "status": "auto",
        }  # fmt: skip
        yield "entry_penalties", label, entry | {
            "stage_id": ("stages", "over"), "type": "manual", "formula_snapshot": {}, "penalty_seconds": 60,
            "source": "manual", "status": "confirmed", "dedupe_key": "1",
        }  # fmt: skip
        yield "stage_results", label, entry | {
            "stage_id": ("stages", "over"), "class_id": ("classes", "now"), "status": "finished",
            "publication": "provisional",
        }  # fmt: skip
