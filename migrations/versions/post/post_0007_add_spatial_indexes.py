"""Index the geometry of the course by metres.

Why:       the processor asks which areas, waypoints and segments are near a position: docs/spatial.md. Metres need
           the type geography, and Directus does not see an index on an expression.
Locks:     SHARE on each of three small tables while its index is built: writes wait.
Downgrade: drops the three indexes; loses no rows.
"""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geography

from migrations import ddl

revision = "post_0007"
down_revision = "post_0006"
branch_labels = None
depends_on = None

INDEXES = (
    ("geofences", "geometry", "geofences_geometry_geography_idx"),
    ("segments", "route", "segments_route_geography_idx"),
    ("waypoints", "location", "waypoints_location_geography_idx"),
)


def upgrade() -> None:
    for table, column, name in INDEXES:
        ddl.require_columns(table, [column])
        # Without kind and SRID, because queries also use only ::geography. The column has both.
        metres = sa.cast(sa.column(column), Geography(geometry_type=None))
        op.create_index(name, table, [metres], postgresql_using="gist", if_not_exists=True)


def downgrade() -> None:
    for table, _, name in INDEXES:
        op.drop_index(name, table, if_exists=True)
