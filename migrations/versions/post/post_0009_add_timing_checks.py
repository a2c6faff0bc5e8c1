"""Check starts, crossings, penalties and results.

Why:       choices, ranges and fields that depend on each other must hold for every writer, also for the processor.
Locks:     ACCESS EXCLUSIVE on each of six small tables while its rows are checked.
Downgrade: drops the constraints; loses no rows.
"""

from migrations import ddl

revision = "post_0009"
down_revision = "post_0008"
branch_labels = None
depends_on = None

CHECKS = (
    (
        "penalty_formulas",
        "type IN ('slz_speed', 'waypoint_missed', 'waypoint_ratio_low', 'time_control_late',"
        " 'time_control_early', 'start_late', 'mta_exceeded', 'checkpoint_closed', 'stage_not_started',"
        " 'stage_not_finished', 'withdrawn_remaining', 'manual')",
        "penalty_formulas_type_check",
    ),
    (
        "penalty_formulas",
        "belongs_to_type IN ('event', 'class', 'stage', 'segment', 'speed_limit_zone', 'waypoint', 'geofence')",
        "penalty_formulas_belongs_to_type_check",
    ),
    (
        "penalty_formulas",
        "(belongs_to_type = 'event') = (belongs_to_id IS NULL)",
        "penalty_formulas_belongs_to_id_check",
    ),
    (
        "penalty_formulas",
        "offence_unit IN ('kmh', 'seconds', 'count', 'percent')",
        "penalty_formulas_offence_unit_check",
    ),
    ("penalty_formulas", "offence_min >= 0", "penalty_formulas_offence_min_check"),
    ("penalty_formulas", "offence_max > coalesce(offence_min, 0)", "penalty_formulas_offence_max_check"),
    ("penalty_formulas", "occurrence_min >= 1", "penalty_formulas_occurrence_min_check"),
    ("penalty_formulas", "occurrence_max >= occurrence_min", "penalty_formulas_occurrence_max_check"),
    (
        "penalty_formulas",
        "operator IN ('flat', 'per_unit', 'per_started_unit', 'per_occurrence', 'fill_mta', 'disqualify')",
        "penalty_formulas_operator_check",
    ),
    ("penalty_formulas", "penalty >= 0", "penalty_formulas_penalty_check"),
    ("penalty_formulas", "operator = 'disqualify' OR penalty IS NOT NULL", "penalty_formulas_penalty_required_check"),
    ("penalty_formulas", "outcome IN ('none', 'dnf', 'dq')", "penalty_formulas_outcome_check"),
    ("entry_segment_starts", "start_position > 0", "entry_segment_starts_start_position_check"),
    ("entry_crossings", "direction IN ('enter', 'exit', 'pass')", "entry_crossings_direction_check"),
    ("entry_crossings", "num_nonnulls(geofence_id, waypoint_id) = 1", "entry_crossings_target_check"),
    ("entry_crossings", "speed_kmh >= 0", "entry_crossings_speed_kmh_check"),
    ("entry_crossings", "source IN ('gps', 'manual', 'import')", "entry_crossings_source_check"),
    (
        "entry_crossings",
        "status IN ('auto', 'needs_verification', 'confirmed', 'rejected')",
        "entry_crossings_status_check",
    ),
    (
        "entry_penalties",
        "type IN ('slz_speed', 'waypoint_missed', 'waypoint_ratio_low', 'time_control_late',"
        " 'time_control_early', 'start_late', 'mta_exceeded', 'checkpoint_closed', 'stage_not_started',"
        " 'stage_not_finished', 'withdrawn_remaining', 'manual')",
        "entry_penalties_type_check",
    ),
    ("entry_penalties", "offence_value >= 0", "entry_penalties_offence_value_check"),
    ("entry_penalties", "computed_seconds >= 0", "entry_penalties_computed_seconds_check"),
    ("entry_penalties", "override_seconds >= 0", "entry_penalties_override_seconds_check"),
    (
        "entry_penalties",
        "override_seconds IS NULL OR coalesce(override_reason, '') <> ''",
        "entry_penalties_override_reason_check",
    ),
    ("entry_penalties", "penalty_seconds >= 0", "entry_penalties_penalty_seconds_check"),
    ("entry_penalties", "outcome IN ('none', 'dnf', 'dq')", "entry_penalties_outcome_check"),
    ("entry_penalties", "source IN ('auto', 'manual')", "entry_penalties_source_check"),
    (
        "entry_penalties",
        "status IN ('proposed', 'confirmed', 'overridden', 'waived', 'superseded')",
        "entry_penalties_status_check",
    ),
    ("entry_penalties", "status <> 'overridden' OR override_seconds IS NOT NULL", "entry_penalties_overridden_check"),
    (
        "stage_results",
        "status IN ('pending', 'running', 'finished', 'over_time', 'dnf', 'dns', 'dq')",
        "stage_results_status_check",
    ),
    ("stage_results", "raw_time_ms >= 0", "stage_results_raw_time_ms_check"),
    ("stage_results", "penalty_seconds >= 0", "stage_results_penalty_seconds_check"),
    ("stage_results", "total_time_ms >= 0", "stage_results_total_time_ms_check"),
    ("stage_results", "waypoints_missed >= 0", "stage_results_waypoints_missed_check"),
    ("stage_results", "position_overall > 0", "stage_results_position_overall_check"),
    ("stage_results", "position_class > 0", "stage_results_position_class_check"),
    ("stage_results", "gap_ms >= 0", "stage_results_gap_ms_check"),
    ("stage_results", "publication IN ('provisional', 'official')", "stage_results_publication_check"),
    ("position_flags", "to_ts >= from_ts", "position_flags_window_check"),
    ("position_flags", "rows_affected >= 0", "position_flags_rows_affected_check"),
)


def upgrade() -> None:
    for table, condition, name in CHECKS:
        ddl.add_check(table, condition, name)


def downgrade() -> None:
    for table, _, name in CHECKS:
        ddl.drop_check(table, name)
