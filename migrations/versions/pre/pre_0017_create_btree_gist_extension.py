"""Create the extension btree_gist.

Why:       an exclusion constraint of post_0016 checks that keys are equal and time ranges overlap. GiST can compare
           keys only with this extension.
Locks:     none that matter.
Downgrade: leaves the extension, because the constraint of post_0016 needs it.
"""

from alembic import op

revision = "pre_0017"
down_revision = "pre_0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")


def downgrade() -> None:
    pass
