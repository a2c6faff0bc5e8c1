"""Create the table that a deploy locks.

Why:       anybody who can connect can take an advisory lock, but only the role that deploys can lock this table.
Locks:     none; a new table.
Downgrade: leaves the empty table, because a second session of the same command has locked it.
"""

from alembic import op

revision = "pre_0011"
down_revision = "pre_0010"
branch_labels = None
depends_on = None

SCHEMA = "directus_sync"


def upgrade() -> None:
    op.execute(f"CREATE TABLE IF NOT EXISTS {SCHEMA}.lock ()")


def downgrade() -> None:
    """Leave the table."""
