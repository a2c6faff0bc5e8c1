"""Add the column `beside` to the attic's register.

Why:       with a collection Directus also deletes its permissions and presets, and with a role or policy the rows that
           say who had it. The attic also keeps and restores these rows.
Locks:     ACCESS EXCLUSIVE on the attic's register, for a moment: a nullable column rewrites no rows.
Downgrade: refused while a copy has such rows, because they may be the last ones.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from directus_sync.errors import PreconditionFailed

revision = "pre_0012"
down_revision = "pre_0011"
branch_labels = None
depends_on = None

SCHEMA = "directus_sync"


def upgrade() -> None:
    beside = sa.Column("beside", JSONB, comment="by table of Directus's own, the rows that went with the item")
    op.add_column("attic_copies", beside, schema=SCHEMA, if_not_exists=True)


def downgrade() -> None:
    if not op.get_context().as_sql:
        copies = op.get_bind().scalar(sa.text(f"SELECT count(*) FROM {SCHEMA}.attic_copies WHERE beside IS NOT NULL"))
        if copies:
            raise PreconditionFailed(
                f"{copies} copies of the attic hold permissions, presets or roles, and dropping the column loses them",
                next="restore what is needed, then delete the copies: directus-sync attic purge --older-than 0d",
            )
    op.drop_column("attic_copies", "beside", schema=SCHEMA, if_exists=True)
