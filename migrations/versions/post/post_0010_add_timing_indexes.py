"""Index columns by which the processor reads.

Why:       it reads which entry carries a device; who crossed an area, a point or a segment, in order of time; the
           penalties of a stage; the results of an entry; the flags of a device. Directus does not see indexes of
           several columns.
Locks:     SHARE on each of five tables while its indexes are built: writes wait. The tables are small, and all but
           entry_devices are new.
Downgrade: drops the indexes; loses no rows.
"""

from alembic import op

from migrations import ddl

revision = "post_0010"
down_revision = "post_0009"
branch_labels = None
depends_on = None

INDEXES = (
    ("entry_devices", ("device_id", "entry_id"), "entry_devices_device_id_entry_id_idx"),
    ("entry_crossings", ("segment_id", "ts"), "entry_crossings_segment_id_ts_idx"),
    ("entry_crossings", ("geofence_id", "ts"), "entry_crossings_geofence_id_ts_idx"),
    ("entry_crossings", ("waypoint_id", "ts"), "entry_crossings_waypoint_id_ts_idx"),
    ("entry_penalties", ("stage_id", "entry_id"), "entry_penalties_stage_id_entry_id_idx"),
    ("stage_results", ("entry_id", "stage_id"), "stage_results_entry_id_stage_id_idx"),
    ("position_flags", ("device_id", "from_ts"), "position_flags_device_id_from_ts_idx"),
)


def upgrade() -> None:
    for table, columns, name in INDEXES:
        ddl.require_columns(table, columns)
        op.create_index(name, table, columns, if_not_exists=True)


def downgrade() -> None:
    for table, _, name in INDEXES:
        op.drop_index(name, table, if_exists=True)
