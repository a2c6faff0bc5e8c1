"""Add the composite unique constraints of timing.

Why:       values that are computed or sent twice are stored once. Optional parts of a key count as equal if both are
           empty. Start positions are checked at the end of a transaction, so that entries can swap places.
Locks:     ACCESS EXCLUSIVE on each of five small tables while its index is built.
Downgrade: drops the six constraints; loses no rows.
"""

from migrations import ddl

revision = "post_0008"
down_revision = "post_0007"
branch_labels = None
depends_on = None

UNIQUES = (
    ("entry_segment_starts", ("entry_id", "segment_id"), "entry_segment_starts_entry_id_segment_id_key"),
    ("entry_penalties", ("entry_id", "dedupe_key"), "entry_penalties_entry_id_dedupe_key_key"),
    ("stage_results", ("stage_id", "entry_id"), "stage_results_stage_id_entry_id_key"),
)
OPTIONAL = (
    (
        "penalty_formulas",
        ("event_id", "belongs_to_type", "belongs_to_id", "type", "offence_key", "offence_min", "occurrence_min"),
        "penalty_formulas_bracket_key",
    ),
    (
        "entry_crossings",
        ("entry_id", "geofence_id", "waypoint_id", "direction", "ts"),
        "entry_crossings_target_direction_ts_key",
    ),
)
POSITIONS = (
    (
        "entry_segment_starts",
        ("segment_id", "start_position"),
        "entry_segment_starts_segment_id_start_position_key",
    ),
)


def upgrade() -> None:
    for table, columns, name in UNIQUES:
        ddl.add_unique(table, columns, name)
    for table, parts, name in OPTIONAL:
        ddl.add_unique(table, parts, name, nulls_not_distinct=True)
    for table, columns, name in POSITIONS:
        ddl.add_unique(table, columns, name, deferred=True)


def downgrade() -> None:
    for table, _, name in (*UNIQUES, *OPTIONAL, *POSITIONS):
        ddl.drop_unique(table, name)
