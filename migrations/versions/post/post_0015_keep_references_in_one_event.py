"""Keep the references of a row in one event.

Why:       the extension checks only writes through Directus. The processor and SQL also write, and a result in the
           class of another event, or a start in a segment of another event, would be counted there.
Locks:     SHARE ROW EXCLUSIVE on each of thirteen tables, for a moment. The checks themselves take no locks: they are
           one query per statement, as for a foreign key.
Downgrade: drops the triggers and functions; loses no rows.
"""

from alembic import op

from migrations import ddl

revision = "post_0015"
down_revision = "post_0014"
branch_labels = None
depends_on = None

# For each table: joins from the rows of a statement, n, to the rows that they refer to; then groups of (column for the
# message, the expected event or owner, {reference: its actual event or owner}). An empty reference is not compared.
CHECKS = {
    "entries": (
        "LEFT JOIN public.classes c ON c.id = n.class_id",
        (("event_id", "n.event_id", {"class_id": "c.event_id"}),),
    ),
    "entry_crossings": (
        "JOIN public.entries e ON e.id = n.entry_id"
        " LEFT JOIN public.segments s ON s.id = n.segment_id LEFT JOIN public.stages t ON t.id = s.stage_id"
        " LEFT JOIN public.geofences g ON g.id = n.geofence_id"
        " LEFT JOIN public.waypoints w ON w.id = n.waypoint_id LEFT JOIN public.segments ws ON ws.id = w.segment_id"
        " LEFT JOIN public.stages wt ON wt.id = ws.stage_id",
        (
            (
                "entry_id",
                "e.event_id",
                {"segment_id": "t.event_id", "geofence_id": "g.event_id", "waypoint_id": "wt.event_id"},
            ),
        ),
    ),
    "entry_penalties": (
        "JOIN public.entries e ON e.id = n.entry_id LEFT JOIN public.stages t ON t.id = n.stage_id"
        " LEFT JOIN public.segments s ON s.id = n.segment_id LEFT JOIN public.penalty_formulas f ON f.id = n.formula_id"
        " LEFT JOIN public.entry_crossings x ON x.id = n.crossing_id",
        (
            ("entry_id", "e.event_id", {"stage_id": "t.event_id", "formula_id": "f.event_id"}),
            ("stage_id", "n.stage_id", {"segment_id": "s.stage_id"}),
            ("entry_id", "n.entry_id", {"crossing_id": "x.entry_id"}),
        ),
    ),
    "entry_segment_starts": (
        "JOIN public.entries e ON e.id = n.entry_id LEFT JOIN public.segments s ON s.id = n.segment_id"
        " LEFT JOIN public.stages t ON t.id = s.stage_id",
        (("entry_id", "e.event_id", {"segment_id": "t.event_id"}),),
    ),
    "penalty_formulas": (
        "LEFT JOIN public.classes c ON n.belongs_to_type = 'class' AND c.id = n.belongs_to_id"
        " LEFT JOIN public.geofences g ON n.belongs_to_type = 'geofence' AND g.id = n.belongs_to_id"
        " LEFT JOIN public.speed_limit_zones z"
        " ON n.belongs_to_type = 'speed_limit_zone' AND z.id = n.belongs_to_id"
        " LEFT JOIN public.waypoints w ON n.belongs_to_type = 'waypoint' AND w.id = n.belongs_to_id"
        " LEFT JOIN public.segments s ON s.id"
        " = CASE n.belongs_to_type WHEN 'segment' THEN n.belongs_to_id WHEN 'waypoint' THEN w.segment_id END"
        " LEFT JOIN public.stages t ON t.id"
        " = CASE n.belongs_to_type WHEN 'stage' THEN n.belongs_to_id ELSE s.stage_id END",
        # There is no foreign key, so a key without a row counts as another event.
        (
            (
                "event_id",
                "CASE WHEN n.belongs_to_id IS NOT NULL THEN n.event_id END",
                {
                    "belongs_to_id": "coalesce(c.event_id, g.event_id, z.event_id, t.event_id,"
                    " '00000000-0000-0000-0000-000000000000')"
                },
            ),
        ),
    ),
    "position_flags": (
        "LEFT JOIN public.entries e ON e.id = n.entry_id",
        (("event_id", "n.event_id", {"entry_id": "e.event_id"}),),
    ),
    "segments": (
        "JOIN public.stages t ON t.id = n.stage_id LEFT JOIN public.geofences a ON a.id = n.entry_geofence_id"
        " LEFT JOIN public.geofences z ON z.id = n.exit_geofence_id",
        (("stage_id", "t.event_id", {"entry_geofence_id": "a.event_id", "exit_geofence_id": "z.event_id"}),),
    ),
    "speed_limit_zones": (
        "LEFT JOIN public.geofences g ON g.id = n.geofence_id LEFT JOIN public.segments s ON s.id = n.segment_id"
        " LEFT JOIN public.stages t ON t.id = s.stage_id",
        (("event_id", "n.event_id", {"geofence_id": "g.event_id", "segment_id": "t.event_id"}),),
    ),
    "stage_results": (
        "JOIN public.stages t ON t.id = n.stage_id LEFT JOIN public.entries e ON e.id = n.entry_id"
        " LEFT JOIN public.classes c ON c.id = n.class_id",
        (("stage_id", "t.event_id", {"entry_id": "e.event_id", "class_id": "c.event_id"}),),
    ),
    "stages": (
        "LEFT JOIN public.stages i ON i.id = n.start_order_input_stage_id",
        (("event_id", "n.event_id", {"start_order_input_stage_id": "i.event_id"}),),
    ),
    "waypoints": (
        "JOIN public.segments s ON s.id = n.segment_id JOIN public.stages t ON t.id = s.stage_id"
        " LEFT JOIN public.geofences g ON g.id = n.geofence_id",
        (("segment_id", "t.event_id", {"geofence_id": "g.event_id"}),),
    ),
}

