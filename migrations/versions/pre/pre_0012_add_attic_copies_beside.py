"""Add the column `beside` to the attic's register.

Why:       with a collection Directus deletes its permissions and presets, with a role or policy who had it; the attic
           keeps these rows, too, and puts them back.
Locks:     ACCESS EXCLUSIVE on the attic's register, for a moment: a nullable column rewrites nothing.
Downgrade: refused while a copy has such rows, because they may be all that is left of them.
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
