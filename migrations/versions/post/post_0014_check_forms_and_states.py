"""Check the form of names and numbers, and fields that belong together.

Why:       Directus checks IMEIs, slugs, countries, years and capacities only for its own users. An official result has
           a time of publication, an open stage a time of opening, and an overridden penalty counts the seconds of the
           stewards. "No outcome" is always written as `none`, never left empty.
Locks:     ACCESS EXCLUSIVE on each of eight small tables while its rows are checked.
Rows:      fills in missing times of publication of official results and of opening of stages, and writes `none` for an
           empty outcome. Any other row that does not fit makes the revision fail.
Downgrade: drops the constraints; loses no rows.
"""

from alembic import op

from migrations import ddl

revision = "post_0014"
down_revision = "post_0013"
branch_labels = None
depends_on = None

SLUG = "slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'"

CHECKS = (
    ("devices", "imei ~ '^[0-9]{15}$'", "devices_imei_check"),
    ("organizations", SLUG, "organizations_slug_check"),
    ("events", SLUG, "events_slug_check"),
    ("directus_users", "nationality ~ '^[A-Z]{2}$'", "directus_users_nationality_check"),
    ("vehicles", "year BETWEEN 1900 AND 2100", "vehicles_year_check"),
    ("vehicles", "cc >= 0", "vehicles_cc_check"),
    ("entry_penalties", "status <> 'overridden' OR penalty_seconds = override_seconds", "entry_penalties_counts_check"),
    ("stage_results", "publication <> 'official' OR published_at IS NOT NULL", "stage_results_published_at_check"),
    ("stages", "status NOT IN ('open', 'closed', 'official') OR opened_at IS NOT NULL", "stages_opened_at_check"),
)

# Before this revision an outcome could be empty.
OUTCOME = "outcome IN ('none', 'dnf', 'dq')"
OUTCOMES = (
    ("penalty_formulas", "penalty_formulas_outcome_check"),
    ("entry_penalties", "entry_penalties_outcome_check"),
)

# Missing times are filled in with the time in the row that is nearest to the event.
FILLED_IN = (
    "UPDATE public.penalty_formulas SET outcome = 'none' WHERE outcome IS NULL",
    "UPDATE public.entry_penalties SET outcome = 'none' WHERE outcome IS NULL",
    "UPDATE public.stage_results SET published_at = coalesce(computed_at, updated_at, created_at, now())"
    " WHERE publication = 'official' AND published_at IS NULL",
    "UPDATE public.stages SET opened_at = least(coalesce(starts_at, updated_at, created_at, now()), closed_at)"
    " WHERE status IN ('open', 'closed', 'official') AND opened_at IS NULL",
)


def upgrade() -> None:
    ddl.require_columns("events", ["timezone"])
    for statement in FILLED_IN:
        op.execute(statement)
    for table, name in OUTCOMES:
        ddl.drop_check(table, name)
        ddl.add_check(table, f"{OUTCOME} AND outcome IS NOT NULL", name)
    for table, condition, name in CHECKS:
        ddl.add_check(table, condition, name)


def downgrade() -> None:
    for table, _, name in CHECKS:
        ddl.drop_check(table, name)
    for table, name in OUTCOMES:
        ddl.drop_check(table, name)
        ddl.add_check(table, OUTCOME, name)
