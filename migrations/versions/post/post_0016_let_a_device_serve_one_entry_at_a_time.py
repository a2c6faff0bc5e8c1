"""Let a device serve one entry of an event at a time, and check an event's time zone.

Why:       a position counts for the entry that carries the device. If two entries carried a device at the same time,
           the position would count for both. PostgreSQL cannot show a time in a time zone that it does not know.
Locks:     ACCESS EXCLUSIVE on entry_devices while its index is built, SHARE ROW EXCLUSIVE on events for a moment. Both
           tables are small.
Downgrade: drops the constraints, the trigger and the functions; loses no rows.
"""

import sqlalchemy as sa
from alembic import op

from directus_sync.errors import PreconditionFailed
from migrations import ddl

revision = "post_0016"
down_revision = "post_0015"
branch_labels = None
depends_on = None

WINDOW = "entry_devices_window_check"
EXCLUSION = "entry_devices_device_id_excl"

# An index may use only immutable functions. This one is, because an entry that carries a device stays in its event
# (post_0015).
EVENT_OF = """
CREATE OR REPLACE FUNCTION public.event_of_entry(entry uuid) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT SET search_path TO public, pg_temp
AS $$SELECT event_id FROM public.entries WHERE id = entry$$"""

ZONE = """
CREATE OR REPLACE FUNCTION public.refuse_unknown_time_zone() RETURNS trigger
LANGUAGE plpgsql SET search_path TO public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_timezone_names WHERE name = NEW.timezone) OR NEW.timezone ~ '^(posix|right)/' THEN
    RAISE EXCEPTION USING
      MESSAGE = concat(NEW.timezone, ' is no time zone. Use the name of one, for example Europe/Tirane.'),
      ERRCODE = 'check_violation', TABLE = 'events', CONSTRAINT = 'events_timezone_check';
  END IF;
  RETURN NEW;
END
$$"""

EXCLUDE = f"""
ALTER TABLE public.entry_devices ADD CONSTRAINT {EXCLUSION} EXCLUDE USING gist (
  device_id WITH =, public.event_of_entry(entry_id) WITH =, tstzrange(from_at, until_at) WITH &&)"""

TWICE = """
SELECT d.imei, a.race_number, b.race_number AS other
FROM public.entry_devices ad JOIN public.entry_devices bd ON bd.device_id = ad.device_id AND bd.id > ad.id
  AND tstzrange(bd.from_at, bd.until_at) && tstzrange(ad.from_at, ad.until_at)
JOIN public.entries a ON a.id = ad.entry_id JOIN public.entries b ON b.id = bd.entry_id AND b.event_id = a.event_id
JOIN public.devices d ON d.id = ad.device_id ORDER BY 1, 2, 3"""
SHOWN = 5


def require_one_entry_at_a_time() -> None:
    if op.get_context().as_sql:
        return
    found = op.get_bind().execute(sa.text(TWICE)).all()
    if found:
        lines = [f"{imei}: entries {number} and {other}" for imei, number, other in found[:SHOWN]]
        raise PreconditionFailed(
            f"{EXCLUSION} can't be added: devices serve two entries of an event at the same time, {len(found)} in all",
            where="\n".join(lines),
            next="delete one of the two rows of entry_devices, or set until_at of the first and from_at of the second;"
            " then run again",
        )


def upgrade() -> None:
    ddl.require_columns("events", ["timezone"])
    op.execute(ZONE)
    op.execute(
        "CREATE OR REPLACE TRIGGER events_refuse_unknown_time_zone BEFORE INSERT OR UPDATE OF timezone"
        " ON public.events FOR EACH ROW WHEN (NEW.timezone IS NOT NULL)"
        " EXECUTE FUNCTION public.refuse_unknown_time_zone()"
    )
    ddl.require_columns("entry_devices", ["from_at", "until_at"])
    op.execute(EVENT_OF)
    ddl.add_check("entry_devices", "until_at > from_at", WINDOW)
    op.drop_constraint(EXCLUSION, "entry_devices", if_exists=True)
    require_one_entry_at_a_time()
    op.execute(EXCLUDE)


def downgrade() -> None:
    op.drop_constraint(EXCLUSION, "entry_devices", if_exists=True)
    ddl.drop_check("entry_devices", WINDOW)
    op.execute("DROP FUNCTION IF EXISTS public.event_of_entry(uuid)")
    op.execute("DROP TRIGGER IF EXISTS events_refuse_unknown_time_zone ON public.events")
    op.execute("DROP FUNCTION IF EXISTS public.refuse_unknown_time_zone()")
