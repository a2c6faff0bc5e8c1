"""Check roles, disciplines, states, times and race numbers.

Why:       Directus checks choices and numbers only for its own users, and cannot compare two fields. A CHECK holds for
           every writer.
Locks:     ACCESS EXCLUSIVE on each of four small tables while its rows are checked.
Downgrade: drops the six constraints; loses no rows.
"""

from migrations import ddl

revision = "post_0003"
down_revision = "post_0002"
branch_labels = None
depends_on = None

CHECKS = (
    (
        "organization_users",
        "role IN ('org-admin', 'race-director', 'marshal', 'timekeeper', 'participant', 'viewer')",
        "organization_users_role_check",
    ),
    ("events", "discipline IN ('rally', 'time-trial', 'regatta', 'trail-run', 'hike')", "events_discipline_check"),
    ("events", "ends_at > starts_at", "events_window_check"),
    (
        "entries",
        "status IN ('registered', 'confirmed', 'started', 'finished', 'dnf', 'dns', 'dq', 'withdrawn')",
        "entries_status_check",
    ),
    ("entries", "race_number > 0", "entries_race_number_check"),
    (
        "entry_crew",
        "role IN ('pilot', 'co-pilot', 'navigator', 'mechanic', 'rider', 'runner', 'hiker')",
        "entry_crew_role_check",
    ),
)


def upgrade() -> None:
    for table, condition, name in CHECKS:
        ddl.add_check(table, condition, name)


def downgrade() -> None:
    for table, _, name in CHECKS:
        ddl.drop_check(table, name)
