"""Record changes of timing, memberships and rights.

Why:       protests and appeals ask who changed what; the processor and SQL write without Directus, so triggers record.
           Directus writes its activity in the same transaction, which tells the user.
Locks:     SHARE ROW EXCLUSIVE on each of ten tables, for a moment.
Downgrade: drops triggers, functions and the view; the trail stays.
"""

from alembic import op

revision = "post_0013"
down_revision = "post_0012"
branch_labels = None
depends_on = None

# By table: the column that leads to the organisation. Rights are of none.
RECORDED = {
    "entry_crossings": "entry_id",
    "entry_penalties": "entry_id",
    "entry_segment_starts": "entry_id",
    "organization_users": "organization_id",
    "position_flags": "event_id",
    "stage_results": "stage_id",
    "directus_access": "",
    "directus_permissions": "",
    "directus_policies": "",
}

# The organisation is stored, because its entry or stage may be gone when somebody reads. An update of nothing but
# updated_at is no change.
RECORD = """
CREATE OR REPLACE FUNCTION audit.record() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
  after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
  kept jsonb := coalesce(after, before);
  owner uuid;
BEGIN
  IF TG_OP = 'UPDATE' AND before - 'updated_at' = after - 'updated_at' THEN
    RETURN NULL;
  END IF;
  CASE TG_ARGV[0]
    WHEN 'organization_id' THEN
      owner := kept ->> 'organization_id';
    WHEN 'event_id' THEN
      SELECT organization_id INTO owner FROM public.events WHERE id = (kept ->> 'event_id')::uuid;
    WHEN 'entry_id' THEN
      SELECT v.organization_id INTO owner FROM public.entries e JOIN public.events v ON v.id = e.event_id
      WHERE e.id = (kept ->> 'entry_id')::uuid;
    WHEN 'stage_id' THEN
      SELECT v.organization_id INTO owner FROM public.stages s JOIN public.events v ON v.id = s.event_id
      WHERE s.id = (kept ->> 'stage_id')::uuid;
    ELSE
      NULL;
  END CASE;
  INSERT INTO audit.changes (organization_id, collection, item, action, before, after)
  VALUES (owner, TG_TABLE_NAME, kept ->> 'id', lower(TG_OP), before, after);
  RETURN NULL;
END
$$"""

ACT = """
CREATE OR REPLACE FUNCTION audit.act() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO audit.actors ("user", email, ip, origin, user_agent)
  VALUES (NEW."user", (SELECT email FROM public.directus_users WHERE id = NEW."user"), NEW.ip, NEW.origin,
    NEW.user_agent)
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$"""
ACTIVITY = """
CREATE OR REPLACE TRIGGER directus_activity_audit AFTER INSERT ON public.directus_activity
FOR EACH ROW WHEN (NEW.action IN ('create', 'update', 'delete')) EXECUTE FUNCTION audit.act()"""

# In `public`, where snapshots/roles.yaml says who may read it. Nobody else enters schema audit.
TRAIL = """
CREATE OR REPLACE VIEW public.audit_trail AS
SELECT c.id, c.at, c.organization_id, c.collection, c.item, c.action, c.before, c.after,
  a."user", a.email, a.ip, a.origin, a.user_agent, c.db_user
FROM audit.changes c LEFT JOIN audit.actors a ON a.tx = c.tx AND a.at = c.at"""


def upgrade() -> None:
    op.execute(RECORD)
    op.execute(ACT)
    for table, way in RECORDED.items():
        op.execute(
            f"CREATE OR REPLACE TRIGGER {table}_audit AFTER INSERT OR UPDATE OR DELETE ON public.{table}"
            f" FOR EACH ROW EXECUTE FUNCTION audit.record('{way}')"
        )
    op.execute(ACTIVITY)
    op.execute(TRAIL)


def downgrade() -> None:
    op.execute("DROP VIEW IF EXISTS public.audit_trail")
    for table in (*RECORDED, "directus_activity"):
        op.execute(f"DROP TRIGGER IF EXISTS {table}_audit ON public.{table}")
    op.execute("DROP FUNCTION IF EXISTS audit.act()")
    op.execute("DROP FUNCTION IF EXISTS audit.record()")
