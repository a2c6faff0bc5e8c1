"""Say where the outline of a geofence crosses itself.

Why:       a CHECK only reports that it was violated. Directus can't validate shapes, and shows PostgreSQL's message.
           The CHECK of post_0005 stays.
Locks:     SHARE ROW EXCLUSIVE on geofences, for a moment.
Downgrade: drops the trigger and the function; loses no rows.
"""

from alembic import op

from migrations import ddl

revision = "post_0006"
down_revision = "post_0005"
branch_labels = None
depends_on = None

FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_invalid_outline() RETURNS trigger
LANGUAGE plpgsql SET search_path TO public, pg_temp AS $$
DECLARE
  flaw record;
BEGIN
  flaw := ST_IsValidDetail(NEW.geometry);
  IF NOT flaw.valid THEN
    RAISE EXCEPTION USING
      MESSAGE = concat(
        'The outline of ', NEW.name, ' is no area: ', lower(flaw.reason),
        ' at longitude ', round(ST_X(flaw.location)::numeric, 5), ', latitude ', round(ST_Y(flaw.location)::numeric, 5),
        '. Draw it without crossing itself.'),
      ERRCODE = 'check_violation', TABLE = 'geofences', CONSTRAINT = 'geofences_geometry_check';
  END IF;
  RETURN NEW;
END
$$"""
TRIGGER = """
CREATE OR REPLACE TRIGGER geofences_refuse_invalid_outline BEFORE INSERT OR UPDATE OF geometry ON geofences
FOR EACH ROW EXECUTE FUNCTION refuse_invalid_outline()"""


def upgrade() -> None:
    ddl.require_columns("geofences", ["geometry", "name"])
    op.execute(FUNCTION)
    op.execute(TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER IF EXISTS geofences_refuse_invalid_outline ON geofences")
    op.execute("DROP FUNCTION IF EXISTS refuse_invalid_outline()")
