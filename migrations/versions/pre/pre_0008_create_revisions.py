"""Create the table of applied revisions.

Why:       the stored checksum shows if somebody edits a revision after a database has applied it.
Locks:     none; a new table.
Downgrade: drops the table; the next upgrade records the checksums of the files as they are then.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "pre_0008"
down_revision = "pre_0007"
branch_labels = None
depends_on = None

SCHEMA = "directus_sync"


def upgrade() -> None:
    op.create_table(
        "revisions",
        sa.Column("id", sa.Text, primary_key=True, comment="as in Alembic's own table"),
        sa.Column("name", sa.Text, nullable=False, comment="of its file, without .py"),
        sa.Column("checksum", sa.Text, nullable=False, comment="of what it does: comments and formatting do not count"),
        sa.Column("applied_at", TIMESTAMP(timezone=True), comment="NULL: before checksums were recorded"),
        schema=SCHEMA,
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("revisions", schema=SCHEMA, if_exists=True)
