"""Record changes of timing, memberships and rights.

Why:       protests and appeals ask who changed what. The processor and SQL write without Directus, so triggers record
           changes. Directus writes its activity in the same transaction, from which a trigger takes the user.
Locks:     SHARE ROW EXCLUSIVE on each of ten tables, for a moment.
Downgrade: drops the triggers and functions; the trail stays.
"""

from alembic import op

revision = "post_0013"
down_revision = "post_0012"
branch_labels = None
depends_on = None

# For each table, the column that leads to the organisation. Rights belong to no organisation.
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

# The rows that a statement changed. An update that changes a key gives two rows.
CHANGED = {
    "insert": "SELECT n.id::text AS item, NULL::jsonb AS before, to_jsonb(n) AS after FROM new_rows n",
    "update": "SELECT coalesce(n.id, o.id)::text AS item, to_jsonb(o) AS before, to_jsonb(n) AS after"
    " FROM old_rows o FULL JOIN new_rows n ON n.id = o.id",
    "delete": "SELECT o.id::text AS item, to_jsonb(o) AS before, NULL::jsonb AS after FROM old_rows o",
}
ROWS = {
    "insert": "NEW TABLE AS new_rows",
    "update": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "delete": "OLD TABLE AS old_rows",
}

# One INSERT for all rows of a statement: row by row, inserting many crossings took four times as long as without the
# trail. The organisation is stored, because the entry or stage may be deleted when somebody reads the trail. An update
# of only updated_at is not recorded. For rights no organisation is looked up, so that a rename of a collection can also
# change them.
RECORD = """
CREATE OR REPLACE FUNCTION audit.record_{action}() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  way text := TG_ARGV[0];
BEGIN
  IF way = '' THEN
    INSERT INTO audit.changes (collection, item, action, before, after)
    SELECT TG_TABLE_NAME, c.item, '{action}', c.before, c.after FROM ({changed}) AS c
    WHERE c.before - 'updated_at' IS DISTINCT FROM c.after - 'updated_at';
    RETURN NULL;
  END IF;
  INSERT INTO audit.changes (organization_id, collection, item, action, before, after)
  SELECT CASE way WHEN 'organization_id' THEN (c.kept ->> way)::uuid ELSE v.organization_id END,
    TG_TABLE_NAME, c.item, '{action}', c.before, c.after
  FROM (SELECT *, coalesce(after, before) AS kept FROM ({changed}) AS given) AS c
  LEFT JOIN public.entries e ON way = 'entry_id' AND e.id = (c.kept ->> 'entry_id')::uuid
  LEFT JOIN public.stages s ON way = 'stage_id' AND s.id = (c.kept ->> 'stage_id')::uuid
  LEFT JOIN public.events v ON v.id = CASE way
    WHEN 'event_id' THEN (c.kept ->> way)::uuid WHEN 'entry_id' THEN e.event_id WHEN 'stage_id' THEN s.event_id END
  WHERE c.before - 'updated_at' IS DISTINCT FROM c.after - 'updated_at';
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


def upgrade() -> None:
    for action, changed in CHANGED.items():
        op.execute(RECORD.format(action=action, changed=changed))
    op.execute(ACT)
    for table, way in RECORDED.items():
        for action, rows in ROWS.items():
            op.execute(
                f"CREATE OR REPLACE TRIGGER {table}_audit_{action} AFTER {action.upper()} ON public.{table}"
                f" REFERENCING {rows} FOR EACH STATEMENT EXECUTE FUNCTION audit.record_{action}('{way}')"
            )
    op.execute(ACTIVITY)


def downgrade() -> None:
    op.execute("DROP TRIGGER IF EXISTS directus_activity_audit ON public.directus_activity")
    op.execute("DROP FUNCTION IF EXISTS audit.act()")
    for action in CHANGED:
        for table in RECORDED:
            op.execute(f"DROP TRIGGER IF EXISTS {table}_audit_{action} ON public.{table}")
        op.execute(f"DROP FUNCTION IF EXISTS audit.record_{action}()")
