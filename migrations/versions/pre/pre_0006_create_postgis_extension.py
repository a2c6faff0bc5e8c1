"""Create the PostGIS extension.

Why:       the course has geometry. Directus offers geometry fields only if PostGIS is installed, so this must run
           before the push.
Locks:     none that matter.
Downgrade: leaves the extension, because columns of Directus's tables need it.
"""

from alembic import op

revision = "pre_0006"
down_revision = "pre_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS postgis")


def downgrade() -> None:
    pass
