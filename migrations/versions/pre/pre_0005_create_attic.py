"""Create the attic.

Why:       before a push drops or narrows anything, the tool copies its data into schema attic. attic_copies describes
           each copy; its column run refers to the deploy that took the copy.
Locks:     ACCESS EXCLUSIVE on directus_sync.deploys, for milliseconds: a nullable column rewrites no rows.
Downgrade: refused while there are copies, because they may be all that is left of the rows.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

from directus_sync.errors import PreconditionFailed

revision = "pre_0005"
down_revision = "pre_0004"
branch_labels = None
depends_on = None

SCHEMA = "directus_sync"


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS attic")
    op.create_table(
        "attic_copies",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("taken_at", TIMESTAMP(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("run", sa.Uuid, nullable=False, comment="the run of the command that took it"),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False, comment="of the snapshot that was being pushed"),
        sa.Column("collection", sa.Text, nullable=False),
        sa.Column("field", sa.Text, comment="NULL: the whole collection"),
        sa.Column("table_name", sa.Text, sa.Computed("'copy_' || id::text", persisted=True), comment="in schema attic"),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("primary_key", ARRAY(sa.Text), nullable=False),
        sa.Column("became", sa.Text, comment="the type that the push gave to a column it kept"),
        sa.Column("definition", JSONB, comment="the item in the snapshot of the server before the push"),
        sa.Column("restored_at", TIMESTAMP(timezone=True)),
        schema=SCHEMA,
        if_not_exists=True,
    )
    op.add_column("deploys", sa.Column("run", sa.Uuid, comment="as in attic_copies"), schema=SCHEMA, if_not_exists=True)


def downgrade() -> None:
    if not op.get_context().as_sql:
        copies = op.get_bind().scalar(sa.text(f"SELECT count(*) FROM {SCHEMA}.attic_copies"))
        if copies:
            raise PreconditionFailed(
                f"the attic holds {copies} copies, and dropping it loses them",
                next="restore what is needed, then delete the copies: directus-sync attic purge --older-than 0d",
            )
    op.drop_column("deploys", "run", schema=SCHEMA, if_exists=True)
    op.drop_table("attic_copies", schema=SCHEMA, if_exists=True)
    op.execute("DROP SCHEMA IF EXISTS attic")
