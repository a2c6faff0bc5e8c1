"""The expected rights of each role, written by hand and not read from the access files, which they are compared with.

In TABLE a capital letter is a right on all rows of the club, a small letter a right on the rows listed in SOME. FIELDS
and UPDATES list the fields that a role can see and change.
"""

from __future__ import annotations

from typing import Final

from tests.access.clubs import CREWS, labels
from tests.access.people import ROLES, Person

CREATE, READ, UPDATE, DELETE = "create", "read", "update", "delete"
LETTERS: Final = {CREATE: "c", READ: "r", UPDATE: "u", DELETE: "d"}

#                        org-admin race-director marshal timekeeper participant viewer
TABLE: Final = """
organizations            RU        R             R       R          R           R
organization_users       CRUD      R             r       r          r           r
directus_users           Ru        Ru            Ru      Ru         ru          ru
vehicles                 CRU       CRU           R       R          R           -
organization_vehicles    CRUD      CRU           R       R          R           -
devices                  CRU       CRU           R       R          -           -
organization_devices     CRUD      CRU           R       R          -           -
events                   CRUD      RU            R       R          R           R
classes                  CRUD      CRUD          R       R          R           R
entries                  CRUD      CRUD          Ru      R          Ru          R
entry_crew               CRUD      CRUD          R       R          crd         R
entry_devices            CRUD      CRUD          R       R          r           -
stages                   CRUD      CRUD          R       R          r           r
segments                 CRUD      CRUD          R       R          r           r
geofences                CRUD      CRUD          R       R          r           r
waypoints                CRUD      CRUD          R       R          r           r
speed_limit_zones        CRUD      CRUD          R       R          r           r
penalty_formulas         CRUD      CRUD          R       R          R           R
entry_segment_starts     CRUD      CRUD          R       RU         R           R
entry_crossings          CRU       CRU           CR      CRU        r           -
entry_penalties          CRU       CRU           R       R          r           -
stage_results            RU        RU            R       R          r           r
position_flags           CR        CR            CR      R          -           -
device_commands          CR        CR            R       R          -           -
"""
CELLS: Final = {
    (collection, role): cell
    for collection, *cells in map(str.split, TABLE.strip().splitlines())
    for role, cell in zip(ROLES, cells, strict=True)
}
COLLECTIONS: Final = tuple(dict.fromkeys(collection for collection, _ in CELLS))

# By collection and action, the labels of the rows. "own" means the person's own rows.
_OWN: Final = "own"
SOME: Final = {
    ("organization_users", READ): {_OWN},
    ("directus_users", READ): {_OWN},
    ("directus_users", UPDATE): {_OWN},
    ("entry_crew", CREATE): {_OWN},
    ("entry_crew", READ): {_OWN},
    ("entry_crew", DELETE): {_OWN},
    ("entry_devices", READ): {_OWN},
    ("stages", READ): {"running", "over"},
    ("segments", READ): {"liaison", "special", "over"},
    ("geofences", READ): {"start"},
    ("waypoints", READ): {"over"},
    ("speed_limit_zones", READ): {"everywhere", "running"},
    ("entry_crossings", READ): {_OWN},
    ("entry_penalties", READ): {_OWN},
}
# Cases in which the rows also depend on the role.
SOME_OF: Final = {
    # Entries whose event has not ended.
    ("entries", UPDATE, "marshal"): {"own", "rival", "spare"},
    ("entries", UPDATE, "participant"): {_OWN},
    ("stage_results", READ, "participant"): {_OWN, "official"},
    ("stage_results", READ, "viewer"): {"official"},
}

# The fields that a role sees, if not all.
_VEHICLE: Final = {"id", "make", "model", "year", "cc", "vin", "plate", "created_at", "updated_at"}
_DEVICE: Final = {"id", "imei", "model", "last_position_at", "created_at", "updated_at"}
_EMERGENCY: Final = {"emergency_contact_name", "emergency_contact_phone"}
_CO_MEMBER: Final = {"id", "first_name", "last_name", "avatar", "phone", "nationality", *_EMERGENCY}
FIELDS: Final = {
    **{("vehicles", role): _VEHICLE for role in ROLES},
    **{("devices", role): _DEVICE for role in ROLES},
    **{("directus_users", role): _CO_MEMBER for role in ROLES},
    ("entries", "viewer"): {"id", "event_id", "class_id", "race_number", "status"},
    ("entry_crew", "viewer"): {"id", "entry_id", "user_id", "role"},
}
# Additional fields that people see in their own profile.
OWN_PROFILE: Final = {"language"}

