"""${message.rstrip(".")[0].upper()}${message.rstrip(".")[1:]}.

Why:       TODO
Locks:     TODO
Downgrade: TODO
"""

# pre:  before Directus's schema is pushed. Touches nothing that Directus owns; a running Directus keeps working.
# post: after it. Creates only on tables that Directus made, and checks its preconditions first.
# Both: idempotent; constraint and index names are given, never generated; no depends_on; a test of its own in
#       tests/migrations/; a downgrade never loses data without saying so above and raising.
# Most need `from alembic import op`, or `from migrations import ddl` for what is idempotent and checks first.

revision = "${up_revision}"
down_revision = "${down_revision}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    raise NotImplementedError


def downgrade() -> None:
    raise NotImplementedError
