"""Keep the last position of each device.

Why:       a live map asks for the last positions every second. Triggers update them once per statement; to find them
           in positions takes an index lookup per device and chunk. The index positions_ts is dropped: no query of the
           project needs it, it slows down every insert, and with it the planner may read the fixes of all devices to
           find the last one of a device.
Locks:     SHARE ROW EXCLUSIVE on positions while the table is filled: one index lookup per device and chunk. ACCESS
           EXCLUSIVE on positions and all its chunks for a moment, to drop the index.
Downgrade: drops the table, triggers and functions, and builds positions_ts again, which blocks writers.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION, TIMESTAMP

revision = "pre_0016"
down_revision = "pre_0015"
branch_labels = None
depends_on = None


def columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("device_id", sa.Text, primary_key=True, comment="IMEI"),
        sa.Column("ts", TIMESTAMP(timezone=True), nullable=False, comment="GPS time"),
        sa.Column("latitude", DOUBLE_PRECISION, nullable=False, comment="degrees, WGS 84"),
        sa.Column("longitude", DOUBLE_PRECISION, nullable=False, comment="degrees, WGS 84"),
        sa.Column("altitude", sa.REAL, nullable=False, comment="m"),
        sa.Column("angle", sa.REAL, nullable=False, comment="degrees clockwise from north"),
        sa.Column("speed", sa.REAL, nullable=False, comment="km/h; 0 while there is no GPS fix"),
        sa.Column("satellites", sa.SmallInteger, nullable=False),
    ]


KEY, *OTHERS = (column.name for column in columns())
NAMES = ", ".join([KEY, *OTHERS])
SET = ", ".join(f"{name} = excluded.{name}" for name in OTHERS)
INSERT = f"INSERT INTO public.last_positions AS known ({NAMES})"
# SECURITY DEFINER: the writer of positions needs no right to write to last_positions.
HEAD = "RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

# Rows are locked in the order of devices, so that two writers of many devices do not deadlock.
ARRIVED = f"""
CREATE OR REPLACE FUNCTION public.keep_last_positions() {HEAD} AS $$
BEGIN
  {INSERT}
  SELECT {", ".join(f"arrived.{name}" for name in (KEY, *OTHERS))}
  FROM (SELECT device_id, max(ts) AS ts FROM arrived WHERE NOT faulty GROUP BY device_id) AS last
  JOIN arrived USING (device_id, ts)
  ORDER BY device_id
  ON CONFLICT (device_id) DO UPDATE SET {SET} WHERE excluded.ts > known.ts;
  RETURN NULL;
END
$$"""

# Finds the last position again after fixes were changed or deleted. The device's row is locked before positions is
# read: a fix that another session is inserting is either read here, or compared with the position that was found.
AGAIN = f"""
CREATE OR REPLACE FUNCTION public.find_last_positions() {HEAD} AS $$
DECLARE
  devices text[];
BEGIN
  SELECT array_agg(DISTINCT device_id ORDER BY device_id) INTO devices FROM {{changed}};
  PERFORM FROM public.last_positions WHERE device_id = ANY (devices) ORDER BY device_id FOR UPDATE;
  DELETE FROM public.last_positions WHERE device_id = ANY (devices);
  {INSERT}
  SELECT found.* FROM unnest(devices) AS device CROSS JOIN LATERAL (
    SELECT {NAMES} FROM public.positions WHERE device_id = device AND faulty = false ORDER BY ts DESC LIMIT 1
  ) AS found
  ON CONFLICT (device_id) DO UPDATE SET {SET} WHERE excluded.ts > known.ts;
  RETURN NULL;
END
$$"""
CHANGED = {
    "update": "(SELECT device_id FROM gone UNION SELECT device_id FROM come) AS changed",
    "delete": "gone",
}
ROWS = {"update": "OLD TABLE AS gone NEW TABLE AS come", "delete": "OLD TABLE AS gone"}

EMPTIED = f"""
CREATE OR REPLACE FUNCTION public.empty_last_positions() {HEAD} AS $$
BEGIN
  DELETE FROM public.last_positions;
  RETURN NULL;
END
$$"""

# Dropping a chunk fires no triggers, so this function also deletes last positions.
DROPPED = """
CREATE OR REPLACE FUNCTION public.drop_positions(before timestamptz) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  dropped bigint;
BEGIN
  SELECT count(*) INTO dropped FROM public.drop_chunks('public.positions', older_than => before);
  DELETE FROM public.last_positions AS known WHERE ts < before AND NOT EXISTS (
    SELECT FROM public.positions WHERE device_id = known.device_id AND ts = known.ts
  );
  RETURN dropped;
END
$$"""

# Walks from device to device, and looks up the last fix of each: one lookup per device and chunk. Also to be used after
# rows were written while the triggers were off.
FILL = f"""
CREATE OR REPLACE FUNCTION public.fill_last_positions() RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  LOCK TABLE public.positions IN SHARE ROW EXCLUSIVE MODE;
  DELETE FROM public.last_positions;
  WITH RECURSIVE walked AS (
    SELECT min(device_id) AS device FROM public.positions
    UNION ALL
    SELECT (SELECT min(device_id) FROM public.positions WHERE device_id > device) FROM walked WHERE device IS NOT NULL
  )
  {INSERT}
  SELECT found.* FROM walked CROSS JOIN LATERAL (
    SELECT {NAMES} FROM public.positions WHERE device_id = device AND faulty = false ORDER BY ts DESC LIMIT 1
  ) AS found;
END
$$"""


def upgrade() -> None:
    op.create_table(
        "last_positions",
        *columns(),
        comment="the last fix of each device that is not faulty; triggers of positions keep it",
        # Leaves room in each page for the next version of a row: an update then changes no index.
        postgresql_with={"fillfactor": 50},
        if_not_exists=True,
    )
    op.execute(ARRIVED)
    op.execute(EMPTIED)
    op.execute(DROPPED)
    trigger("keep_last_positions", "INSERT", "REFERENCING NEW TABLE AS arrived")
    for action, changed in CHANGED.items():
        name = f"find_last_positions_after_{action}"
        op.execute(AGAIN.format(changed=changed).replace("find_last_positions", name))
        trigger(name, action.upper(), f"REFERENCING {ROWS[action]}")
    trigger("empty_last_positions", "TRUNCATE")
    op.execute(FILL)
    op.execute("SELECT public.fill_last_positions()")
    op.drop_index("positions_ts", "positions", if_exists=True)


def downgrade() -> None:
    for action in CHANGED:
        drop(f"find_last_positions_after_{action}")
    drop("empty_last_positions")
    drop("keep_last_positions")
    op.execute("DROP FUNCTION IF EXISTS public.drop_positions(timestamptz)")
    op.execute("DROP FUNCTION IF EXISTS public.fill_last_positions()")
    op.drop_table("last_positions", if_exists=True)
    op.create_index("positions_ts", "positions", [sa.text("ts DESC")], if_not_exists=True)


def trigger(name: str, event: str, tables: str = "") -> None:
    op.execute(
        f"CREATE OR REPLACE TRIGGER {name} AFTER {event} ON public.positions {tables}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION public.{name}()"
    )


def drop(name: str) -> None:
    op.execute(f"DROP TRIGGER IF EXISTS {name} ON public.positions")
    op.execute(f"DROP FUNCTION IF EXISTS public.{name}()")
