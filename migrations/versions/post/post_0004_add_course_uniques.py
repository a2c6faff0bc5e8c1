"""Add the composite unique constraints of the course.

Why:       names are unique within an event, positions within an event, stage or segment. Positions are checked at the
           end of a transaction, so that an operator can drag one row before another.
Locks:     ACCESS EXCLUSIVE on each of five small tables while its index is built.
Downgrade: drops the six constraints; loses no rows.
"""

from migrations import ddl

revision = "post_0004"
down_revision = "post_0003"
branch_labels = None
depends_on = None

UNIQUES = (
    ("stages", ("event_id", "name"), "stages_event_id_name_key"),
    ("geofences", ("event_id", "name"), "geofences_event_id_name_key"),
    ("speed_limit_zones", ("event_id", "name"), "speed_limit_zones_event_id_name_key"),
)
ORDERS = (
    ("stages", ("event_id", "sort_order"), "stages_event_id_sort_order_key"),
    ("segments", ("stage_id", "sort_order"), "segments_stage_id_sort_order_key"),
    ("waypoints", ("segment_id", "sort_order"), "waypoints_segment_id_sort_order_key"),
)


def upgrade() -> None:
    for table, columns, name in UNIQUES:
        ddl.add_unique(table, columns, name)
    for table, columns, name in ORDERS:
        ddl.add_unique(table, columns, name, deferred=True)


def downgrade() -> None:
    for table, _, name in (*UNIQUES, *ORDERS):
        ddl.drop_unique(table, name)
