"""${message.rstrip(".")[0].upper()}${message.rstrip(".")[1:]}.

Why:       TODO
Locks:     TODO
Downgrade: TODO
"""

# pre:  runs before Directus's schema is pushed. Touches nothing that Directus owns; a running Directus keeps working.
# post: runs after the push. Adds only to tables that Directus made, and checks its preconditions first.
# Both: idempotent; names of constraints and indexes are given, never generated; no depends_on; a test of its own in
#       tests/migrations/. A downgrade that would lose data says so above and raises.
# Most need `from alembic import op`, or `from migrations import ddl` for idempotent DDL that checks first.

revision = "${up_revision}"
down_revision = "${down_revision}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    raise NotImplementedError


def downgrade() -> None:
    raise NotImplementedError
