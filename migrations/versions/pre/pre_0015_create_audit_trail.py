"""Create the audit trail.

Why:       records who changed penalties, results and rights, when and from where. Directus's revisions lack foreign
           keys and deleted rows. Triggers of the post branch write here.
Locks:     none on other tables.
Downgrade: refused while the trail has rows, because they exist nowhere else, and while post_0013 writes to it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from directus_sync.errors import PreconditionFailed

revision = "pre_0015"
down_revision = "pre_0014"
branch_labels = None
depends_on = None

SCHEMA = "audit"

# This also holds for the owner, unless he disables the triggers. The local Directus works as the owner.
APPEND_ONLY = """
CREATE OR REPLACE FUNCTION audit.refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE 'The audit trail is append-only.' USING ERRCODE = 'insufficient_privilege';
END
$$"""


# The view is in `public`; snapshots/roles.yaml lists who may read it. Nobody else has access to schema audit.
TRAIL = """
CREATE OR REPLACE VIEW public.audit_trail AS
SELECT c.id, c.at, c.organization_id, c.collection, c.item, c.action, c.before, c.after,
  a."user", a.email, a.ip, a.origin, a.user_agent, c.db_user
FROM audit.changes c LEFT JOIN audit.actors a ON a.tx = c.tx AND a.at = c.at"""


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS audit")
    # A transaction is known by its number and the time of its start. In a restored dump numbers could repeat.
    of_transaction = (("tx", sa.Text(), "pg_current_xact_id()::text"), ("at", TIMESTAMP(timezone=True), "now()"))
    op.create_table(
        "changes",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        *(sa.Column(name, kind, server_default=sa.text(sql), nullable=False) for name, kind, sql in of_transaction),
        sa.Column("organization_id", sa.Uuid, comment="NULL: of no organisation, as rights are"),
        sa.Column("collection", sa.Text, nullable=False),
        sa.Column("item", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False, comment="insert, update or delete"),
        sa.Column("before", JSONB),
        sa.Column("after", JSONB),
        sa.Column("db_user", sa.Text, server_default=sa.text("session_user"), nullable=False),
        schema=SCHEMA,
        if_not_exists=True,
    )
    op.create_index(
        "changes_organization_id_id_idx", "changes", ["organization_id", "id"], schema=SCHEMA, if_not_exists=True
    )
    op.create_table(
        "actors",
        *(sa.Column(name, kind, server_default=sa.text(sql), nullable=False) for name, kind, sql in of_transaction),
        sa.Column("user", sa.Uuid, comment="no foreign key: it stays when the user goes"),
        sa.Column("email", sa.Text),
        sa.Column("ip", sa.Text),
        sa.Column("origin", sa.Text),
        sa.Column("user_agent", sa.Text),
        sa.PrimaryKeyConstraint("tx", "at", name="actors_pkey"),
        schema=SCHEMA,
        if_not_exists=True,
    )
    op.execute(APPEND_ONLY)
    for table in ("changes", "actors"):
        op.execute(
            f"CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit.{table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse()"
        )
    op.execute(TRAIL)


def downgrade() -> None:
    if not op.get_context().as_sql:
        if op.get_bind().scalar(sa.text("SELECT to_regprocedure('audit.act()')")) is not None:
            raise PreconditionFailed(
                "post_0013 still records into the audit trail", next="undo it first: alembic downgrade post_0012"
            )
        changes = op.get_bind().scalar(sa.text("SELECT count(*) FROM audit.changes"))
        if changes:
            raise PreconditionFailed(
                f"the audit trail has {changes} changes, and dropping it loses them",
                next="keep them elsewhere, then TRUNCATE audit.changes as its owner",
            )
    op.execute("DROP VIEW IF EXISTS public.audit_trail")
    for table in ("actors", "changes"):
        op.drop_table(table, schema=SCHEMA, if_exists=True)
    op.execute("DROP FUNCTION IF EXISTS audit.refuse()")
    op.execute("DROP SCHEMA IF EXISTS audit")
