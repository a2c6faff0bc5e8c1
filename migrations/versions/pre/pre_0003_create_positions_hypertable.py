"""Create the positions hypertable.

Why:       the processor writes every GPS fix here, into one chunk a day. The table has no primary key, so Directus
           never serves it. The processor uses (device_id, ts) as its ON CONFLICT target.
Locks:     none on an empty database. If the table exists and has rows, they are moved into chunks under an ACCESS
           EXCLUSIVE lock.
Downgrade: drops positions; refused while it has rows.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION, JSONB, TIMESTAMP

from directus_sync.errors import PreconditionFailed
from migrations import ddl

revision = "pre_0003"
down_revision = "pre_0002"
branch_labels = None
depends_on = None

COLUMNS = (
    sa.Column("device_id", sa.Text, nullable=False, comment="IMEI; no foreign key, unknown devices may stream"),
    sa.Column("ts", TIMESTAMP(timezone=True), nullable=False, comment="GPS time"),
    sa.Column("ingested_at", TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("latitude", DOUBLE_PRECISION, nullable=False, comment="degrees, WGS 84"),
    sa.Column("longitude", DOUBLE_PRECISION, nullable=False, comment="degrees, WGS 84"),
    sa.Column("altitude", sa.REAL, nullable=False, comment="m"),
    sa.Column("angle", sa.REAL, nullable=False, comment="degrees clockwise from north"),
    sa.Column("speed", sa.REAL, nullable=False, comment="km/h; 0 while there is no GPS fix"),
    sa.Column("satellites", sa.SmallInteger, nullable=False),
    sa.Column("priority", sa.SmallInteger, nullable=False, comment="0 low, 1 high, 2 panic"),
    sa.Column("codec", sa.Text, nullable=False, comment="8, 8E or 16"),
    sa.Column("attributes", JSONB, nullable=False, comment="raw IO values by AVL id"),
)


def upgrade() -> None:
    if ddl.table_exists("positions"):
        ddl.require_columns("positions", [column.name for column in COLUMNS])
    else:
        op.create_table("positions", *(column.copy() for column in COLUMNS), if_not_exists=True)
    op.execute(
        "SELECT create_hypertable('positions', by_range('ts', INTERVAL '1 day'),"
        " if_not_exists => true, migrate_data => true, create_default_indexes => false)"
    )
    if not op.get_context().as_sql:
        require_daily_chunks()
    op.create_index("positions_device_ts", "positions", ["device_id", "ts"], unique=True, if_not_exists=True)
    op.create_index("positions_ts", "positions", [sa.text("ts DESC")], if_not_exists=True)


def downgrade() -> None:
    if not op.get_context().as_sql and op.get_bind().scalar(sa.text("SELECT EXISTS (SELECT FROM positions)")):
        raise PreconditionFailed(
            "positions has rows, and dropping it loses them",
            next="to lose them: TRUNCATE positions, then run again",
        )
    op.drop_table("positions", if_exists=True)


def require_daily_chunks() -> None:
    """Refuse other intervals: with if_not_exists, create_hypertable silently keeps that of an existing hypertable."""
    interval = op.get_bind().scalar(
        sa.text(
            "SELECT time_interval = INTERVAL '1 day' FROM timescaledb_information.dimensions"
            " WHERE hypertable_schema = 'public' AND hypertable_name = 'positions' AND column_name = 'ts'"
        )
    )
    if not interval:
        raise PreconditionFailed(
            "positions is a hypertable already, but its chunks are not one day of ts",
            next="SELECT set_chunk_time_interval('positions', INTERVAL '1 day'), then run again",
        )
