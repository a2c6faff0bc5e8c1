"""Add the faulty column to positions.

Why:       operators mark stretches of bad fixes. Every evaluator reads only `faulty = false`; the partial index finds
           a device's latest good fixes.
Locks:     ACCESS EXCLUSIVE on positions and each of its chunks, for milliseconds: a constant default rewrites no rows.
           Building the index blocks writers, because a hypertable has no concurrent builds.
Downgrade: drops the column; refused while any position is marked faulty.
"""

import sqlalchemy as sa
from alembic import op

from directus_sync.errors import PreconditionFailed

revision = "pre_0004"
down_revision = "pre_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "positions",
        sa.Column("faulty", sa.Boolean, nullable=False, server_default=sa.false()),
        if_not_exists=True,
    )
    op.create_index(
        "positions_faulty_idx",
        "positions",
        ["device_id", sa.text("ts DESC")],
        postgresql_where=sa.text("faulty = false"),
        if_not_exists=True,
    )


def downgrade() -> None:
    if not op.get_context().as_sql:
        rows = op.get_bind().scalar(sa.text("SELECT count(*) FROM positions WHERE faulty"))
        if rows:
            raise PreconditionFailed(
                f"{rows} positions are marked faulty, and dropping the column loses the marks",
                next="to lose them: UPDATE positions SET faulty = false WHERE faulty, then run again",
            )
    op.drop_index("positions_faulty_idx", "positions", if_exists=True)
    op.drop_column("positions", "faulty", if_exists=True)
