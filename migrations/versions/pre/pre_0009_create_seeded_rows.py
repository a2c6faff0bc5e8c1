"""Create the record of seeded rows.

Why:       seeding compares three sides, as a push does. A value that is still as it was seeded is updated from its
           file. Any other value was edited in Directus and is left alone.
Locks:     none; a new table.
Downgrade: drops the table. Until the next seed, a value that changed in a file looks as if it was edited in Directus.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "pre_0009"
down_revision = "pre_0008"
branch_labels = None
depends_on = None

SCHEMA = "directus_sync"


def upgrade() -> None:
    op.create_table(
        "seeded_rows",
        sa.Column("collection", sa.Text, nullable=False),
        sa.Column("item", sa.Text, nullable=False, comment="the row's primary key"),
        sa.Column("fields", JSONB, nullable=False, comment="by field, the value that a file gave it"),
        sa.Column("seeded_at", TIMESTAMP(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("collection", "item", name="seeded_rows_pkey"),
        schema=SCHEMA,
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("seeded_rows", schema=SCHEMA, if_exists=True)
