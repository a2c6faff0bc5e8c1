"""Record who deployed what, what was approved, and which deploys failed.

Why:       an audit asks who changed the schema with which commit, and which losses somebody approved.
Locks:     ACCESS EXCLUSIVE on directus_sync.deploys, for milliseconds: nullable columns rewrite no rows.
Downgrade: drops the columns and the table of failures.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

revision = "pre_0014"
down_revision = "pre_0013"
branch_labels = None
depends_on = None

SCHEMA = "directus_sync"


def upgrade() -> None:
    for name, comment in (
        ("account", "the user of the machine, and the role of the database"),
        ("image", "DIRECTUS_SYNC_IMAGE"),
        ("commit", "of git"),
    ):
        op.add_column("deploys", sa.Column(name, sa.Text, comment=comment), schema=SCHEMA, if_not_exists=True)
    op.add_column(
        "deploys",
        sa.Column("approved", ARRAY(sa.Text), comment="items that were allowed to be lost, and why"),
        schema=SCHEMA,
        if_not_exists=True,
    )
    op.create_table(
        "failures",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("failed_at", TIMESTAMP(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("account", sa.Text),
        sa.Column("image", sa.Text),
        sa.Column("commit", sa.Text),
        sa.Column("error", sa.Text, nullable=False, comment="the id"),
        sa.Column("message", sa.Text, nullable=False, comment="without secrets"),
        sa.Column("run", sa.Uuid, nullable=False, comment="as in deploys and attic_copies"),
        schema=SCHEMA,
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("failures", schema=SCHEMA, if_exists=True)
    for name in ("approved", "commit", "image", "account"):
        op.drop_column("deploys", name, schema=SCHEMA, if_exists=True)
