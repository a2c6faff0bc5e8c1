"""Record when each device sent its last good position.

Why:       Directus serves no positions, and people who watch a race must see which devices have gone silent.
Locks:     SHARE ROW EXCLUSIVE on last_positions for a moment. Afterwards a device's row is written at most once in 30
           seconds, not for each of its positions.
Rows:      fills in devices.last_position_at.
Downgrade: drops the triggers and the function; the times stay.
"""

from alembic import op

from migrations import ddl

revision = "post_0020"
down_revision = "post_0019"
branch_labels = None
depends_on = None

# A time may go back, when the last position is marked as faulty.
NOTE = """
CREATE OR REPLACE FUNCTION public.note_last_position() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path TO pg_catalog, pg_temp AS $$
BEGIN
  UPDATE public.devices AS d SET last_position_at = n.ts FROM new_rows n
  WHERE d.imei = n.device_id AND (d.last_position_at IS NULL OR n.ts < d.last_position_at
    OR n.ts >= d.last_position_at + interval '30 seconds');
  RETURN NULL;
END
$$"""
ACTIONS = ("insert", "update")


def upgrade() -> None:
    ddl.require_columns("devices", ["last_position_at"])
    op.execute(NOTE)
    for action in ACTIONS:
        op.execute(
            f"CREATE OR REPLACE TRIGGER last_positions_note_{action} AFTER {action.upper()} ON public.last_positions"
            " REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.note_last_position()"
        )
    op.execute(
        "UPDATE public.devices AS d SET last_position_at = n.ts FROM public.last_positions n"
        " WHERE d.imei = n.device_id AND d.last_position_at IS DISTINCT FROM n.ts"
    )


def downgrade() -> None:
    for action in ACTIONS:
        op.execute(f"DROP TRIGGER IF EXISTS last_positions_note_{action} ON public.last_positions")
    op.execute("DROP FUNCTION IF EXISTS public.note_last_position()")
