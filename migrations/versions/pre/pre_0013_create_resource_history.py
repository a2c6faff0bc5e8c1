"""Create the history of resources.

Why:       roles, policies and permissions are compared on three sides, as the schema is. The base is what files and
           database had in common last. By the base a push tells its own changes from those of others.
Locks:     none; a new table.
Downgrade: refused while it has rows, because without a base a planned removal looks like work that nobody captured.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from directus_sync.errors import PreconditionFailed

revision = "pre_0013"
down_revision = "pre_0012"
branch_labels = None
depends_on = None

SCHEMA = "directus_sync"


def upgrade() -> None:
    op.create_table(
        "resource_history",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("recorded_at", TIMESTAMP(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("source", sa.Text, nullable=False, comment="push, pull, adopt or rename"),
        sa.Column("family", sa.Text, nullable=False, comment="the kinds that are kept in the same files: access"),
        sa.Column("items", JSONB, nullable=False, comment="by item, its rows as git owns them"),
        sa.PrimaryKeyConstraint("id", name="resource_history_pkey"),
        schema=SCHEMA,
        if_not_exists=True,
    )


def downgrade() -> None:
    if not op.get_context().as_sql:
        rows = op.get_bind().scalar(sa.text(f"SELECT count(*) FROM {SCHEMA}.resource_history"))
        if rows:
            raise PreconditionFailed(
                f"{SCHEMA}.resource_history has {rows} rows, and dropping it loses the base of roles and permissions",
                next=f"to lose it: TRUNCATE {SCHEMA}.resource_history, then run again",
            )
    op.drop_table("resource_history", schema=SCHEMA, if_exists=True)
