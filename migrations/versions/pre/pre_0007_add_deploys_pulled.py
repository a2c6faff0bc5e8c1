"""Add the column `pulled` to the log of deploys.

Why:       the column records that a pull after this deploy had nothing to write. Until something changes, the next
           pull has nothing to do either, and needs no Directus.
Locks:     ACCESS EXCLUSIVE on the log of deploys, for a moment.
Downgrade: drops the column; the next pull starts Directus again.
"""

import sqlalchemy as sa
from alembic import op

revision = "pre_0007"
down_revision = "pre_0006"
branch_labels = None
depends_on = None

SCHEMA = "directus_sync"


def upgrade() -> None:
    pulled = sa.Column("pulled", sa.Boolean, comment="a pull with the same inputs had nothing to write")
    op.add_column("deploys", pulled, schema=SCHEMA, if_not_exists=True)


def downgrade() -> None:
    op.drop_column("deploys", "pulled", schema=SCHEMA, if_exists=True)
