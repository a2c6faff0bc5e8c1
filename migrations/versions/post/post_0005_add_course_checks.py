"""Check the course.

Why:       choices, ranges and fields that depend on each other must hold for every writer. A geometry must be valid
           and within the earth's degrees, otherwise PostGIS can't measure it in metres.
Locks:     ACCESS EXCLUSIVE on each of five small tables while its rows are checked.
Downgrade: drops the constraints; loses no rows.
"""

from migrations import ddl

revision = "post_0005"
down_revision = "post_0004"
branch_labels = None
depends_on = None

CHECKS = (
    ("stages", "role IN ('prologue', 'regular', 'epilogue')", "stages_role_check"),
    ("stages", "status IN ('draft', 'published', 'open', 'closed', 'official', 'cancelled')", "stages_status_check"),
    (
        "stages",
        "start_order_strategy IN ('manual', 'previous_stage_clean_result', 'inverse_top_n_then_natural',"
        " 'inverse_of_overall')",
        "stages_start_order_strategy_check",
    ),
    ("stages", "start_order_input_stage_id <> id", "stages_start_order_input_stage_id_check"),
    ("stages", "start_interval_seconds > 0", "stages_start_interval_seconds_check"),
    ("stages", "mta_seconds > 0", "stages_mta_seconds_check"),
    ("stages", "closed_at >= opened_at", "stages_window_check"),
    (
        "geofences",
        "kind IN ('start', 'finish', 'time_control', 'checkpoint', 'speed_limit_zone', 'parc_ferme',"
        " 'neutralization', 'service')",
        "geofences_kind_check",
    ),
    ("geofences", "ST_IsValid(geometry)", "geofences_geometry_check"),
    ("geofences", "geometry @ ST_MakeEnvelope(-180, -90, 180, 90, 4326)", "geofences_geometry_degrees_check"),
    ("segments", "type IN ('liaison', 'special-stage', 'parc-ferme', 'neutralization')", "segments_type_check"),
    ("segments", "type <> 'liaison' OR target_duration_seconds IS NOT NULL", "segments_liaison_check"),
    (
        "segments",
        "type <> 'special-stage' OR num_nulls(entry_geofence_id, exit_geofence_id) = 0",
        "segments_special_stage_check",
    ),
    ("segments", "target_duration_seconds > 0", "segments_target_duration_seconds_check"),
    ("segments", "mta_seconds > 0", "segments_mta_seconds_check"),
    ("segments", "distance_km >= 0", "segments_distance_km_check"),
    ("segments", "closing_buffer_seconds >= 0", "segments_closing_buffer_seconds_check"),
    ("segments", "ST_IsValid(route)", "segments_route_check"),
    ("segments", "route @ ST_MakeEnvelope(-180, -90, 180, 90, 4326)", "segments_route_degrees_check"),
    (
        "waypoints",
        "type IN ('CP', 'PC', 'WPV', 'WPM', 'WPE', 'WPS', 'WPC', 'WPN', 'WPP', 'DZ', 'FZ', 'ASS')",
        "waypoints_type_check",
    ),
    ("waypoints", "location @ ST_MakeEnvelope(-180, -90, 180, 90, 4326)", "waypoints_location_degrees_check"),
    ("waypoints", "tolerance_meters > 0", "waypoints_tolerance_meters_check"),
    ("waypoints", "distance_km >= 0", "waypoints_distance_km_check"),
    ("waypoints", "closing_offset_seconds >= 0", "waypoints_closing_offset_seconds_check"),
    ("speed_limit_zones", "speed_limit_kmh > 0", "speed_limit_zones_speed_limit_kmh_check"),
    ("speed_limit_zones", "tolerance_kmh >= 0", "speed_limit_zones_tolerance_kmh_check"),
    ("speed_limit_zones", "entry_buffer_m >= 0", "speed_limit_zones_entry_buffer_m_check"),
    ("speed_limit_zones", "min_samples >= 1", "speed_limit_zones_min_samples_check"),
)


def upgrade() -> None:
    for table, condition, name in CHECKS:
        ddl.add_check(table, condition, name)


def downgrade() -> None:
    for table, _, name in CHECKS:
        ddl.drop_check(table, name)
