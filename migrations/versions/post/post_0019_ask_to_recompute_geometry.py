"""Ask to recompute results when a place changes.

Why:       passes, penalties and results depend on geofences, waypoints and speed zones. A change of one, through
           Directus or by SQL, adds a request to compute them again in the same transaction.
Locks:     SHARE ROW EXCLUSIVE on each of three small tables, for a moment.
Downgrade: drops the triggers and the function; loses no rows.
"""

from alembic import op

from migrations import ddl

revision = "post_0019"
down_revision = "post_0018"
branch_labels = None
depends_on = None

# For each table, the columns on which passes and penalties depend. A waypoint leads to its event by its segment, and a
# zone may have a segment.
PLACES = {
    "geofences": ("geometry",),
    "waypoints": ("location", "tolerance_meters", "geofence_id", "segment_id", "type", "mandatory"),
    "speed_limit_zones": (
        "geofence_id",
        "segment_id",
        "speed_limit_kmh",
        "tolerance_kmh",
        "entry_buffer_m",
        "min_samples",
    ),
}

ASK = """
CREATE OR REPLACE FUNCTION public.ask_to_recompute() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path TO pg_catalog, pg_temp AS $$
DECLARE
  place jsonb := to_jsonb(NEW) - 'geometry' - 'location';
BEGIN
  INSERT INTO public.recompute_requests (kind, event_id, stage_id, item)
  SELECT 'geometry', coalesce((place ->> 'event_id')::uuid, t.event_id), t.id, NEW.id
  FROM (SELECT (place ->> 'segment_id')::uuid AS segment) AS part
  LEFT JOIN public.segments s ON s.id = part.segment
  LEFT JOIN public.stages t ON t.id = s.stage_id;
  RETURN NULL;
END
$$"""


def upgrade() -> None:
    op.execute(ASK)
    for table, columns in PLACES.items():
        ddl.require_columns(table, columns)
        changed = " OR ".join(f"{_value('OLD', column)} IS DISTINCT FROM {_value('NEW', column)}" for column in columns)
        op.execute(
            f"CREATE OR REPLACE TRIGGER {table}_ask_to_recompute AFTER UPDATE ON public.{table}"
            f" FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION public.ask_to_recompute()"
        )


def _value(row: str, column: str) -> str:
    """Return the SQL of a value for a comparison.

    A geometry is compared as bytes: IS DISTINCT FROM cannot name the schema of PostGIS's operator, and a lost trigger
    is restored with only `pg_catalog` on the path.
    """
    return f"public.ST_AsEWKB({row}.{column})" if column in {"geometry", "location"} else f"{row}.{column}"


def downgrade() -> None:
    for table in PLACES:
        op.execute(f"DROP TRIGGER IF EXISTS {table}_ask_to_recompute ON public.{table}")
    op.execute("DROP FUNCTION IF EXISTS public.ask_to_recompute()")
