"""Create the TimescaleDB extension.

Why:       positions is a hypertable.
Locks:     none that matter.
Downgrade: leaves the extension, because other hypertables of this database may need it.
"""

from alembic import op

revision = "pre_0001"
down_revision = None
branch_labels = ("pre",)
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")


def downgrade() -> None:
    pass
