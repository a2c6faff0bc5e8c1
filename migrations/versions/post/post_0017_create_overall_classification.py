"""Create the overall classification of each event.

Why:       the view ranks the entries after all stages, in the event and in the class. It is computed when it is read,
           so no sums have to be kept up to date.
Locks:     none.
Downgrade: drops the view, which stores no rows.
"""

from alembic import op

from migrations import ddl

revision = "post_0017"
down_revision = "post_0016"
branch_labels = None
depends_on = None

# Only stages that are over count. Entries that finished all of them come first, then those with more timed stages, then
# those with less time. If times are equal, the time in the first stage decides. Entries that are out of the event,
# disqualified or without a time have no position.
VIEW = """
CREATE OR REPLACE VIEW public.overall_classification WITH (security_invoker = true) AS
WITH counted AS (
  SELECT id, event_id, row_number() OVER (PARTITION BY event_id ORDER BY sort_order) AS place,
    count(*) OVER (PARTITION BY event_id) AS stages
  FROM public.stages WHERE status IN ('closed', 'official')
), summed AS (
  SELECT e.event_id, e.class_id, e.id AS entry_id, max(c.stages) AS stages,
    count(*) FILTER (WHERE r.status = 'finished') AS stages_finished,
    count(*) FILTER (WHERE r.status IN ('finished', 'over_time')) AS stages_timed,
    sum(r.raw_time_ms)::bigint AS raw_time_ms, sum(r.penalty_seconds)::bigint AS penalty_seconds,
    sum(r.total_time_ms)::bigint AS total_time_ms, min(r.raw_time_ms) FILTER (WHERE c.place = 1) AS first_time_ms,
    e.status NOT IN ('dnf', 'dns', 'dq') AND NOT bool_or(r.status = 'dq') AND sum(r.total_time_ms) IS NOT NULL
      AS is_ranked,
    bool_and(r.publication = 'official') AS is_official
  FROM counted c
  JOIN public.stage_results r ON r.stage_id = c.id
  JOIN public.entries e ON e.id = r.entry_id
  GROUP BY e.id
), ranked AS (
  SELECT s.*,
    CASE WHEN is_ranked THEN rank() OVER (PARTITION BY event_id, is_ranked
      ORDER BY stages_finished = stages DESC, stages_timed DESC, total_time_ms, first_time_ms) END AS position_overall,
    CASE WHEN is_ranked THEN rank() OVER (PARTITION BY event_id, class_id, is_ranked
      ORDER BY stages_finished = stages DESC, stages_timed DESC, total_time_ms, first_time_ms) END AS position_class
  FROM summed s
)
SELECT event_id, class_id, entry_id, stages, stages_finished, raw_time_ms, penalty_seconds, total_time_ms,
  position_overall, position_class,
  CASE WHEN is_ranked AND stages_finished = stages THEN total_time_ms
    - min(total_time_ms) FILTER (WHERE position_overall = 1) OVER (PARTITION BY event_id) END AS gap_ms,
  CASE WHEN is_ranked AND stages_finished = stages THEN total_time_ms
    - min(total_time_ms) FILTER (WHERE position_class = 1) OVER (PARTITION BY event_id, class_id) END AS class_gap_ms,
  is_official
FROM ranked"""


def upgrade() -> None:
    ddl.require_columns("stage_results", ["stage_id", "entry_id", "total_time_ms"])
    op.execute(VIEW)


def downgrade() -> None:
    op.execute("DROP VIEW IF EXISTS public.overall_classification")
