"""Create the tool's own tables.

Why:       snapshot_history holds the base of the guard's three-way comparison. deploys records each deploy.
Locks:     none; new tables.
Downgrade: refused while snapshot_history has rows, because without a base the guard can't tell planned removals from
           work that nobody captured.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

from directus_sync.errors import PreconditionFailed

revision = "pre_0002"
down_revision = "pre_0001"
branch_labels = None
depends_on = None

SCHEMA = "directus_sync"


def upgrade() -> None:
    op.create_table(
        "snapshot_history",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("recorded_at", TIMESTAMP(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("source", sa.Text, nullable=False, comment="what recorded it: push, pull, adopt or rename"),
        sa.Column("directus_version", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("snapshot", sa.LargeBinary, nullable=False, comment="the YAML, byte for byte"),
        schema=SCHEMA,
        if_not_exists=True,
    )
    op.create_table(
        "deploys",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("finished_at", TIMESTAMP(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("duration", sa.Interval, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pre_head", sa.Text, nullable=False),
        sa.Column("post_head", sa.Text, nullable=False),
        sa.Column("directus_version", sa.Text, comment="NULL, as sha256, where the schema was left alone"),
        sa.Column("sha256", sa.Text, comment="of the snapshot"),
        sa.Column("revisions", sa.Integer, nullable=False, comment="how many were applied"),
        sa.Column("changes", sa.Integer, nullable=False, comment="how many were pushed"),
        sa.Column(
            "removed",
            ARRAY(sa.Text),
            nullable=False,
            server_default="{}",
            comment="what catalog.yaml lists, and was removed on purpose",
        ),
        sa.Column("notes", ARRAY(sa.Text), nullable=False, server_default="{}", comment="what it left alone, and told"),
        sa.Column("inputs", sa.Text, comment="hash of what it was given beside the database"),
        sa.Column("fingerprint", sa.Text, comment="hash of the schema it left; NULL where that is not known for sure"),
        schema=SCHEMA,
        if_not_exists=True,
    )


def downgrade() -> None:
    if not op.get_context().as_sql:
        rows = op.get_bind().scalar(sa.text(f"SELECT count(*) FROM {SCHEMA}.snapshot_history"))
        if rows:
            raise PreconditionFailed(
                f"{SCHEMA}.snapshot_history has {rows} rows, and dropping it loses the guard's base",
                next=f"to lose it: TRUNCATE {SCHEMA}.snapshot_history, then run again",
            )
    op.drop_table("deploys", schema=SCHEMA, if_exists=True)
    op.drop_table("snapshot_history", schema=SCHEMA, if_exists=True)
