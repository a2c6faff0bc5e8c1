"""Create the table of requests to recompute.

Why:       a change of a course adds a request for new results in the same transaction. Afterwards the extension sends
           the request to the processor, at least once, and deletes it. Directus does not serve the table.
Locks:     none.
Downgrade: drops the table; requests that were not sent yet are lost.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "pre_0018"
down_revision = "pre_0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recompute_requests",
        sa.Column("id", postgresql.UUID(), nullable=False, server_default=sa.text("gen_random_uuid()")),
        sa.Column("kind", sa.Text(), nullable=False, comment="as in the stream recompute:requests"),
        sa.Column("event_id", postgresql.UUID(), nullable=False),
        sa.Column("stage_id", postgresql.UUID(), comment="none: the whole event"),
        sa.Column("item", postgresql.UUID(), nullable=False, comment="the row that was changed"),
        sa.Column("requested_by", postgresql.UUID(), comment="none: a writer that is no user of Directus"),
        sa.Column("requested_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="recompute_requests_pkey"),
        comment="what the extension has yet to send to the processor; triggers of the course write it",
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("recompute_requests", if_exists=True)
