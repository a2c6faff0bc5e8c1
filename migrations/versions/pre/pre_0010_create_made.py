"""Create the table of objects that revisions made.

Why:       a deploy executes a definition of catalog.yaml only if this database once had exactly that object.
Locks:     none; a new table.
Downgrade: drops the table; the next deploy records the objects that the database then has.
"""

import sqlalchemy as sa
from alembic import op

revision = "pre_0010"
down_revision = "pre_0009"
branch_labels = None
depends_on = None

SCHEMA = "directus_sync"


def upgrade() -> None:
    op.create_table(
        "made",
        sa.Column("kind", sa.Text, primary_key=True, comment="the section of catalog.yaml"),
        sa.Column("name", sa.Text, primary_key=True, comment="as in catalog.yaml"),
        sa.Column("definition", sa.Text, nullable=False, comment="as PostgreSQL printed it in this database"),
        schema=SCHEMA,
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("made", schema=SCHEMA, if_exists=True)