# One function for all tables, so that its name contains no table that could be renamed.
CHECK = """
CREATE OR REPLACE FUNCTION public.refuse_another_event() RETURNS trigger
LANGUAGE plpgsql SET search_path TO public, pg_temp AS $$
DECLARE
  stray text;
  than text;
BEGIN
  {branches}
  END IF;
  IF stray IS NOT NULL THEN
    RAISE EXCEPTION USING
      MESSAGE = concat(stray, ' does not fit ', than, ': they must be of the same event.'),
      ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = concat(TG_TABLE_NAME, '_same_event_check');
  END IF;
  RETURN NULL;
END
$$"""
OF_TABLE = """IF TG_TABLE_NAME = '{table}' THEN
    SELECT v.field, v.other INTO stray, than
    FROM new_rows n {joins}
    CROSS JOIN LATERAL (VALUES {pairs}) AS v (field, other, found, wanted)
    WHERE v.found <> v.wanted LIMIT 1;"""

# For each table, the column that leads to the event, and SQL for the event of a row.
HOMES = {
    "classes": ("event_id", "{row}.event_id"),
    "entries": ("event_id", "{row}.event_id"),
    "entry_crossings": ("entry_id", "(SELECT event_id FROM public.entries WHERE id = {row}.entry_id)"),
    "geofences": ("event_id", "{row}.event_id"),
    "penalty_formulas": ("event_id", "{row}.event_id"),
    "segments": ("stage_id", "(SELECT event_id FROM public.stages WHERE id = {row}.stage_id)"),
    "stages": ("event_id", "{row}.event_id"),
    "waypoints": (
        "segment_id",
        "(SELECT t.event_id FROM public.segments s JOIN public.stages t ON t.id = s.stage_id"
        " WHERE s.id = {row}.segment_id)",
    ),
}

STAY = """
CREATE OR REPLACE FUNCTION public.stay_in_the_event() RETURNS trigger
LANGUAGE plpgsql SET search_path TO public, pg_temp AS $$
DECLARE
  is_there boolean;
  referring record;
  is_used boolean;
BEGIN
  {branches}
  END IF;
  IF is_there THEN
    RETURN NEW;
  END IF;
  FOR referring IN
    SELECT conrelid::regclass::text AS rows, attname::text AS field
    FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
    WHERE contype = 'f' AND confrelid = TG_RELID ORDER BY 1, 2
  LOOP
    EXECUTE concat(
      'SELECT EXISTS (SELECT FROM ', referring.rows, ' WHERE ', quote_ident(referring.field), ' = $1)')
      INTO is_used USING NEW.id;
    IF is_used THEN
      RAISE EXCEPTION USING
        MESSAGE = concat('Rows of ', referring.rows, ' refer to it, so it stays in its event.'),
        ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = concat(TG_TABLE_NAME, '_same_event_check');
    END IF;
  END LOOP;
  RETURN NEW;
END
$$"""
HOME_OF = """IF TG_TABLE_NAME = '{table}' THEN
    is_there := {before} = {after};"""


def checks() -> str:
    branches = []
    for table, (joins, groups) in CHECKS.items():
        pairs = ", ".join(
            f"('{field}', '{other}', {found}, {wanted})"
            for other, wanted, references in groups
            for field, found in references.items()
        )
        branches.append(OF_TABLE.format(table=table, joins=joins, pairs=pairs))
    return CHECK.format(branches="\n  ELS".join(branches))


def homes() -> str:
    branches = [
        HOME_OF.format(table=table, before=home.format(row="OLD"), after=home.format(row="NEW"))
        for table, (_, home) in HOMES.items()
    ]
    return STAY.format(branches="\n  ELS".join(branches))


def upgrade() -> None:
    for table in CHECKS:
        ddl.require_columns(table, ["id"])
    op.execute(checks())
    op.execute(homes())
    for table in CHECKS:
        for action in ("insert", "update"):
            op.execute(
                f"CREATE OR REPLACE TRIGGER {table}_same_event_{action} AFTER {action.upper()} ON public.{table}"
                " REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_another_event()"
            )
    for table, (column, _) in HOMES.items():
        op.execute(
            f"CREATE OR REPLACE TRIGGER {table}_stay_in_the_event BEFORE UPDATE OF {column} ON public.{table}"
            f" FOR EACH ROW WHEN (OLD.{column} IS DISTINCT FROM NEW.{column})"
            " EXECUTE FUNCTION public.stay_in_the_event()"
        )


def downgrade() -> None:
    for table in HOMES:
        op.execute(f"DROP TRIGGER IF EXISTS {table}_stay_in_the_event ON public.{table}")
    for table in CHECKS:
        for action in ("insert", "update"):
            op.execute(f"DROP TRIGGER IF EXISTS {table}_same_event_{action} ON public.{table}")
    op.execute("DROP FUNCTION IF EXISTS public.stay_in_the_event()")
    op.execute("DROP FUNCTION IF EXISTS public.refuse_another_event()")