_EVENT: Final = "name slug discipline starts_at ends_at timezone regulation_doc_url notes"
_CROSSING: Final = "segment_id geofence_id waypoint_id direction ts device_id speed_kmh source status notes"
_PENALTY: Final = (
    "segment_id type offence_value override_seconds override_reason penalty_seconds outcome status issued_by"
)
_ORGANIZERS: Final = {
    "vehicles": "make model year cc vin plate",
    "organization_vehicles": "registered_at",
    "devices": "imei model",
    "organization_devices": "registered_at",
    "events": _EVENT,
    "classes": "code name sort_order race_number_min race_number_max description",
    "entries": "class_id vehicle_id race_number status registered_at notes",
    "entry_crew": "user_id role",
    "entry_devices": "device_id assigned_user_id mount_position from_at until_at",
    "stages": "name sort_order role status starts_at start_interval_seconds mta_seconds start_order_strategy"
    " start_order_input_stage_id start_order_strategy_params closed_at",
    "segments": "sort_order type name entry_geofence_id exit_geofence_id target_duration_seconds mta_seconds"
    " distance_km closing_buffer_seconds closes_at_override route",
    "geofences": "name kind geometry manual_verification retroactive",
    "waypoints": "sort_order type name location tolerance_meters distance_km mandatory geofence_id"
    " closing_offset_seconds closes_at_override",
    "speed_limit_zones": "name geofence_id segment_id speed_limit_kmh tolerance_kmh entry_buffer_m min_samples",
    "penalty_formulas": "type belongs_to_type belongs_to_id offence_unit offence_key offence_min offence_max"
    " occurrence_min occurrence_max operator penalty outcome retroactive enabled params regulation_ref sort_order",
    "entry_segment_starts": "start_position target_at actual_at manual_override reseed_reason",
    "entry_crossings": _CROSSING,
    "entry_penalties": _PENALTY,
}
_PROFILE: Final = (
    "first_name last_name avatar phone birth_date nationality emergency_contact_name emergency_contact_phone"
    " licence_number insurance_number language password"
)
UPDATES: Final = {
    **{(collection, role): fields for collection, fields in _ORGANIZERS.items() for role in ROLES[:2]},
    **{("directus_users", role): _PROFILE for role in ROLES},
    ("organizations", "org-admin"): "name slug",
    ("organization_users", "org-admin"): "role joined_at",
    ("entries", "marshal"): "notes",
    ("entries", "participant"): "notes vehicle_id",
    ("entry_segment_starts", "timekeeper"): "target_at manual_override reseed_reason",
    ("entry_crossings", "timekeeper"): _CROSSING,
    ("stage_results", "org-admin"): "status raw_time_ms penalty_seconds total_time_ms waypoints_missed"
    " position_overall position_class gap_ms publication",
    ("stage_results", "race-director"): "publication",
}  # fmt: skip


def rows(person: Person, club: str, collection: str, action: str) -> set[str]:
    """Return the labels of the club's rows on which a person has a right."""
    role = person.memberships.get(club)
    cell = CELLS[collection, role] if role else ""
    letter = LETTERS[action]
    everything = set(labels(collection, club))
    if letter.upper() in cell:
        return everything
    if letter not in cell:
        return set()
    assert role is not None
    listed = SOME_OF.get((collection, action, role)) or SOME[collection, action]
    own = {label for label in everything if _OWN in listed and _is_own(person, club, collection, label)}
    return own | {label for label in everything if label in listed - {_OWN}}


def seen(person: Person, club: str, collection: str, label: str) -> set[str] | None:
    """Return the fields of a row that a person can read; None means all."""
    found = FIELDS.get((collection, person.memberships[club]))
    return found | OWN_PROFILE if found and collection == "directus_users" and label == person.name else found


def changed(person: Person, club: str, collection: str, label: str) -> set[str]:
    """Return the fields of a row that a person can change."""
    if label not in rows(person, club, collection, UPDATE):
        return set()
    return set(UPDATES[collection, person.memberships[club]].split())


def _is_own(person: Person, club: str, collection: str, label: str) -> bool:
    """Return whether a row belongs to a person: it has the person's name, or the person is in the crew of its entry."""
    crew = CREWS[club]
    if collection == "entry_crew":
        return person in crew and label in {member.name for member in crew}
    return label == person.name or (label == "own" and person in crew)
